/* outbox.c - a worker's sender: which frame goes down next.
 *
 * A worker asks once per version, in one PULL: either for segments (each goes out when all its blocks are
 * new, in the order asked for: the paper's transmissions) or for slices (any block as soon as it is new,
 * lowest layer first). */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "server/server.h"

static dc_error bad_pull(const dc__peer *peer, const char *why)
{
    return dc__fail(DC_EPROTO, "worker %d sent a PULL that %s", peer->rank, why);
}

/* The segments of a PULL, which must cover every trained block once, in ascending order. */
static dc_error read_segments(dc__peer *peer, const dc__frame *frame, uint32_t n)
{
    dc__bytes in = dc__bytes_over(frame->payload, frame->header.payload_bytes);
    uint32_t at = 0;
    const uint32_t blocks = peer->server->model->n_blocks;
    for (uint32_t k = 0; k < n; k++) {
        const uint32_t first = (uint32_t)dc__get_uint(&in, 4), count = (uint32_t)dc__get_uint(&in, 4);
        if (first != at || count == 0 || count > blocks - first)
            return bad_pull(peer, "names blocks out of order or out of bounds");
        peer->queue.segments[k] = (dc__segment){.first = first, .n = count};
        at = first + count;
    }
    return at == blocks ? DC_OK : bad_pull(peer, "leaves blocks out");
}

dc_error dc__peer_want(dc__peer *peer, const dc__frame *frame)
{
    dc_server *s = peer->server;
    const dc__header *h = &frame->header;
    const uint32_t n = h->payload_bytes / 8;
    if (n == 0 || n * 8 != h->payload_bytes || n > s->model->n_blocks)
        return bad_pull(peer, "has no or too many segments");
    if (h->count < sizeof(float) || h->count > DC__MAX_SLICE_BYTES)
        return bad_pull(peer, "asks for slices of an impossible size");
    pthread_mutex_lock(&s->lock);
    dc_error err = DC_OK;
    if (peer->queue.left > 0)
        err = bad_pull(peer, "comes before the one before it is done");
    else if (h->round != s->state.round && h->round != s->state.round + 1)
        err = bad_pull(peer, "asks for a version that is neither the current nor the next");
    else
        err = read_segments(peer, frame, n);
    if (!err) {
        peer->want = h->round;
        peer->link.window_bytes = h->offset;
        dc__queue_start(&peer->queue, n, h->flags & DC__PULL_SLICES ? DC__IN_SLICES : DC__IN_SEGMENTS,
                        h->count);
        for (uint32_t b = 0; b < s->model->n_blocks; b++)
            if (s->version[b] == peer->want) dc__queue_ready(&peer->queue, b);
        pthread_cond_signal(&peer->wake);
    }
    pthread_mutex_unlock(&s->lock);
    return err;
}

void dc__peer_offer(dc__peer *peer, uint32_t b, uint64_t version)
{
    if (peer->queue.left > 0 && peer->want == version) dc__queue_ready(&peer->queue, b);
}

/* ---- the next frame ---- */

/* One frame of values of [offset, offset + count). */
static dc_error send_values(dc__peer *peer, dc__header header, const float *values)
{
    void *payload;
    header.payload_bytes = header.count * (uint32_t)sizeof(float);
    void *message = dc__link_alloc(header.payload_bytes, &payload);
    if (message) {
        memcpy(payload, values, header.payload_bytes);
        dc__wire_floats(payload, header.count);
    }
    return dc__link_send(&peer->link, &header, message);
}

static dc_error send_range(dc__peer *peer, dc__header header, const float *array, uint64_t from, uint64_t to)
{
    const uint64_t most = DC__MAX_SLICE_BYTES / sizeof(float);
    dc_error err = DC_OK;
    for (uint64_t at = from; !err && at < to; at += header.count) {
        header.offset = at;
        header.count = (uint32_t)(to - at < most ? to - at : most);
        const uint8_t flags = header.flags;
        if (at + header.count < to) header.flags &= (uint8_t)~DC__LAST;
        err = send_values(peer, header, array + (at - from));
        header.flags = flags;
    }
    return err;
}

/* What a worker must have before its first round and never pulls: everything but trained values. */
static dc_error send_start(dc__peer *peer)
{
    dc_server *s = peer->server;
    const dc_model *m = s->model;
    const uint64_t version = s->state.first_round;
    const int at = (int)(version & 1);
    const bool carry = s->workers == 1 && m->optimizer.algorithm == DC_SGD;
    const uint64_t moments_from = carry ? 0 : m->start[DC_FROZEN], moments_to = m->start[DC_FIXED];
    dc__header header = {.type = DC__STATE, .round = version};
    dc_error err = send_range(peer, header, s->state.value[at] + m->start[DC_FROZEN], m->start[DC_FROZEN],
                              m->start[DC_STATISTIC]);
    if (!err)
        err = send_range(peer, header, s->state.stats[at] + (size_t)peer->rank * dc__stat_floats(s),
                         m->start[DC_STATISTIC], m->start[DC_ROLE_COUNT]);
    header.flags = DC__STATE_MOMENT1;
    if (!err) err = send_range(peer, header, s->state.moment1[at] + moments_from, moments_from, moments_to);
    header.flags = DC__STATE_MOMENT2;
    if (!err && s->state.moment2[at])
        err = send_range(peer, header, s->state.moment2[at] + moments_from, moments_from, moments_to);
    dc__header start = {
        .type = DC__START, .round = version, .offset = s->state.seed, .count = (uint32_t)s->state.first_step};
    return err ? err : dc__link_send_small(&peer->link, &start, NULL, 0);
}

