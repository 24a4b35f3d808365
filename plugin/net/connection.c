#include "net/connection.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "net/socket.h"

#define LARGE_BYTES 16384 /* of a message that is worth a chunk more */

void dc__connection_open(dc__connection *c, int fd, dc__seal *seal, int64_t now_ns)
{
    dc__connection_close(c);
    c->fd = fd;
    c->seal = seal;
    c->heard_ns = c->sent_ns = now_ns;
}

void dc__connection_close(dc__connection *c)
{
    if (c->fd >= 0) (void)close(c->fd);
    c->fd = -1;
    dc__seal_free(c->seal);
    c->seal = NULL;
    dc__shared_free(c->shared);
    c->shared = NULL;
    c->stage_at = c->stage_end = 0;
    c->in_body = c->unread = c->asked = c->goodbye = false;
    c->n_batch = c->first = c->sealed = 0;
    c->written = c->sealed_at = 0;
    if (c->message && c->body_at == 0) dc__connection_forget(c); /* as if it had never begun */
}

void dc__connection_forget(dc__connection *c)
{
    dc__message_free(c->message);
    c->message = NULL;
}

/* ---- shared memory ---- */

void dc__connection_share(dc__connection *c, dc__shared *shared)
{
    if (c->fd >= 0)
        c->shared = shared;
    else
        dc__shared_free(shared);
}

/* False as long as the peer has not said whether it takes the memory. From then on there is either the memory or a seal. */
static bool settle(dc__connection *c)
{
    if (!c->shared) return true;
    const dc__offer offer = dc__shared_settle(c->shared, c->fd);
    if (offer == DC__OFFER_NOT_TAKEN) {
        dc__shared_free(c->shared);
        c->shared = NULL;
    }
    if (offer == DC__OFFER_TAKEN && c->seal) {
        dc__seal_free(c->seal);
        c->seal = NULL;
    }
    return offer != DC__OFFER_OPEN;
}

dc__buffers *dc__connection_buffers(const dc__connection *c)
{
    return c->shared ? dc__shared_buffers(c->shared) : NULL;
}

short dc__connection_waits(dc__connection *c, bool to_read, bool to_write, bool *at_once)
{
    /* what was read ahead is in no descriptor */
    *at_once = to_read && c->unread;
    if (!c->shared) return (short)((to_read ? POLLIN : 0) | (to_write ? POLLOUT : 0));
    if (dc__shared_settle(c->shared, c->fd) == DC__OFFER_TAKEN &&
        dc__shared_sleeps(c->shared, to_read, to_write))
        *at_once = true;
    return to_read || to_write ? POLLIN : 0;
}

bool dc__connection_woke(dc__connection *c, short events)
{
    const bool more = c->shared && dc__shared_has_input(c->shared);
    if (c->shared) dc__shared_wakes(c->shared);
    return (events & (POLLIN | POLLHUP | POLLERR)) || c->unread || more;
}

/* ---- reading ---- */

static ssize_t receive(dc__connection *c, void *to, size_t n)
{
    ssize_t got;
    do {
        got = c->seal     ? dc__seal_receive(c->seal, c->fd, to, n)
              : c->shared ? dc__shared_receive(c->shared, c->fd, to, n)
                          : recv(c->fd, to, n, MSG_DONTWAIT);
    } while (got < 0 && errno == EINTR);
    return got;
}

/* Reads into at most n bytes at to: what is staged, else from the socket. 0 if the connection is at its end,
 * -1 if it would block, -2 if it is lost. */
static ssize_t read_some(dc__connection *c, void *to, size_t n)
{
    const size_t staged = c->stage_end - c->stage_at;
    if (staged > 0) {
        if (n > staged) n = staged;
        memcpy(to, c->stage + c->stage_at, n);
        c->stage_at += n;
        return (ssize_t)n;
    }
    const bool directly = n >= DC__STAGE_BYTES;
    const ssize_t got = receive(c, directly ? to : c->stage, directly ? n : DC__STAGE_BYTES);
    if (got < 0) return errno == EAGAIN || errno == EWOULDBLOCK ? -1 : -2;
    if (got == 0 || directly) return got;
    c->stage_at = 0;
    c->stage_end = (size_t)got;
    return read_some(c, to, n);
}

