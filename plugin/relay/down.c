/* down.c - what a worker, or a relay for its workers, sends, and what goes to it. See relay.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "endpoint/values.h"
#include "model/finite.h"
#include "relay/relay.h"

static dc_error unexpected(const dc__leaf *l, const dc__frame *frame, const char *why)
{
    return dc__fail(DC_EPROTO, "worker %d sent a %s frame %s", l->number,
                    dc__wire_type_name(frame->header.type), why);
}

/* ---- out ---- */

static dc_error send_passed(void *leaf, dc__header *unused)
{
    (void)unused;
    dc__leaf *l = leaf;
    dc_relay *r = l->relay;
    pthread_mutex_lock(&r->lock);
    dc__passed *p = dc__passing_take(&l->to_worker);
    pthread_cond_broadcast(&r->room);
    pthread_mutex_unlock(&r->lock);
    const dc_error err = dc__link_send(&l->down.link, &p->header, p->message);
    free(p);
    return err;
}

static void next(void *leaf, dc__stage stage, dc__turn *turn)
{
    const dc__leaf *l = leaf;
    const dc__passed *first = l->to_worker.first;
    if (stage != DC__STAGE_FIRST || !first) return;
    turn->send = send_passed;
    turn->ends = first->header.type == DC__BYE_ACK || first->header.type == DC__STOP;
}

static dc_error send_params(void *leaf, dc__header *header)
{
    dc__leaf *l = leaf;
    dc_relay *r = l->relay;
    uint32_t first, end;
    const bool whole = dc__model_blocks(r->model, header->offset, header->count, &first, &end);
    dc__assert(whole);
    if (header->codec != DC__CODEC_F32) {
        void *payload, *coded = dc__link_alloc(dc__fan_bytes(&r->fan, first, end), &payload);
        header->payload_bytes = dc__fan_bytes(&r->fan, first, end);
        if (coded) dc__fan_give(&r->fan, first, end, payload);
        return dc__link_send(&l->down.link, header, coded);
    }
    float *values;
    void *message = dc__values_alloc(&l->down.link, header->count, &values);
    if (message) dc__fan_give(&r->fan, first, end, values);
    return dc__values_send(&l->down.link, header, message);
}

static void slice(void *leaf, uint32_t first, uint32_t n, bool last, dc__turn *turn)
{
    (void)last;
    const dc__leaf *l = leaf;
    const dc_relay *r = l->relay;
    const uint64_t *offset = r->model->block_offset;
    turn->send = send_params;
    turn->header = (dc__header){.type = DC__PARAM,
                                .round = l->want,
                                .offset = offset[first],
                                .count = (uint32_t)(offset[first + n] - offset[first]),
                                .codec = r->fan.codec,
                                .rate = r->fan.rate};
}

/* Not during an upload: as a server's. */
static int64_t ack_delay_ns(void *leaf)
{
    const dc__leaf *l = leaf;
    return l->relay->begun ? 0 : -1;
}

/* ---- in ---- */

/* The segments of a PULL, which must cover every trained block once, in ascending order. */
static dc_error read_segments(dc__leaf *l, const dc__frame *frame, uint32_t n)
{
    dc__bytes in = dc__bytes_over(frame->payload, frame->header.payload_bytes);
    const uint32_t blocks = l->relay->model->n_blocks;
    uint32_t at = 0;
    for (uint32_t k = 0; k < n; k++) {
        const uint32_t first = (uint32_t)dc__get_uint(&in, 4), count = (uint32_t)dc__get_uint(&in, 4);
        if (first != at || count == 0 || count > blocks - first)
            return unexpected(l, frame, "that names blocks out of order or out of bounds");
        l->down.queue.segments[k] = (dc__segment){.first = first, .n = count};
        at = first + count;
    }
    return at == blocks ? DC_OK : unexpected(l, frame, "that leaves blocks out");
}

