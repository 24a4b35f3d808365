/* gate_channel.c - channels, over a gate or inside the process. See channel.h. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/error.h"
#include "net/gate.h"
#include "net/tcp.h"

static dc_error new_gate(dc__gate **gate, dc__scheme scheme)
{
    *gate = calloc(1, sizeof **gate);
    if (!*gate) return dc__fail(DC_ENOMEM, "out of memory for connections");
    (*gate)->scheme = scheme;
    (*gate)->listen_fd = (*gate)->listen_poll = -1;
    return DC_OK;
}

/* ---- inside the process ---- */

static dc_error new_inproc(dc__channel **channel, dc__inproc *inproc, int side, const char *url)
{
    dc__channel *c = calloc(1, sizeof *c);
    if (!c) {
        dc__inproc_leave(inproc, side);
        return dc__fail(DC_ENOMEM, "out of memory for a connection");
    }
    c->inproc = inproc;
    c->side = side;
    c->engine = dc__inproc_socket(inproc, side);
    (void)snprintf(c->url, sizeof c->url, "%s", url);
    *channel = c;
    return DC_OK;
}

dc__channel *dc__channel_of_inproc(dc__inproc *inproc)
{
    dc__channel *c = NULL;
    return new_inproc(&c, inproc, 1, "") ? NULL : c;
}

static dc_error dial_inproc(dc__channel **channel, const dc__address *address, const char *url,
                            const dc__dial_options *options)
{
    dc__inproc *inproc;
    const dc_error err = dc__inproc_dial(&inproc, address->host, options->connect_s);
    if (err) return err;
    const dc_error made = new_inproc(channel, inproc, 0, url);
    if (!made) (*channel)->waited_s = options->connect_s;
    return made;
}

/* ---- dialing and closing ---- */

static dc_error dial(dc__channel **channel, const dc__address *address, const char *url,
                     const dc__dial_options *options)
{
    dc__gate *gate;
    dc__channel *c = NULL;
    dc_error err = new_gate(&gate, address->scheme);
    if (err) return err;
    err = dc__channel_new(&c, gate, url, options->most_bytes);
    if (!err) err = dc__dialer_new(&c->dialer, c, address, options);
    if (!err && getrandom(c->id, sizeof c->id, 0) != (ssize_t)sizeof c->id)
        err = dc__fail(DC_ENET, "the system gives no random numbers: %s", strerror(errno));
    if (!err) {
        c->admitted = true;
        gate->channels = c;
        err = dc__gate_start(gate);
    }
    if (err) {
        if (c) dc__channel_free(c);
        free(gate);
        return err;
    }
    *channel = c;
    return DC_OK;
}

dc_error dc__channel_dial(dc__channel **channel, const char *url, const dc__dial_options *options)
{
    dc__address address;
    *channel = NULL;
    const dc_error err = dc__address_parse(url, &address);
    if (err) return err;
    return (address.scheme == DC__INPROC ? dial_inproc : dial)(channel, &address, url, options);
}

void dc__channel_close(dc__channel *c, int linger_ms)
{
    if (!c) return;
    if (c->inproc) {
        dc__inproc_leave(c->inproc, c->side);
        free(c);
        return;
    }
    dc__gate *gate = c->gate;
    const bool dialed = c->dialer != NULL;
    c->close_by_ns = dc__now_ns() + 1 + (int64_t)linger_ms * 1000000;
    dc__gate_wake(gate);
    pthread_mutex_lock(&gate->lock);
    while (!c->finished)
        pthread_cond_wait(&gate->changed, &gate->lock);
    pthread_mutex_unlock(&gate->lock);
    dc__channel_free(c);
    if (dialed) dc__gate_stop(gate);
}

/* ---- use ---- */

void *dc__channel_alloc(dc__channel *c, size_t n)
{
    dc__buffers *buffers = c->buffers;
    void *message = buffers ? dc__buffers_alloc(buffers, n) : NULL;
    return message ? message : dc__message_alloc(n);
}

bool dc__channel_send(dc__channel *c, void *message, size_t n, int wait_ms)
{
    return dc__socket_send(c->engine, message, n, wait_ms);
}

void *dc__channel_receive(dc__channel *c, size_t *n, int wait_ms)
{
    void *message = dc__socket_receive(c->engine, n, 0);
    /* Nothing comes after the end: what was sent before it was there already. */
    if (message || wait_ms == 0 || dc__channel_state_of(c) == DC__CHANNEL_ENDED) return message;
    return dc__socket_receive(c->engine, n, wait_ms);
}

dc__channel_state dc__channel_state_of(const dc__channel *c)
{
    return c->inproc ? dc__inproc_state(c->inproc, c->side) : c->state;
}

int64_t dc__channel_part_ns(const dc__channel *c)
{
    return c->part_ns;
}

