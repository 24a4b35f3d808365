/* upload.c - what a worker sends, and in which order: whatever gets the next round started first. */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "endpoint/values.h"
#include "worker/worker.h"

/* While the backward pass makes ever lower layers ready, which slice goes next is decided when the link is
 * about to need it: not at memory speed, as far ahead as credit reaches. Early decisions send high layers
 * before low ones, and where several workers race so, each sends others: slices that some have pushed and
 * some have not cannot come back, and the downlink idles. The lead covers threads that wake late; the link's
 * rate may be better than known. */
#define LEAD_NS 4000000
#define RATE_HOPED 1.125
#define YIELD_NS 2000000 /* the thread of the one that goes first has time to wake */

/* Where both have blocks of one layer to send, the one that has sent the smaller share of it; then the first. Every worker
 * decides so: of what some have pushed to one server and some to another nothing can come back. */
static bool goes_before(const dc__part *q, uint32_t its, const dc__part *p, uint32_t own)
{
    const int q_layer = q->model->block_layer[its], p_layer = p->model->block_layer[own];
    if (q_layer != p_layer) return q_layer < p_layer;
    const dc__layer *a = &q->model->layers[q_layer], *b = &p->model->layers[p_layer];
    const uint64_t q_sent = (uint64_t)(its - a->first_block) * b->n_blocks;
    const uint64_t p_sent = (uint64_t)(own - b->first_block) * a->n_blocks;
    return q_sent != p_sent ? q_sent < p_sent : q < p;
}

/* All connections of a worker leave over one physical link: whether another one has a slice to send that goes before, and may. */
static bool others_go_first(dc__part *p)
{
    const dc_worker *w = p->worker;
    uint32_t own, its;
    if (w->n_parts == 1 || p->inside || !dc__queue_lowest(&p->endpoint.queue, &own)) return false;
    for (int k = 0; k < w->n_parts; k++) {
        dc__part *q = &w->parts[k];
        if (q != p && !q->inside && dc__queue_lowest(&q->endpoint.queue, &its) &&
            dc__link_has_credit(&q->endpoint.link) && goes_before(q, its, p, own))
            return true;
    }
    return false;
}

/* By an account of the link, which has a bound. */
static bool is_bounded(const dc__part *p)
{
    return p->endpoint.account && p->endpoint.account->window_bytes > 0;
}

/* In a mesh who goes first is the account's word alone. */
static bool is_paced(const dc__part *p)
{
    return !p->inside && !(p->worker->host && is_bounded(p));
}

static int64_t hold_until_ns(void *part)
{
    dc__part *p = part;
    const dc__push *push = &p->worker->push;
    if (!is_paced(p) || (!push->grows && is_bounded(p))) return 0;
    const bool yields = others_go_first(p);
    if (!push->grows && !yields) return 0;
    const int64_t due_ns = push->wire_ns - LEAD_NS + (yields ? YIELD_NS : 0);
    return due_ns > dc__now_ns() ? due_ns : 0;
}

/* On the account of the link. In a mesh workers begin with different peers. */
static double position(void *part, uint32_t block)
{
    const dc__part *p = part;
    const dc_worker *w = p->worker;
    if (!w->host) return dc__position(p->model, w->push.round + 1, block, (int)(p - w->parts));
    const int shards = w->n_parts - 1, after = (int)(p - w->parts) + 1 - w->host->shard;
    return dc__position(p->model, w->push.round + 1, block, (after + shards) % shards);
}

/* Puts bytes on the link's account. False if it had run out
 * of them, which it was not meant to: a thread woke late. */
static bool note_push(dc_worker *w, uint32_t bytes)
{
    const double Bps = RATE_HOPED * dc__worker_link_up_Bps(w);
    if (!(Bps > 0)) return true; /* not known yet */
    const int64_t now = dc__now_ns();
    dc__push *push = &w->push;
    const bool late = push->grows && push->wire_ns < now;
    if (push->wire_ns < now) push->wire_ns = now;
    push->wire_ns += (int64_t)(1e9 * bytes / Bps);
    return !late;
}