/* With the lock held. */
static dc_error start_queue(dc__leaf *l, const dc__frame *frame, uint32_t n)
{
    dc_relay *r = l->relay;
    const dc__header *h = &frame->header;
    dc__queue *queue = &l->down.queue;
    if (!r->begun || !l->brings) return unexpected(l, frame, "while no round is on");
    if (queue->left > 0) return unexpected(l, frame, "before the one before it was done");
    const bool next_one = dc__fan_may_ask(&r->fan, h->round, r->start);
    /* Somebody may have asked for the next one already, of which nothing comes before this one has it all. */
    if (!next_one && h->round != r->fan.asked && h->round + 1 != r->fan.asked)
        return unexpected(l, frame, "of another version than the next");
    if (l->want != DC__NO_VERSION && h->round != l->want + 1) return unexpected(l, frame, "twice");
    dc_error err = read_segments(l, frame, n);
    if (!err && next_one) err = dc__relay_pull(r, h->round);
    if (err) return err;
    l->want = h->round;
    l->down.link.window_bytes = h->offset;
    dc__queue_start(queue, n, h->flags & DC__PULL_SLICES ? DC__IN_SLICES : DC__IN_SEGMENTS,
                    h->count / sizeof(float));
    for (uint32_t b = 0; b < r->model->n_blocks; b++)
        if (dc__fan_has(&r->fan, b, h->round)) dc__queue_ready(queue, b);
    dc__endpoint_wake(&l->down);
    return DC_OK;
}

static dc_error take_pull(dc__leaf *l, const dc__frame *frame)
{
    dc_relay *r = l->relay;
    const dc__header *h = &frame->header;
    const uint32_t n = h->payload_bytes / 8;
    if (n == 0 || n * 8 != h->payload_bytes || n > r->model->n_blocks || h->count < sizeof(float) ||
        h->count > DC__MAX_SLICE_BYTES)
        return unexpected(l, frame, "of a wrong size");
    pthread_mutex_lock(&r->lock);
    const dc_error err = start_queue(l, frame, n);
    pthread_mutex_unlock(&r->lock);
    return err;
}

/* The round that the frame is of is on, or begins with it. */
static dc_error begin_round(dc__leaf *l, const dc__frame *frame)
{
    dc_relay *r = l->relay;
    const uint64_t round = frame->header.round;
    dc_error err = DC_OK;
    pthread_mutex_lock(&r->lock);
    const bool has = l->brings && l->want != DC__NO_VERSION && (l->want == round || l->want == round + 1);
    const bool begins = r->sums.round == DC__NO_VERSION ? round == r->start : round == r->sums.round + 1;
    if (!has || (!begins && round != r->sums.round) || (begins && r->lead->up.queue.left > 0))
        err = unexpected(l, frame, "of another round than the one that is on");
    else if (begins)
        dc__relay_push_begins(r, round);
    pthread_mutex_unlock(&r->lock);
    return err;
}

/* Blocks [first, end) of the sum are whole: they may leave. */
static void offer(dc_relay *r, uint32_t first, uint32_t end, float rate)
{
    if (first == end) return;
    pthread_mutex_lock(&r->lock);
    r->sums.rate = rate;
    for (uint32_t b = first; b < end; b++)
        dc__queue_ready(&r->lead->up.queue, b);
    dc__endpoint_wake(&r->lead->up);
    pthread_mutex_unlock(&r->lock);
}

/* Puts blocks [first, end) into the sum. */
static dc_error put(dc__leaf *l, const dc__header *h, const float *values, dc__held *held, uint32_t first,
                    uint32_t end)
{
    dc_relay *r = l->relay;
    const uint64_t *offset = r->model->block_offset;
    const int slot = (int)(l - r->leaf);
    uint32_t from = first;
    const float rate = h->rate;
    float sums_rate = rate;
    dc_error err = DC_OK;
    for (uint32_t b = first; !err && b < end; b++) {
        /* The message is nobody's as soon as its last block is put. */
        const dc__slot gradient = {.data = values + (offset[b] - offset[first]), .held = held, .rate = rate};
        bool whole;
        err = dc__summing_put(&r->sums, b, slot, &gradient, &whole, &sums_rate);
        if (whole) continue;
        offer(r, from, b, sums_rate);
        from = b + 1;
    }
    if (!err) offer(r, from, end, sums_rate);
    if (err) dc__relay_fail(r, err);
    return err;
}