bool dc__channel_is_tried(const dc__channel *c)
{
    return c->dialer && (c->state == DC__CHANNEL_CONNECTING || c->state == DC__CHANNEL_LOST);
}

static dc__ending ending_of(const dc__channel *c)
{
    if (!c->inproc) return c->ending;
    return dc__inproc_was_up(c->inproc) ? DC__END_GONE : DC__END_NO_ANSWER;
}

/* Endings that keys bring, and the rest. */
static dc_error key_error(const dc__channel *c, const char *peer)
{
    switch (ending_of(c)) {
    case DC__END_KEYS:
        return dc__fail(
            DC_EKEY,
            "%s takes only workers with a key: ask its owner for an invitation (dynacomm invite), and "
            "give that line instead of the address",
            peer);
    case DC__END_SHUT:
        return dc__fail(
            DC_EKEY,
            "%s does not have the key that the invitation names: it has another one or none, or it is "
            "another server; ask its owner for a new invitation",
            peer);
    case DC__END_UNKNOWN_KEY:
        return dc__fail(DC_EKEY,
                        "%s does not know this worker's key: it was expelled or never invited; ask for an "
                        "invitation (dynacomm invite)",
                        peer);
    case DC__END_UNINVITED:
        return dc__fail(DC_EKEY,
                        "%s knows no such invitation: a newer one of that name took its place; ask for it",
                        peer);
    case DC__END_EXPIRED:
        return dc__fail(DC_EKEY, "%s: this invitation has expired; ask for a new one (dynacomm invite)",
                        peer);
    case DC__END_USED:
        return dc__fail(
            DC_EKEY,
            "%s: this invitation was used before, and its key is not this worker's: ask for another "
            "(dynacomm invite), or give the file with the key it was used with",
            peer);
    case DC__END_FILES:
        return dc__fail(DC_EKEY, "%s cannot use its lists of members and invitations: its log says why",
                        peer);
    case DC__END_NOT_YET:
        return dc__fail(
            DC_EKEY,
            "%s takes only workers that the first shard has taken, and this is none of them: give "
            "the invitation alone, which leads to the first shard",
            peer);
    case DC__END_TAKEN_OFF:
        return dc__fail(DC_EKEY, "%s (%s) is not at the first shard any more: it has left, or was expelled",
                        peer, c->member);
    case DC__END_EXPELLED:
        return dc__fail(DC_EKEY, "%s (%s) was expelled", peer, c->member);
    default:
        return dc__fail(DC_EPEER, "the connection to %s was lost", peer);
    }
}

dc_error dc__channel_error(const dc__channel *c, const char *peer)
{
    switch (ending_of(c)) {
    case DC__END_UNKNOWN:
        return dc__fail(DC_EPEER, "the connection to %s was lost; it was started again since", peer);
    case DC__END_REFUSED:
        return dc__fail(DC_EPEER, "the connection to %s was lost, and nobody has listened there for %.0f s",
                        peer, c->waited_s);
    case DC__END_PATIENCE:
        return dc__fail(DC_ETIMEOUT, "the connection to %s was lost and could not be made again for %.0f s",
                        peer, c->waited_s);
    case DC__END_NO_ANSWER:
        return dc__fail(
            DC_ETIMEOUT,
            "no server answers at %s (waited %.0f s): start one with 'dynacomm server', or check the "
            "address",
            c->url, c->waited_s);
    case DC__END_FULL:
        return dc__fail(DC_EFULL, "%s has too many connections that have not joined: try again later", peer);
    case DC__END_VERSION:
        return dc__fail(DC_EVERSION, "%s has another version of dynacomm: install the same version on both",
                        peer);
    case DC__END_PROTOCOL:
        return dc__fail(DC_EPROTO,
                        "%s does not keep to the protocol: it is not dynacomm, or of another version", peer);
    case DC__END_MEMORY:
        return dc__fail(DC_ENOMEM, "out of memory for the connection to %s", peer);
    default:
        return key_error(c, peer);
    }
}

const char *dc__channel_member(const dc__channel *c)
{
    return c->member;
}

const uint8_t *dc__channel_member_key(const dc__channel *c)
{
    return c->member[0] ? c->member_key : NULL;
}

bool dc__channel_is_inside(const dc__channel *c)
{
    return c->inproc != NULL;
}

bool dc__channel_is_intact(const dc__channel *c)
{
    return c->inproc || c->local || c->member[0] != '\0' || (c->dialer && dc__dialer_has_keys(c->dialer));
}

uint64_t dc__channel_reconnects(const dc__channel *c)
{
    return c->reconnects;
}

void dc__channel_admit(dc__channel *c, size_t most_bytes)
{
    c->most_bytes = most_bytes;
    c->admitted = true;
}
