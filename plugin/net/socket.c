#include "net/socket.h"

#include <nanomsg/nn.h>
#include <nanomsg/pair.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/error.h"

/* What nanomsg carries: small enough that it allocates nothing for it. */
typedef struct ticket {
    void *message;
    size_t n;
} ticket;

static int open_end(int waiting)
{
    const int socket = nn_socket(AF_SP, NN_PAIR), bytes = waiting * (int)sizeof(ticket);
    if (socket < 0) return -1;
    (void)nn_setsockopt(socket, NN_SOL_SOCKET, NN_RCVBUF, &bytes, sizeof bytes);
    return socket;
}

static void close_end(int socket)
{
    if (socket >= 0) (void)nn_close(socket);
}

dc_error dc__socket_pair(int ends[2], const int waiting[2])
{
    static _Atomic unsigned next;
    char name[48];
    (void)snprintf(name, sizeof name, "inproc://dynacomm-%ld-%u", (long)getpid(), atomic_fetch_add(&next, 1));
    for (int k = 0; k < 2; k++)
        ends[k] = open_end(waiting[k]);
    if (ends[0] >= 0 && ends[1] >= 0 && nn_bind(ends[0], name) >= 0 && nn_connect(ends[1], name) >= 0)
        return DC_OK;
    const int why = nn_errno();
    for (int k = 0; k < 2; k++)
        close_end(ends[k]);
    return dc__fail(DC_ENET, "cannot open a socket: %s", nn_strerror(why));
}

void dc__socket_pair_close(const int ends[2])
{
    for (int k = 0; k < 2; k++) {
        void *message;
        size_t n;
        while ((message = dc__socket_receive(ends[k], &n, 0)))
            dc__message_free(message);
    }
    for (int k = 0; k < 2; k++)
        close_end(ends[k]);
}

static void set_wait(int socket, int option, int wait_ms)
{
    (void)nn_setsockopt(socket, NN_SOL_SOCKET, option, &wait_ms, sizeof wait_ms);
}

bool dc__socket_send(int socket, void *message, size_t n, int wait_ms)
{
    const ticket t = {message, n};
    if (nn_send(socket, &t, sizeof t, NN_DONTWAIT) >= 0) return true;
    if (wait_ms == 0) return false;
    set_wait(socket, NN_SNDTIMEO, wait_ms);
    return nn_send(socket, &t, sizeof t, 0) >= 0;
}

void *dc__socket_receive(int socket, size_t *n, int wait_ms)
{
    ticket t;
    int got = nn_recv(socket, &t, sizeof t, NN_DONTWAIT);
    if (got < 0 && wait_ms != 0) {
        set_wait(socket, NN_RCVTIMEO, wait_ms);
        got = nn_recv(socket, &t, sizeof t, 0);
    }
    if (got < 0) return NULL;
    dc__assert(got == sizeof t);
    *n = t.n;
    return t.message;
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
