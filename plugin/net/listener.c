/* listener.c - one address at which channels arrive. See channel.h. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "net/gate.h"
#include "net/tcp.h"

struct dc__listener {
    dc__gate *gate; /* NULL: inside the process */
    dc__inproc_listener *inproc;
};

static dc_error open_gate(dc__listener *l, const dc__address *address, const char *url, size_t first_bytes,
                          dc__keeper *keeper)
{
    dc__gate *gate = calloc(1, sizeof *gate);
    if (!gate) return dc__fail(DC_ENOMEM, "out of memory for connections");
    gate->scheme = address->scheme;
    gate->first_bytes = first_bytes;
    gate->listen_poll = gate->listen_fd = -1;
    gate->keeper = keeper;
    gate->callers = dc__secret_alloc(DC__GATE_PENDING * sizeof *gate->callers);
    dc_error err = gate->callers ? DC_OK : dc__fail(DC_ENOMEM, "out of memory for connections");
    if (!err) err = dc__tcp_listen(&gate->listen_fd, address, url);
    if (!err && address->scheme == DC__IPC)
        (void)snprintf(gate->path, sizeof gate->path, "%s", address->host);
    if (!err) err = dc__gate_start(gate);
    if (err) {
        dc__accept_free(gate);
        free(gate);
        return err;
    }
    l->gate = gate;
    return DC_OK;
}

dc_error dc__listener_open(dc__listener **listener, const char *url, size_t first_bytes)
{
    return dc__listener_open_keyed(listener, url, first_bytes, NULL);
}

dc_error dc__listener_open_keyed(dc__listener **listener, const char *url, size_t first_bytes,
                                 dc__keeper *keeper)
{
    dc__address address;
    *listener = NULL;
    dc_error err = dc__address_parse(url, &address);
    if (err) return err;
    dc__listener *l = calloc(1, sizeof *l);
    if (!l) return dc__fail(DC_ENOMEM, "out of memory for a listener");
    err = address.scheme == DC__INPROC ? dc__inproc_listen(&l->inproc, address.host)
                                       : open_gate(l, &address, url, first_bytes, keeper);
    if (err)
        free(l);
    else
        *listener = l;
    return err;
}

/* A name that no other process has, and no other listener of this one. */
static void name_near(const dc__address *there, char *url, size_t url_bytes)
{
    static _Atomic unsigned made;
    (void)snprintf(url, url_bytes, "ipc://%s-%ld-%u", there->host, (long)getpid(), made++);
}

dc_error dc__listener_open_near(dc__listener **listener, const char *there, size_t first_bytes, char *url,
                                size_t url_bytes)
{
    dc__address address;
    char host[64];
    *listener = NULL;
    dc_error err = dc__address_parse(there, &address);
    if (!err && address.scheme == DC__IPC) name_near(&address, url, url_bytes);
    if (err || address.scheme == DC__IPC) return err ? err : dc__listener_open(listener, url, first_bytes);
    if (!dc__tcp_own_host(&address, host, sizeof host))
        return dc__fail(DC_EURL, "this machine has no address that leads to %s", there);
    const char *form = strchr(host, ':') ? "tcp://[%s]:%d" : "tcp://%s:%d";
    (void)snprintf(address.host, sizeof address.host, "%s", host);
    address.port = 0;
    (void)snprintf(url, url_bytes, form, host, 0);
    dc__listener *l = calloc(1, sizeof *l);
    if (!l) return dc__fail(DC_ENOMEM, "out of memory for a listener");
    err = open_gate(l, &address, url, first_bytes, NULL);
    if (err) {
        free(l);
        return err;
    }
    (void)snprintf(url, url_bytes, form, host, dc__tcp_port(l->gate->listen_fd));
    *listener = l;
    return DC_OK;
}

static dc__channel *accept_inproc(dc__listener *l, int wait_ms)
{
    dc__inproc *inproc = dc__inproc_accept(l->inproc, wait_ms);
    dc__channel *c = inproc ? dc__channel_of_inproc(inproc) : NULL;
    return c;
}

/* The oldest: later ones stand before it. With the gate's lock held. */
static dc__channel *take_oldest(dc__gate *gate)
{
    dc__channel *oldest = NULL;
    for (dc__channel *c = gate->channels; c; c = c->next)
        if (c->waits_to_be_accepted) oldest = c;
    if (oldest) oldest->waits_to_be_accepted = false;
    return oldest;
}

dc__channel *dc__listener_accept(dc__listener *l, int wait_ms)
{
    if (l->inproc) return accept_inproc(l, wait_ms);
    dc__gate *gate = l->gate;
    const int64_t until_ns = dc__now_ns() + (int64_t)wait_ms * 1000000;
    pthread_mutex_lock(&gate->lock);
    dc__channel *c;
    while (!(c = take_oldest(gate)) && !gate->broke && dc__now_ns() < until_ns)
        dc__wait_until(&gate->changed, &gate->lock, until_ns);
    gate->broke = false;
    pthread_mutex_unlock(&gate->lock);
    return c;
}

uint64_t dc__listener_turned_away(const dc__listener *l)
{
    return l->gate ? l->gate->turned_away : 0;
}

void dc__listener_close(dc__listener *l)
{
    if (!l) return;
    if (l->inproc) dc__inproc_unlisten(l->inproc);
    dc__gate *gate = l->gate;
    dc__channel *c;
    while (gate && (c = dc__listener_accept(l, 0)))
        dc__channel_close(c, 0);
    if (gate) dc__gate_stop(gate);
    free(l);
}
