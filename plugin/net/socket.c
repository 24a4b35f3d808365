#include "net/socket.h"

#include <nanomsg/nn.h>
#include <nanomsg/pair.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/error.h"

void *dc__message_alloc(size_t n)
{
    return nn_allocmsg(n, 0);
}

void *dc__message_shrink(void *message, size_t n)
{
    return nn_reallocmsg(message, n);
}

void dc__message_free(void *message)
{
    if (message) (void)nn_freemsg(message);
}

static int open_end(int buffer_bytes)
{
    const int socket = nn_socket(AF_SP, NN_PAIR), any = -1;
    if (socket < 0) return -1;
    (void)nn_setsockopt(socket, NN_SOL_SOCKET, NN_RCVMAXSIZE, &any, sizeof any); /* in the process: ours */
    (void)nn_setsockopt(socket, NN_SOL_SOCKET, NN_RCVBUF, &buffer_bytes, sizeof buffer_bytes);
    return socket;
}

dc_error dc__socket_pair(int ends[2], const int buffer_bytes[2])
{
    static _Atomic unsigned next;
    char name[48];
    (void)snprintf(name, sizeof name, "inproc://dynacomm-%ld-%u", (long)getpid(), atomic_fetch_add(&next, 1));
    for (int k = 0; k < 2; k++)
        ends[k] = open_end(buffer_bytes[k]);
    if (ends[0] >= 0 && ends[1] >= 0 && nn_bind(ends[0], name) >= 0 && nn_connect(ends[1], name) >= 0)
        return DC_OK;
    const int why = nn_errno();
    for (int k = 0; k < 2; k++)
        dc__socket_close(ends[k]);
    return dc__fail(DC_ENET, "cannot open a socket: %s", nn_strerror(why));
}

void dc__socket_close(int socket)
{
    if (socket >= 0) (void)nn_close(socket);
}

static void set_wait(int socket, int option, int wait_ms)
{
    (void)nn_setsockopt(socket, NN_SOL_SOCKET, option, &wait_ms, sizeof wait_ms);
}

bool dc__socket_send(int socket, void *message, int wait_ms)
{
    if (nn_send(socket, &message, NN_MSG, NN_DONTWAIT) >= 0) return true;
    if (wait_ms == 0) return false;
    set_wait(socket, NN_SNDTIMEO, wait_ms);
    return nn_send(socket, &message, NN_MSG, 0) >= 0;
}

void *dc__socket_receive(int socket, size_t *n, int wait_ms)
{
    void *message = NULL;
    int got = nn_recv(socket, &message, NN_MSG, NN_DONTWAIT);
    if (got < 0 && wait_ms != 0) {
        set_wait(socket, NN_RCVTIMEO, wait_ms);
        got = nn_recv(socket, &message, NN_MSG, 0);
    }
    if (got < 0) return NULL;
    *n = (size_t)got;
    return message;
}

static int fd_of(int socket, int option)
{
    int fd = -1;
    size_t n = sizeof fd;
    return nn_getsockopt(socket, NN_SOL_SOCKET, option, &fd, &n) == 0 ? fd : -1;
}

int dc__socket_readable_fd(int socket)
{
    return fd_of(socket, NN_RCVFD);
}

int dc__socket_writable_fd(int socket)
{
    return fd_of(socket, NN_SNDFD);
}