/* A header that is not all there yet stays in the stage. */
static ssize_t read_header(dc__connection *c, uint8_t header[DC__RECORD_BYTES])
{
    while (c->stage_end - c->stage_at < DC__RECORD_BYTES) {
        memmove(c->stage, c->stage + c->stage_at, c->stage_end - c->stage_at);
        c->stage_end -= c->stage_at;
        c->stage_at = 0;
        const ssize_t got = receive(c, c->stage + c->stage_end, DC__STAGE_BYTES - c->stage_end);
        if (got < 0) return errno == EAGAIN || errno == EWOULDBLOCK ? -1 : -2;
        if (got == 0) return 0;
        c->stage_end += (size_t)got;
    }
    memcpy(header, c->stage + c->stage_at, DC__RECORD_BYTES);
    c->stage_at += DC__RECORD_BYTES;
    return DC__RECORD_BYTES;
}

static dc__traffic ended(dc__connection *c, ssize_t got)
{
    c->unread = false;
    return got == -1 ? DC__TRAFFIC_DONE : DC__TRAFFIC_CLOSED;
}

/* A message that is here as a whole. */
static dc__traffic take_buffer(dc__connection *c, const dc__record *record)
{
    dc__buffers *buffers = dc__connection_buffers(c);
    if (!buffers || c->message) return DC__TRAFFIC_BAD;
    c->message = dc__buffers_take(buffers, record->buffer, record->length);
    c->body_at = c->body_bytes = record->length;
    c->in_body = true;
    return c->message ? DC__TRAFFIC_MESSAGE : DC__TRAFFIC_BAD;
}

/* The next header; DC__TRAFFIC_MESSAGE if a message's body follows. */
static dc__traffic begin_record(dc__connection *c, dc__stream *s, size_t most_bytes)
{
    uint8_t bytes[DC__RECORD_BYTES];
    dc__record record;
    const ssize_t got = read_header(c, bytes);
    if (got <= 0) return ended(c, got);
    if (!dc__record_read(bytes, &record) || record.length > most_bytes || !dc__stream_ack(s, record.received))
        return DC__TRAFFIC_BAD;
    if (record.type == DC__RECORD_GOODBYE) return DC__TRAFFIC_GOODBYE;
    if (record.type == DC__RECORD_HEARTBEAT) c->asked = true;
    if (record.type == DC__RECORD_BUFFER) return take_buffer(c, &record);
    if (record.type != DC__RECORD_MESSAGE) return DC__TRAFFIC_MORE;
    c->in_body = true;
    if (c->message) /* half of it came over the connection before */
        return record.length == c->body_bytes - c->body_at ? DC__TRAFFIC_MESSAGE : DC__TRAFFIC_BAD;
    c->message = dc__message_alloc(record.length);
    if (!c->message) return DC__TRAFFIC_CLOSED; /* comes again, when there may be memory */
    c->body_at = 0;
    c->body_bytes = record.length;
    return DC__TRAFFIC_MESSAGE;
}

dc__traffic dc__connection_read(dc__connection *c, dc__stream *s, size_t most_bytes, size_t *budget,
                                int64_t now_ns)
{
    if (!settle(c)) return DC__TRAFFIC_DONE;
    c->unread = true;
    for (;;) {
        if (!c->in_body) {
            const dc__traffic begun = begin_record(c, s, most_bytes);
            if (begun == DC__TRAFFIC_DONE || begun >= DC__TRAFFIC_GOODBYE) return begun;
            c->heard_ns = now_ns;
            continue;
        }
        while (c->body_at < c->body_bytes) {
            if (*budget == 0) return DC__TRAFFIC_MORE;
            const ssize_t got = read_some(c, (uint8_t *)c->message + c->body_at, c->body_bytes - c->body_at);
            if (got <= 0) return ended(c, got);
            c->heard_ns = c->part_ns = now_ns;
            c->body_at += (size_t)got;
            *budget -= (size_t)got < *budget ? (size_t)got : *budget;
        }
        c->in_body = false;
        dc__stream_count(s, c->body_bytes);
        return DC__TRAFFIC_MESSAGE;
    }
}

/* ---- writing ---- */

bool dc__connection_put(dc__connection *c, dc__stream *s, dc__record_type type, const dc__kept *message)
{
    if (!dc__connection_has_batch(c)) {
        c->first = c->n_batch = c->sealed = 0;
        c->sealed_at = 0;
    }
    if (c->n_batch == DC__BATCH) return false;
    dc__outgoing *out = &c->batch[c->n_batch++];
    const size_t skip = message ? dc__stream_skip(s) : 0;
    out->body = message ? (const uint8_t *)message->message + skip : NULL;
    out->body_bytes = message ? message->bytes - skip : 0;
    dc__record record = {.type = type, .length = (uint32_t)out->body_bytes, .received = dc__stream_report(s)};
    const dc__buffers *buffers = dc__connection_buffers(c);
    const int number = buffers && message ? dc__buffers_number(buffers, out->body) : -1;
    if (number >= 0) {
        record.type = DC__RECORD_BUFFER;
        record.buffer = (uint8_t)number;
        out->body_bytes = 0;
    }
    dc__record_write(out->header, &record);
    if (type == DC__RECORD_GOODBYE) c->goodbye = true;
    return true;
}