/* Acknowledgements ride on gradients. Alone they go only where the server's credit is bounded, or at the end:
 * the many small frames against the full downlink of a start look to TCP like a congested uplink, which then
 * opens slowly for the gradients. */
#define ACK_QUIET_NS 20000000

static int64_t ack_delay_ns(void *part)
{
    const dc__part *p = part;
    return p->upload.pull_window_bytes > 0 ? 0 : ACK_QUIET_NS;
}

/* So many floats of the round's gradients lie in the model no more: the next round's may be added up there. */
static void note_left(dc_worker *w, uint64_t count)
{
    pthread_mutex_lock(&w->lock);
    w->push.unsent -= count;
    if (w->push.unsent == 0) pthread_cond_signal(&w->arrived);
    pthread_mutex_unlock(&w->lock);
}

static dc_error send_values(dc__part *p, dc__header header, bool gradients)
{
    const int64_t begin = dc__now_ns();
    float *values;
    void *message = dc__values_alloc(&p->endpoint.link, header.count, &values);
    if (message) {
        dc__model_gather(p->model, gradients, header.offset, header.count, values);
        /* Once copied it is as good as sent: the next round's sum starts from zero. A worker alone keeps it,
         * to turn it into momentum. */
        if (gradients && !p->worker->carry) dc__model_zero_gradients(p->model, header.offset, header.count);
        if (gradients && p->worker->staged.most) note_left(p->worker, header.count);
    }
    dc_error err = dc__values_send(&p->endpoint.link, &header, message);
    if (gradients) dc__worker_trace_slice(p, DC__TRACK_UP, "push", begin, &header);
    return err;
}

/* One frame of the upload that a new run begins with. */
static dc_error send_upload(void *part, dc__header *unused)
{
    dc__part *p = part;
    dc__upload *u = &p->upload;
    (void)unused;
    const uint64_t total = dc__model_floats(p->model), left = total - u->values_at;
    const uint64_t most = DC__MAX_SLICE_BYTES / sizeof(float);
    dc__header header = {.type = DC__STATE,
                         .round = p->worker->info.round,
                         .offset = u->values_at,
                         .flags = (uint8_t)((left <= most ? DC__LAST : 0) | (u->values_at ? DC__BUSY : 0))};
    header.count = (uint32_t)(left < most ? left : most);
    dc_error err = send_values(p, header, false);
    u->values_at += header.count;
    if (u->values_at == total) u->values_at = UINT64_MAX;
    return err;
}

static dc_error send_pull(void *part, dc__header *header)
{
    dc__part *p = part;
    return dc__link_send_small(&p->endpoint.link, header, p->upload.pull_payload, p->upload.pull_bytes);
}

static dc_error send_stats(void *part, dc__header *turn)
{
    dc__part *p = part;
    dc_worker *w = p->worker;
    const uint64_t start = p->model->start[DC_STATISTIC], n = p->model->start[DC_ROLE_COUNT] - start;
    const uint64_t most = DC__MAX_SLICE_BYTES / sizeof(float);
    dc_error err = DC_OK;
    uint64_t at = 0;
    do { /* once even without statistics: the frame says that the round's are all there */
        const uint64_t count = n - at < most ? n - at : most;
        dc__header header = {
            .type = DC__STAT, .round = turn->round, .offset = start + at, .count = (uint32_t)count};
        header.flags = at + count == n ? DC__LAST : 0;
        if (w->forgot && turn->round == w->start_round + 1) header.flags |= DC__STAT_FORGOT;
        float *values;
        void *message = dc__values_alloc(&p->endpoint.link, header.count, &values);
        if (message) memcpy(values, p->upload.stat_out + at, count * sizeof *values);
        err = dc__values_send(&p->endpoint.link, &header, message);
        at += count;
    } while (!err && at < n);
    pthread_mutex_lock(&w->lock);
    p->upload.stat_due = false;
    pthread_cond_signal(&w->arrived);
    pthread_mutex_unlock(&w->lock);
    return err;
}