static dc_error send_mean_stats(dc__peer *peer)
{
    dc_server *s = peer->server;
    const uint64_t n = dc__stat_floats(s), start = s->model->start[DC_STATISTIC];
    float *mean = calloc(n + 1, sizeof *mean);
    if (!mean) return dc__fail(DC_ENOMEM, "out of memory for %llu statistics", (unsigned long long)n);
    pthread_mutex_lock(&s->lock);
    const uint64_t version = s->state.round;
    const float *stats = dc__state_stats(s, version);
    if (stats)
        dc__state_mean_stats(s, stats, mean);
    else /* the asker has pushed meanwhile, which an honest one does not: it waits once more */
        peer->stat_due = true;
    pthread_mutex_unlock(&s->lock);
    dc__header header = {.type = DC__STAT, .round = version, .flags = DC__LAST};
    dc_error err = DC_OK;
    if (stats && n)
        err = send_range(peer, header, mean, start, start + n);
    else if (stats) { /* an answer all the same */
        header.offset = start;
        err = send_values(peer, header, mean);
    }
    free(mean);
    return err;
}

static dc_error send_pong(dc__peer *peer, uint64_t stamp, bool quiet)
{
    dc__header header = {.type = DC__PONG, .flags = quiet ? DC__QUIET : 0, .offset = stamp};
    return dc__link_send_small(&peer->link, &header, NULL, 0);
}

static dc_error send_ack(dc__peer *peer)
{
    dc__header header = {.type = DC__ACK};
    return dc__link_send_small(&peer->link, &header, NULL, 0);
}

static dc_error send_words(dc__peer *peer, dc__type type, const char *words)
{
    uint8_t payload[DC__REASON_BYTES + 2];
    char reason[DC__REASON_BYTES];
    (void)snprintf(reason, sizeof reason, "%.*s", DC__REASON_BYTES - 1, words);
    dc__bytes out = dc__bytes_over(payload, sizeof payload);
    dc__put_text(&out, reason);
    dc__header header = {.type = type};
    return dc__link_send_small(&peer->link, &header, payload, (uint32_t)(out.at - payload));
}

/* Picks and does one thing, the lock held on entry and return. *idle if there was nothing to do; *done at the
 * end. *busy is true while the sender, and so the link, always had parameters to go on with. */
static dc_error step(dc__peer *peer, bool *idle, bool *done, bool *busy)
{
    dc_server *s = peer->server;
    uint32_t first, n;
    bool last;
    dc_error err = DC_OK;
    const bool waits = dc__queue_waits(&peer->queue), quiet = !waits && dc__link_quiet(&peer->link);
#define UNLOCKED(action)                \
    do {                                \
        pthread_mutex_unlock(&s->lock); \
        err = (action);                 \
        pthread_mutex_lock(&s->lock);   \
    } while (0)
    if (peer->ack_due) {
        *done = true;
        UNLOCKED(send_words(peer, DC__BYE_ACK, ""));
    } else if (peer->stop_due) {
        *done = true;
        char words[DC__LINE_BYTES];
        (void)snprintf(words, sizeof words, "%s", s->result_line);
        UNLOCKED(send_words(peer, DC__STOP, words));
    } else if (peer->stop || (peer->state == DC__PEER_LEFT && !s->running)) {
        *done = true;
    } else if (peer->state == DC__PEER_LEFT) {
        *idle = true; /* the run is about to end: this worker is told why, too */
    } else if (peer->state >= DC__PEER_ATTACHED && dc__now_ns() - peer->link.sent_ns > DC__PING_NS) {
        /* The receiver may be held up by a slow disk, and answer nothing. */
        UNLOCKED(dc__link_ping(&peer->link));
    } else if (peer->start_due) {
        peer->start_due = false;
        UNLOCKED(send_start(peer));
    } else if (peer->pong_due) {
        peer->pong_due = false;
        const uint64_t stamp = peer->pong_stamp;
        const bool both_quiet = quiet && peer->pong_quiet;
        UNLOCKED(send_pong(peer, stamp, both_quiet));
    } else if (waits && dc__link_has_credit(&peer->link) && dc__queue_next(&peer->queue, &first, &n, &last)) {
        const uint64_t version = peer->want, offset = s->model->block_offset[first];
        dc__header header = {.type = DC__PARAM,
                             .flags = (uint8_t)((last ? DC__LAST : 0) | (*busy ? DC__BUSY : 0)),
                             .round = version,
                             .offset = offset,
                             .count = (uint32_t)(s->model->block_offset[first + n] - offset),
                             .rate = s->state.rate[version & 1]};
        *busy = true;
        UNLOCKED(send_values(peer, header, s->state.value[version & 1] + offset));
    } else if (dc__link_owes_ack(&peer->link) && peer->state != DC__PEER_ATTACHED) {
        /* not during an upload: see the worker's ack_is_due */
        UNLOCKED(send_ack(peer));
    } else if (peer->stat_due && dc__state_stats(s, s->state.round)) {
        peer->stat_due = false;
        UNLOCKED(send_mean_stats(peer));
    } else {
        *idle = true;
    }
    if (!waits) *busy = false;
#undef UNLOCKED
    return err;
}

void *dc__peer_send(void *argument)
{
    dc__peer *peer = argument;
    dc_server *s = peer->server;
    bool done = false, busy = false;
    dc_error err = DC_OK;
    pthread_mutex_lock(&s->lock);
    while (!done && !err) {
        bool idle = false;
        err = step(peer, &idle, &done, &busy);
        if (idle) dc__server_wait(s, &peer->wake);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL; /* a link that fails here fails in the receiver too, which reports it */
}