static dc_error take_gradient(dc__leaf *l, dc__frame *frame)
{
    dc_relay *r = l->relay;
    const dc__header h = frame->header;
    uint32_t first, end, wanted, lead;
    char what[64];
    dc_error err = begin_round(l, frame);
    if (err) return err;
    const float *values = h.codec == DC__CODEC_F32 ? dc__values_of(frame) : NULL;
    if (!values || !dc__model_blocks(r->model, h.offset, h.count, &first, &end) || !isfinite(h.rate))
        return unexpected(l, frame, "that is not a run of whole blocks");
    if (!dc__given_note(&l->given, h.round, first, end, &wanted, &lead)) return unexpected(l, frame, "twice");
    (void)snprintf(what, sizeof what, "round %llu: worker %d's gradient", (unsigned long long)h.round + 1,
                   l->number);
    if (dc__finite_check(r->model, h.offset, h.count, values, what)) return DC_EVALUE;
    dc__held *held = dc__reduce_hold(&r->sums.reduce, (int)(l - r->leaf), first, end - first, frame->message);
    frame->message = NULL;
    return put(l, &h, values, held, first, end);
}

static dc_error take_leaf(dc__leaf *l, const dc__frame *frame)
{
    const dc_relay *r = l->relay;
    if (frame->header.count > DC__RANK_MOST) return unexpected(l, frame, "about nobody");
    for (int k = 0; k < r->options.workers; k++)
        if (r->leaf[k].number == (int)frame->header.count && l->path.n > 0 &&
            dc__path_same(&l->path, &r->leaf[k].path, 1)) {
            l->of = (int)frame->header.count;
            return DC_OK;
        }
    return unexpected(l, frame, "about a worker that is not behind it");
}

/* Statistics go before the gradients of their round, on the session that those go on. */
static dc_error take_statistics(dc__leaf *l, dc__frame *frame)
{
    dc_relay *r = l->relay;
    pthread_mutex_lock(&r->lock);
    dc__leaf *lead = r->begun && l->brings ? r->lead : NULL;
    pthread_mutex_unlock(&r->lock);
    if (!lead) return unexpected(l, frame, "while no round is on");
    const int of = l->of < 0 ? l->number : l->of;
    l->of = -1;
    return dc__relay_pass_statistics(lead, frame, of);
}

static dc_error take_bye(dc__leaf *l, dc__frame *frame)
{
    pthread_mutex_lock(&l->relay->lock);
    l->said_bye = true;
    l->ended_well = frame->header.flags & DC__BYE_OK;
    l->leaves = frame->header.flags & DC__BYE_LEAVE;
    if (l->relay->lead) dc__endpoint_wake(&l->relay->lead->up); /* its goodbye may have waited for this one */
    pthread_mutex_unlock(&l->relay->lock);
    return dc__relay_pass(l, true, frame);
}

static dc_error on_frame(void *leaf, dc__frame *frame)
{
    dc__leaf *l = leaf;
    switch (frame->header.type) {
    case DC__PULL:
        return take_pull(l, frame);
    case DC__GRAD:
        return take_gradient(l, frame);
    case DC__LEAF:
        return take_leaf(l, frame);
    case DC__STAT:
        return take_statistics(l, frame);
    case DC__BYE:
        return take_bye(l, frame);
    case DC__STATE:
    case DC__READY:
    case DC__WANT_STAT:
    case DC__REPORT:
        return dc__relay_pass(l, true, frame);
    default:
        return unexpected(l, frame, "that only a server sends");
    }
}

static void on_receiver_end(void *leaf, dc_error err)
{
    dc__leaf *l = leaf;
    if (err == DC_ESTOPPED) return;
    pthread_mutex_lock(&l->relay->lock);
    (void)snprintf(l->why[0], sizeof l->why[0], "%s", err ? dc_last_error() : "it has left");
    l->lost[0] = err;
    l->down_over = true;
    pthread_mutex_unlock(&l->relay->lock);
}

static void on_sender_end(void *leaf, dc_error err)
{
    (void)err;
    dc__leaf *l = leaf;
    pthread_mutex_lock(&l->relay->lock);
    l->down_sent = true;
    pthread_mutex_unlock(&l->relay->lock);
}

const dc__endpoint_role dc__relay_down = {.next = next,
                                          .slice = slice,
                                          .ack_delay_ns = ack_delay_ns,
                                          .on_frame = on_frame,
                                          .on_receiver_end = on_receiver_end,
                                          .on_sender_end = on_sender_end};