static dc_error send_bye(void *part, dc__header *header)
{
    dc__part *p = part;
    const char *reason = header->flags & DC__BYE_OK ? "" : p->worker->goodbye.reason;
    uint8_t payload[DC__REASON_BYTES + 2];
    char text[DC__REASON_BYTES];
    (void)snprintf(text, sizeof text, "%.*s", DC__REASON_BYTES - 1, reason ? reason : "");
    dc__bytes out = dc__bytes_over(payload, sizeof payload);
    dc__put_text(&out, text);
    return dc__link_send_small(&p->endpoint.link, header, payload, (uint32_t)(out.at - payload));
}

static dc_error send_empty(void *part, dc__header *header)
{
    dc__part *p = part;
    return dc__link_send_small(&p->endpoint.link, header, NULL, 0);
}

static dc_error send_ready(void *part, dc__header *header)
{
    dc__part *p = part;
    uint8_t payload[8 * DC__VERSIONS_MOST];
    dc__bytes out = dc__bytes_over(payload, sizeof payload);
    for (int k = 0; k < p->upload.n_kept; k++)
        dc__put_uint(&out, p->upload.kept[k], 8);
    return dc__link_send_small(&p->endpoint.link, header, payload, (uint32_t)(out.at - payload));
}

static dc_error send_report(void *part, dc__header *header)
{
    dc__part *p = part;
    dc_worker *w = p->worker;
    size_t plan_bytes;
    pthread_mutex_lock(&w->lock);
    dc__telemetry report = dc__reporter_take(&w->reporter, &plan_bytes);
    header->round = w->info.round;
    header->flags = plan_bytes ? DC__REPORT_PLAN : 0;
    header->payload_bytes = DC__TELEMETRY_BYTES + (uint32_t)plan_bytes;
    void *payload;
    void *message = dc__link_alloc(header->payload_bytes, &payload);
    if (message && plan_bytes) memcpy((uint8_t *)payload + DC__TELEMETRY_BYTES, w->reporter.plan, plan_bytes);
    pthread_mutex_unlock(&w->lock);
    const dc__link *link = &p->endpoint.link;
    report.down_Bps = dc__worker_Bps(w, false);
    report.up_Bps = dc__worker_Bps(w, true);
    report.overhead_s = fmax(link->cost_s, link->peer_cost_s);
    report.rtt_s = p->endpoint.rtt_s;
    report.asked = w->options.strategy;
    if (message) {
        dc__bytes out = dc__bytes_over(payload, DC__TELEMETRY_BYTES);
        dc__telemetry_write(&out, &report);
        dc__assert(!out.failed && out.at == out.end);
    }
    return dc__link_send(&p->endpoint.link, header, message);
}

static dc_error send_coded(dc__part *p, dc__header *header)
{
    const int64_t begin = dc__now_ns();
    uint32_t first, end;
    const bool whole = dc__model_blocks(p->model, header->offset, header->count, &first, &end);
    dc__assert(whole);
    void *payload,
        *message =
            dc__link_alloc((uint32_t)dc__encoder_bytes(&p->encoder, header->round, first, end), &payload);
    header->codec = (uint8_t)p->encoder.coding.up.codec->id;
    if (message)
        header->payload_bytes =
            (uint32_t)dc__encoder_encode(&p->encoder, header->round, header->rate, first, end, payload);
    const dc_error err = dc__link_send(&p->endpoint.link, header, message);
    dc__worker_trace_slice(p, DC__TRACK_UP, "push", begin, header);
    return err;
}

static dc_error send_gradients(void *part, dc__header *header)
{
    dc__part *p = part;
    return dc__encoder_exact(&p->encoder) ? send_values(p, *header, true) : send_coded(p, header);
}

static void slice(void *part, uint32_t first, uint32_t n, bool last, dc__turn *turn)
{
    (void)last;
    dc__part *p = part;
    const dc__push *push = &p->worker->push;
    const uint64_t *offset = p->model->block_offset;
    const uint32_t count = (uint32_t)(offset[first + n] - offset[first]);
    const bool exact = dc__encoder_exact(&p->encoder);
    dc__joint_up(p->worker);
    turn->on_time =
        !is_paced(p) ||
        note_push(p->worker, exact ? count * (uint32_t)sizeof(float)
                                   : (uint32_t)dc__encoder_bytes(&p->encoder, push->round, first, first + n));
    turn->send = send_gradients;
    turn->header = (dc__header){
        .type = DC__GRAD, .round = push->round, .offset = offset[first], .count = count, .rate = push->rate};
    if (p->worker->n_parts > 1 && is_paced(p)) dc__worker_wake(p->worker); /* it may be another one's turn */
}