/* The unwritten part of the batch as pieces. */
static int pieces(dc__connection *c, struct iovec iov[2 * DC__BATCH])
{
    int n = 0;
    size_t skip = c->written;
    for (int k = c->first; k < c->n_batch; k++) {
        dc__outgoing *out = &c->batch[k];
        if (skip < DC__RECORD_BYTES) iov[n++] = (struct iovec){out->header + skip, DC__RECORD_BYTES - skip};
        const size_t at = skip > DC__RECORD_BYTES ? skip - DC__RECORD_BYTES : 0;
        if (at < out->body_bytes)
            iov[n++] = (struct iovec){(uint8_t *)(uintptr_t)out->body + at, out->body_bytes - at};
        skip = 0;
    }
    return n;
}

static void advance(dc__connection *c, dc__stream *s, size_t n)
{
    c->written += n;
    while (c->first < c->n_batch) {
        const size_t whole = DC__RECORD_BYTES + c->batch[c->first].body_bytes;
        if (c->written < whole) return;
        c->written -= whole;
        if (c->batch[c->first].body) dc__stream_carried(s);
        c->first++;
    }
}

/* A chunk of the next bytes of the batch, from record c->sealed on. A large body begins a chunk, so that the peer can open all of
 * it straight to its place. */
static void seal_chunk(dc__connection *c)
{
    size_t room = DC__NOISE_PLAIN;
    while (c->sealed < c->n_batch && room > 0) {
        const dc__outgoing *out = &c->batch[c->sealed];
        const bool in_header = c->sealed_at < DC__RECORD_BYTES;
        const size_t at = in_header ? c->sealed_at : c->sealed_at - DC__RECORD_BYTES;
        if (!in_header && at == 0 && out->body_bytes >= LARGE_BYTES && room < DC__NOISE_PLAIN) break;
        size_t bytes = (in_header ? DC__RECORD_BYTES : out->body_bytes) - at;
        if (bytes > room) bytes = room;
        if (bytes > 0)
            dc__seal_put(c->seal, (in_header ? out->header : (const uint8_t *)out->body) + at, bytes);
        room -= bytes;
        c->sealed_at += bytes;
        if (c->sealed_at < DC__RECORD_BYTES + out->body_bytes) continue;
        c->sealed++;
        c->sealed_at = 0;
    }
    dc__seal_end(c->seal);
}

/* Both ends stop after a chunk that was not written whole, as after a record: it cannot be opened. */
static dc__traffic write_sealed(dc__connection *c, dc__stream *s, int64_t now_ns)
{
    while (dc__connection_has_batch(c)) {
        while (c->sealed < c->n_batch && dc__seal_begin(c->seal, now_ns))
            seal_chunk(c);
        size_t carried;
        const ssize_t n = dc__seal_write(c->seal, c->fd, &carried);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno == EAGAIN || errno == EWOULDBLOCK ? DC__TRAFFIC_DONE : DC__TRAFFIC_CLOSED;
        c->sent_ns = now_ns;
        advance(c, s, carried);
    }
    return DC__TRAFFIC_DONE;
}

dc__traffic dc__connection_write(dc__connection *c, dc__stream *s, int64_t now_ns)
{
    if (!settle(c)) return DC__TRAFFIC_DONE;
    if (c->seal) return write_sealed(c, s, now_ns);
    while (dc__connection_has_batch(c)) {
        struct iovec iov[2 * DC__BATCH];
        const struct msghdr m = {.msg_iov = iov, .msg_iovlen = (size_t)pieces(c, iov)};
        const ssize_t n = c->shared ? dc__shared_send(c->shared, c->fd, iov, (int)m.msg_iovlen)
                                    : sendmsg(c->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno == EAGAIN || errno == EWOULDBLOCK ? DC__TRAFFIC_DONE : DC__TRAFFIC_CLOSED;
        c->sent_ns = now_ns;
        advance(c, s, (size_t)n);
    }
    return DC__TRAFFIC_DONE;
}
