/* carry.c - one channel's traffic between its engine and its connection. The gate's thread. */
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "net/gate.h"

enum { WIRE, FROM_ENGINE, TO_ENGINE, N_POLLS };

static bool connected(const dc__channel *c)
{
    return c->connection.fd >= 0;
}

/* The listener's owner is to look at once. */
static void tell_owner(dc__gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->broke = true;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

/* The connection broke. Between machines that happens, and another is made. */
static void lose(dc__channel *c, int64_t now_ns)
{
    dc__connection_close(&c->connection);
    if (c->close_by_ns || c->gate->scheme == DC__IPC) {
        dc__carry_end(c, DC__END_GONE);
        return;
    }
    c->state = DC__CHANNEL_LOST;
    if (c->dialer)
        dc__dialer_lost(c->dialer, now_ns);
    else
        tell_owner(c->gate);
}

/* ---- waiting ---- */

static bool may_take(const dc__channel *c)
{
    return connected(c) && !c->deaf && !c->leaves_ns && !dc__connection_has_batch(&c->connection) &&
           dc__stream_has_room(&c->stream);
}

void dc__carry_prepare(dc__channel *c, int64_t now_ns)
{
    dc__gate *gate = c->gate;
    for (int k = 0; k < N_POLLS; k++)
        c->polls[k] = -1;
    if (c->close_by_ns) dc__gate_by(gate, c->close_by_ns);
    if (c->held) c->polls[TO_ENGINE] = dc__gate_poll(gate, dc__socket_writable_fd(c->inner), POLLIN);
    if (c->state == DC__CHANNEL_ENDED) return;
    if (c->dialer && !connected(c)) dc__dialer_prepare(c->dialer, now_ns);
    if (!connected(c)) return;
    const bool out = dc__connection_has_batch(&c->connection) && !c->deaf;
    bool at_once;
    const short events = dc__connection_waits(&c->connection, !c->held, out, &at_once);
    /* a connection that is over would be reported again and again, while there is no room to read its rest */
    if (events) c->polls[WIRE] = dc__gate_poll(gate, c->connection.fd, events);
    if (at_once) dc__gate_by(gate, now_ns);
    if (may_take(c)) c->polls[FROM_ENGINE] = dc__gate_poll(gate, dc__socket_readable_fd(c->inner), POLLIN);
    /* what is half sent, or the last, needs no heartbeat */
    if (!out && !c->deaf && !c->leaves_ns) dc__gate_by(gate, c->connection.sent_ns + DC__GATE_HEARTBEAT_NS);
    if (c->dialer) dc__gate_by(gate, c->connection.heard_ns + DC__GATE_SILENCE_NS + 1);
}

/* ---- inwards ---- */

static void deliver(dc__channel *c)
{
    if (c->held && dc__socket_send(c->inner, c->held, c->held_bytes, 0)) c->held = NULL;
}

static void read_connection(dc__channel *c, int64_t now_ns)
{
    size_t budget = DC__TURN_BYTES;
    while (connected(c) && !c->held) {
        dc__connection *wire = &c->connection;
        switch (dc__connection_read(wire, &c->stream, c->most_bytes, &budget, now_ns)) {
        case DC__TRAFFIC_MESSAGE:
            c->held = wire->message;
            c->held_bytes = wire->body_bytes;
            wire->message = NULL;
            if (c->leaves_ns) { /* nobody reads it any more */
                dc__message_free(c->held);
                c->held = NULL;
            }
            deliver(c);
            break;
        case DC__TRAFFIC_GOODBYE:
            dc__carry_end(c, DC__END_GOODBYE);
            return;
        case DC__TRAFFIC_BAD:
            dc__carry_end(c, DC__END_PROTOCOL);
            return;
        case DC__TRAFFIC_CLOSED:
            lose(c, now_ns);
            return;
        default:
            return;
        }
    }
}

/* ---- outwards ---- */

/* The next message to send: one that goes again, or a new one from the engine. */
static const dc__kept *next_message(dc__channel *c)
{
    const dc__kept *kept = dc__stream_next(&c->stream);
    if (kept || c->drained || !dc__stream_has_room(&c->stream)) return kept;
    size_t n;
    const bool closing = c->close_by_ns != 0; /* before the look: what was sent before is seen by it */
    void *message = dc__socket_receive(c->inner, &n, 0);
    if (message)
        dc__stream_take(&c->stream, message, n);
    else
        c->drained = closing;
    return dc__stream_next(&c->stream);
}

static void fill(dc__channel *c, int64_t now_ns)
{
    dc__connection *wire = &c->connection;
    size_t bytes = 0;
    for (int k = 0; k < DC__BATCH && bytes < DC__BATCH_BYTES; k++) {
        const dc__kept *kept = next_message(c);
        if (!kept) break;
        (void)dc__connection_put(wire, &c->stream, DC__RECORD_MESSAGE, kept);
        bytes += kept->bytes;
    }
    if (dc__connection_has_batch(wire)) return;
    if (c->drained && c->close_by_ns) {
        (void)dc__connection_put(wire, &c->stream, DC__RECORD_GOODBYE, NULL);
        c->leaves_ns = now_ns;
    } else if (dc__stream_owes_ack(&c->stream) || (wire->asked && c->stream.received != c->stream.reported)) {
        (void)dc__connection_put(wire, &c->stream, DC__RECORD_ACK, NULL);
    } else if (now_ns - wire->sent_ns >= DC__GATE_HEARTBEAT_NS) {
        (void)dc__connection_put(wire, &c->stream, DC__RECORD_HEARTBEAT, NULL);
    }
    wire->asked = false;
}

static void write_connection(dc__channel *c, int64_t now_ns)
{
    dc__connection *wire = &c->connection;
    while (connected(c)) {
        if (!dc__connection_has_batch(wire) && !c->leaves_ns) fill(c, now_ns);
        if (!dc__connection_has_batch(wire)) break;
        if (dc__connection_write(wire, &c->stream, now_ns) == DC__TRAFFIC_CLOSED) {
            c->deaf = true; /* what it has sent before can still be read, and then its end */
            return;
        }
        if (dc__connection_has_batch(wire)) break;
    }
    /* The goodbye is out: the peer's end of the connection is awaited, so that nothing is cut short. */
    if (connected(c) && c->leaves_ns && !dc__connection_has_batch(wire)) (void)shutdown(wire->fd, SHUT_WR);
}

/* A connection over a network may be dead without a word; on one machine the peer's process stands still. */
static bool hears_nothing(const dc__channel *c, int64_t now_ns)
{
    return connected(c) && c->dialer && c->gate->scheme == DC__TCP &&
           now_ns - c->connection.heard_ns > DC__GATE_SILENCE_NS;
}

static bool is_about_to_be(const dc__channel *c)
{
    return c->dialer && dc__dialer_has_said_hello(c->dialer);
}

/* The engine writes its messages there from now on. */
static void show_buffers(dc__channel *c)
{
    dc__buffers *buffers = c->buffers ? NULL : dc__connection_buffers(&c->connection);
    if (!buffers) return;
    dc__buffers_join(buffers);
    c->buffers = buffers;
}

void dc__carry(dc__channel *c, int64_t now_ns)
{
    if (c->held) deliver(c);
    if (c->state == DC__CHANNEL_ENDED) return;
    if (c->dialer && !connected(c)) dc__dialer_work(c->dialer, now_ns);
    const bool readable = dc__connection_woke(&c->connection, dc__gate_events(c->gate, c->polls[WIRE]));
    if (connected(c) && (readable || c->deaf)) read_connection(c, now_ns);
    if (c->connection.part_ns > c->part_ns)
        c->part_ns = c->connection.part_ns; /* those of a broken one stay */
    if (connected(c) && !c->deaf) write_connection(c, now_ns);
    show_buffers(c);
    /* A peer whose messages are not read for lack of room is not silent. */
    if (c->held) c->connection.heard_ns = now_ns;
    if (hears_nothing(c, now_ns)) lose(c, now_ns);
    if (c->close_by_ns && (now_ns >= c->close_by_ns || !(connected(c) || is_about_to_be(c))))
        dc__carry_end(c, DC__END_GOODBYE);
}