/* ---- the order of everything else ---- */

static void set(dc__turn *turn, dc_error (*send)(void *, dc__header *), dc__header header)
{
    turn->send = send;
    turn->header = header;
}

static void bye(dc__part *p, dc__turn *turn)
{
    const dc_worker *w = p->worker;
    set(turn, send_bye,
        (dc__header){.type = DC__BYE,
                     .flags = w->goodbye.waits   ? DC__BYE_OK | DC__BYE_WAITS
                              : w->goodbye.ok    ? DC__BYE_OK
                              : w->goodbye.leave ? DC__BYE_LEAVE
                                                 : 0,
                     .round = w->info.round});
    p->upload.bye_sent = w->goodbye.waits; /* it hears what happens meanwhile, and answers */
    turn->ends = !w->goodbye.waits;
}

static void next_first(dc__part *p, dc__turn *turn)
{
    const dc__goodbye *g = &p->worker->goodbye;
    dc__upload *u = &p->upload;
    if (g->due && !g->ok && !g->leave) {
        bye(p, turn);
    } else if (u->values_at != UINT64_MAX) {
        set(turn, send_upload, (dc__header){0});
    } else if (u->ready_due) {
        u->ready_due = false;
        set(turn, send_ready, (dc__header){.type = DC__READY, .round = p->worker->options.last_round});
    }
}

static void next_request(dc__part *p, dc__turn *turn)
{
    const dc_worker *w = p->worker;
    dc__upload *u = &p->upload;
    if (u->pull_due && (u->pull_first || p->endpoint.queue.left == 0)) {
        u->pull_due = false;
        set(turn, send_pull,
            (dc__header){.type = DC__PULL,
                         .flags = u->pull_slices ? DC__PULL_SLICES : 0,
                         .round = p->download.incoming,
                         .offset = u->pull_window_bytes,
                         .count = u->pull_slice_bytes});
    } else if (u->base_due) {
        u->base_due = false;
        set(turn, send_empty, (dc__header){.type = DC__BASE, .round = u->stat_round - 1, .offset = u->base});
    } else if (u->stat_due) { /* before the gradients of its round: the server counts on it */
        set(turn, send_stats, (dc__header){.round = u->stat_round});
    } else if (p == w->parts && dc__reporter_is_due(&w->reporter, dc__queue_waits(&p->endpoint.queue))) {
        set(turn, send_report, (dc__header){.type = DC__REPORT});
    }
}

static void next_last(dc__part *p, dc__turn *turn)
{
    const dc__goodbye *g = &p->worker->goodbye;
    dc__upload *u = &p->upload;
    if (p->endpoint.queue.left > 0) return;
    if (u->want_stat_due) {
        u->want_stat_due = false;
        set(turn, send_empty, (dc__header){.type = DC__WANT_STAT});
    } else if (g->due && !(g->waits && u->bye_sent)) {
        bye(p, turn);
    }
}

static void next(void *part, dc__stage stage, dc__turn *turn)
{
    static void (*const by_stage[])(dc__part *, dc__turn *) = {
        [DC__STAGE_FIRST] = next_first, [DC__STAGE_REQUEST] = next_request, [DC__STAGE_LAST] = next_last};
    by_stage[stage](part, turn);
}

static bool goes_on(void *part)
{
    const dc__part *p = part;
    return !p->bye_acked;
}

static void on_end(void *part, dc_error err)
{
    if (err) dc__worker_fail(((dc__part *)part)->worker, err);
}

const dc__endpoint_role dc__worker_role = {.next = next,
                                           .slice = slice,
                                           .hold_until_ns = hold_until_ns,
                                           .position = position,
                                           .ack_delay_ns = ack_delay_ns,
                                           .on_frame = dc__worker_on_frame,
                                           .goes_on = goes_on,
                                           .on_receiver_end = on_end,
                                           .on_sender_end = on_end,
                                           .measures_rtt = true};
