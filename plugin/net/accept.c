/* accept.c - those who connect to a listener's gate. Its thread. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/gate.h"
#include "net/tcp.h"

#define ACCEPT_PAUSE_NS 100000000 /* after descriptors ran out */

static bool has_room(const dc__gate *gate)
{
    return gate->n_callers < DC__GATE_PENDING;
}

void dc__accept_prepare(dc__gate *gate, int64_t now_ns)
{
    gate->listen_poll = -1;
    if (gate->listen_fd >= 0 && has_room(gate)) {
        if (now_ns >= gate->accept_after_ns)
            gate->listen_poll = dc__gate_poll(gate, gate->listen_fd, POLLIN);
        else
            dc__gate_by(gate, gate->accept_after_ns);
    }
    for (int k = 0; k < gate->n_callers; k++) {
        dc__caller *caller = &gate->callers[k];
        caller->poll = dc__gate_poll(gate, caller->fd, POLLIN);
        dc__gate_by(gate, caller->until_ns);
    }
}

static void add_caller(dc__gate *gate, int fd, int64_t now_ns)
{
    dc__tcp_tune(fd);
    gate->callers[gate->n_callers++] =
        (dc__caller){.fd = fd, .until_ns = now_ns + DC__GATE_HELLO_NS, .poll = -1};
}

static void accept_all(dc__gate *gate, int64_t now_ns)
{
    while (has_room(gate)) {
        const int fd = accept4(gate->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            add_caller(gate, fd, now_ns);
        } else {
            if (errno == EINTR || errno == ECONNABORTED) continue;
            if (errno != EAGAIN) gate->accept_after_ns = now_ns + ACCEPT_PAUSE_NS;
            return;
        }
    }
}

static dc__channel *find(const dc__gate *gate, const uint8_t id[DC__SESSION_ID_BYTES])
{
    for (dc__channel *c = gate->channels; c; c = c->next)
        if (memcmp(c->id, id, DC__SESSION_ID_BYTES) == 0) return c;
    return NULL;
}

static int waiting_for_admission(const dc__gate *gate)
{
    int n = 0;
    for (const dc__channel *c = gate->channels; c; c = c->next)
        n += !c->admitted && c->state != DC__CHANNEL_ENDED;
    return n;
}

/* A session begins: its owner will find it with dc__listener_accept. */
static dc__channel *add_channel(dc__gate *gate, const dc__hello *hello)
{
    dc__channel *c;
    if (dc__channel_new(&c, gate, "", gate->first_bytes)) return NULL;
    memcpy(c->id, hello->id, sizeof c->id);
    pthread_mutex_lock(&gate->lock);
    c->waits_to_be_accepted = true;
    c->next = gate->channels;
    gate->channels = c;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
    return c;
}

static dc__hello_status judge(dc__gate *gate, const dc__hello *hello, dc__channel **channel)
{
    dc__channel *c = find(gate, hello->id);
    *channel = NULL;
    if (hello->version != DC__GATE_VERSION) return DC__HELLO_VERSION;
    if (c && (c->state == DC__CHANNEL_ENDED || c->close_by_ns)) return DC__HELLO_UNKNOWN;
    if (!c && hello->resumes) return DC__HELLO_UNKNOWN;
    if (!c && waiting_for_admission(gate) >= DC__GATE_PENDING) return DC__HELLO_FULL;
    *channel = c ? c : add_channel(gate, hello);
    return *channel ? DC__HELLO_OK : DC__HELLO_FULL;
}

/* Answers a whole hello; the connection becomes a channel's, or is closed. */
static void answer(dc__gate *gate, dc__caller *caller, int64_t now_ns)
{
    dc__hello hello;
    uint8_t bytes[DC__ANSWER_BYTES];
    dc__channel *c;
    if (!dc__hello_read(caller->hello, &hello)) return;
    const dc__hello_status status = judge(gate, &hello, &c);
    const dc__answer out = {.version = DC__GATE_VERSION,
                            .status = status,
                            .received = c ? c->stream.received : 0,
                            .partial = c ? dc__connection_partial(&c->connection) : 0};
    dc__answer_write(bytes, &out);
    /* A connection that has carried nothing yet takes so little. */
    const bool sent = send(caller->fd, bytes, sizeof bytes, MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof bytes;
    if (!c || !sent) return;
    const int fd = caller->fd;
    caller->fd = -1;
    dc__carry_attach(c, fd, hello.received, hello.partial, now_ns);
}

/* Whether the caller is done with. */
static bool serve(dc__gate *gate, dc__caller *caller, int64_t now_ns)
{
    if (now_ns >= caller->until_ns) return true;
    if (!dc__gate_events(gate, caller->poll)) return false;
    const ssize_t got =
        recv(caller->fd, caller->hello + caller->n, DC__HELLO_BYTES - caller->n, MSG_DONTWAIT);
    if (got < 0) return errno != EAGAIN && errno != EINTR;
    if (got == 0) return true;
    caller->n += (size_t)got;
    if (!dc__hello_may_be(caller->hello, caller->n)) return true; /* some other program's */
    if (caller->n < DC__HELLO_BYTES) return false;
    answer(gate, caller, now_ns);
    return true;
}

void dc__accept(dc__gate *gate, int64_t now_ns)
{
    int left = 0;
    for (int k = 0; k < gate->n_callers;
         k++) { /* in the order in which they came: the latest of a session wins */
        dc__caller *caller = &gate->callers[k];
        if (serve(gate, caller, now_ns)) {
            if (caller->fd >= 0) (void)close(caller->fd);
        } else {
            gate->callers[left++] = *caller;
        }
    }
    gate->n_callers = left;
    if (dc__gate_events(gate, gate->listen_poll)) accept_all(gate, now_ns);
}

void dc__accept_free(dc__gate *gate)
{
    for (int k = 0; k < gate->n_callers; k++)
        (void)close(gate->callers[k].fd);
    if (gate->listen_fd >= 0) (void)close(gate->listen_fd);
    if (gate->path[0]) (void)unlink(gate->path);
}
