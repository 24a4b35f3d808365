/* up.c - what goes to the parent for a worker, and what comes from it. See relay.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "endpoint/values.h"
#include "relay/relay.h"
#include "schedule/credit.h"

#define ACK_QUIET_NS 20000000 /* as a worker's: acknowledgements ride on gradients */

/* Bytes that may be on their way, up or down. */
static uint64_t window(const dc__leaf *lead, bool up)
{
    const dc_relay *r = lead->relay;
    const dc__link *link = &lead->up.link;
    const double down_Bps = link->in_Bps, up_Bps = link->out_Bps > 0 ? (double)link->out_Bps : down_Bps;
    const dc_plan plan = {.strategy = DC_DUPLEX, .slice_bytes = r->slice_bytes};
    return dc__credit_bytes(&plan, up ? up_Bps : down_Bps, fmin(up_Bps, down_Bps), lead->up.rtt_s,
                            (double)dc_model_trained_bytes(r->model, -1), 1);
}

dc_error dc__relay_pull(dc_relay *r, uint64_t version)
{
    void *payload, *message = dc__link_alloc(8, &payload);
    if (message) {
        dc__bytes out = dc__bytes_over(payload, 8);
        dc__put_uint(&out, 0, 4);
        dc__put_uint(&out, r->model->n_blocks, 4);
    }
    const dc__header header = {.type = DC__PULL,
                               .flags = DC__PULL_SLICES,
                               .round = version,
                               .offset = window(r->lead, false),
                               .count = r->slice_bytes,
                               .payload_bytes = 8};
    dc__fan_ask(&r->fan, version);
    dc__endpoint_wake(&r->lead->up);
    return dc__passing_put(&r->lead->to_parent, &header, message, -1);
}

void dc__relay_push_begins(dc_relay *r, uint64_t round)
{
    dc__endpoint *up = &r->lead->up;
    r->sums.round = round;
    up->queue.segments[0] = (dc__segment){.first = 0, .n = r->model->n_blocks};
    dc__queue_start(&up->queue, 1, DC__IN_SLICES, r->slice_bytes / sizeof(float));
    up->link.window_bytes = window(r->lead, true);
}

/* ---- out ---- */

static dc_error send_passed(void *leaf, dc__header *unused)
{
    (void)unused;
    dc__leaf *l = leaf;
    dc_relay *r = l->relay;
    pthread_mutex_lock(&r->lock);
    dc__passed *p = dc__passing_take(l->statistics.first ? &l->statistics : &l->to_parent);
    pthread_cond_broadcast(&r->room);
    pthread_mutex_unlock(&r->lock);
    dc__header leaf_header = {.type = DC__LEAF, .count = (uint32_t)p->of};
    dc_error err = p->of < 0 ? DC_OK : dc__link_send_small(&l->up.link, &leaf_header, NULL, 0);
    if (err)
        dc__link_discard(p->message);
    else
        err = dc__link_send(&l->up.link, &p->header, p->message);
    free(p);
    return err;
}

static dc_error send_sums(void *leaf, dc__header *header)
{
    dc__leaf *l = leaf;
    dc_relay *r = l->relay;
    uint32_t first, end;
    float *values;
    const bool whole = dc__model_blocks(r->model, header->offset, header->count, &first, &end);
    dc__assert(whole);
    void *message = dc__values_alloc(&l->up.link, header->count, &values);
    if (message) dc__summing_give(&r->sums, first, end, values);
    return dc__values_send(&l->up.link, header, message);
}

static void slice(void *leaf, uint32_t first, uint32_t n, bool last, dc__turn *turn)
{
    (void)last;
    const dc__leaf *l = leaf;
    const dc_relay *r = l->relay;
    const uint64_t *offset = r->model->block_offset;
    turn->send = send_sums;
    turn->header = (dc__header){.type = DC__GRAD,
                                .round = r->sums.round,
                                .offset = offset[first],
                                .count = (uint32_t)(offset[first + n] - offset[first]),
                                .rate = r->sums.rate};
}

/* The lead's session is needed as long as others may ask for what comes over it. */
static bool others_stay(const dc__leaf *l)
{
    const dc_relay *r = l->relay;
    for (int k = 0; l == r->lead && k < r->options.workers; k++) {
        const dc__leaf *other = &r->leaf[k];
        if (other != l && other->brings && !other->said_bye && !other->down_over) return true;
    }
    return false;
}

static void next(void *leaf, dc__stage stage, dc__turn *turn)
{
    const dc__leaf *l = leaf;
    const dc__passed *first = l->to_parent.first;
    if (stage != DC__STAGE_FIRST) return;
    /* A goodbye after all rounds comes after all gradients. */
    const bool well = first && first->header.type == DC__BYE && first->header.flags & DC__BYE_OK;
    const bool held = well && (l->up.queue.left > 0 || others_stay(l));
    if (l->statistics.first || (first && !held)) turn->send = send_passed;
}

static int64_t ack_delay_ns(void *leaf)
{
    (void)leaf;
    return ACK_QUIET_NS;
}

/* ---- in ---- */

static dc_error take_params(dc__leaf *l, dc__frame *frame)
{
    dc_relay *r = l->relay;
    uint32_t first, end;
    pthread_mutex_lock(&r->lock);
    const bool due = l == r->lead;
    const uint64_t asked = r->fan.asked;
    pthread_mutex_unlock(&r->lock);
    if (!due) return dc__fail(DC_EPROTO, "the parent sent a PARAM frame that nobody asked for");
    const dc__header h = frame->header;
    const dc_error err = dc__fan_take(&r->fan, asked, frame, &first, &end);
    if (err) return err;
    pthread_mutex_lock(&r->lock);
    dc__fan_offer(&r->fan, &h, first, end);
    for (int k = 0; k < r->options.workers; k++) {
        dc__leaf *to = &r->leaf[k];
        if (!to->brings || to->want != h.round || to->down.queue.left == 0) continue;
        for (uint32_t b = first; b < end; b++)
            dc__queue_ready(&to->down.queue, b);
        dc__endpoint_wake(&to->down);
    }
    pthread_mutex_unlock(&r->lock);
    return DC_OK;
}

static dc_error take_start(dc__leaf *l, const dc__header *h)
{
    dc_relay *r = l->relay;
    pthread_mutex_lock(&r->lock);
    const bool fits = r->lead && (!r->begun || r->start == h->round) && !(h->flags & DC__START_SOON);
    const bool news = fits && !r->begun;
    if (news) {
        r->begun = true;
        r->start = h->round;
    }
    pthread_mutex_unlock(&r->lock);
    if (news)
        dc__log_line(&r->log, "training %s from round %llu on", r->model->name, (unsigned long long)h->round);
    return fits ? DC_OK
                : dc__fail(DC_EPROTO, "the parent began a run at another round, or without all workers");
}

static void note_answer(dc__leaf *l, const dc__frame *frame)
{
    dc_relay *r = l->relay;
    char reason[DC__REASON_BYTES] = "";
    dc__bytes in = dc__bytes_over(frame->payload, frame->header.payload_bytes);
    if (frame->header.type == DC__STOP) {
        dc__get_text(&in, reason, sizeof reason);
        dc__make_printable(reason);
        (void)dc__fail(DC_EPEER, "%s", reason[0] ? reason : "the parent ended the run, without a reason");
        dc__relay_fail(r, DC_EPEER);
    }
    pthread_mutex_lock(&r->lock);
    l->answered = true;
    pthread_mutex_unlock(&r->lock);
}

static dc_error on_frame(void *leaf, dc__frame *frame)
{
    dc__leaf *l = leaf;
    dc_error err = DC_OK;
    switch (frame->header.type) {
    case DC__PARAM:
        return take_params(l, frame);
    case DC__START:
        err = take_start(l, &frame->header);
        return err ? err : dc__relay_pass(l, false, frame);
    case DC__BYE_ACK:
    case DC__STOP:
        note_answer(l, frame);
        return dc__relay_pass(l, false, frame);
    case DC__STATE:
    case DC__STAT:
    case DC__ROSTER:
    case DC__IMAGES:
        return dc__relay_pass(l, false, frame);
    default:
        return dc__fail(DC_EPROTO, "the parent sent a %s frame, which no relay passes on",
                        dc__wire_type_name(frame->header.type));
    }
}

static bool goes_on(void *leaf)
{
    const dc__leaf *l = leaf;
    pthread_mutex_lock(&l->relay->lock);
    const bool answered = l->answered;
    pthread_mutex_unlock(&l->relay->lock);
    return !answered;
}

static void note_end(dc__leaf *l, dc_error err)
{
    dc_relay *r = l->relay;
    pthread_mutex_lock(&r->lock);
    if (err && !l->why[1][0]) {
        (void)snprintf(l->why[1], sizeof l->why[1], "%s", dc_last_error());
        l->lost[1] = err;
    }
    if (err || l->answered) l->up_over = true;
    pthread_mutex_unlock(&r->lock);
}

static void on_end(void *leaf, dc_error err)
{
    if (err != DC_ESTOPPED) note_end(leaf, err);
}

const dc__endpoint_role dc__relay_up = {.next = next,
                                        .slice = slice,
                                        .ack_delay_ns = ack_delay_ns,
                                        .on_frame = on_frame,
                                        .goes_on = goes_on,
                                        .on_receiver_end = on_end,
                                        .on_sender_end = on_end,
                                        .measures_rtt = true};
