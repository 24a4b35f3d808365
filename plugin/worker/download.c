/* download.c - what arrives: parameters into the model, the compute thread is woken. */
#include <string.h>

#include "base/clock.h"
#include "endpoint/values.h"
#include "worker/worker.h"

/* ---- asking ---- */

void dc__worker_pull(dc_worker *w, uint64_t version, bool first)
{
    const dc_model *m = w->model;
    const dc_plan *plan = &w->planner.plan;
    dc__assert(version != w->download.incoming || !w->download.started);
    w->download.incoming = version;
    w->download.incoming_applied = version != w->start_round;
    memset(w->download.got, 0, ((size_t)m->n_blocks + 63) / 64 * sizeof *w->download.got);
    memset(w->download.gate_left, 0, (size_t)m->n_layers * sizeof *w->download.gate_left);
    w->upload.pull_slices = plan->strategy == DC_DUPLEX;
    w->upload.pull_slice_bytes =
        plan->slice_bytes < DC__MAX_SLICE_BYTES ? plan->slice_bytes : DC__MAX_SLICE_BYTES;
    w->upload.pull_window_bytes = dc__worker_window(w, false);
    dc__bytes out = dc__bytes_over(w->upload.pull_payload, 8 * (size_t)m->n_blocks);
    int layer = 0;
    for (int k = 0; k < plan->n_pull; k++) {
        uint32_t from = UINT32_MAX, n = 0;
        for (; layer <= plan->pull_end[k]; layer++) {
            w->download.missing[layer] = m->layers[layer].count;
            w->download.gate[layer] = w->upload.pull_slices ? -1 : k;
            w->download.gate_left[k] += m->layers[layer].count;
            if (from == UINT32_MAX && m->layers[layer].n_blocks) from = m->layers[layer].first_block;
            n += m->layers[layer].n_blocks;
        }
        if (n == 0) continue;
        dc__put_uint(&out, from, 4);
        dc__put_uint(&out, n, 4);
    }
    dc__assert(layer == m->n_layers && !out.failed);
    w->upload.pull_bytes = (uint32_t)(out.at - w->upload.pull_payload);
    w->upload.pull_due = true;
    w->upload.pull_first = first;
    dc__endpoint_wake(&w->endpoint);
}

/* ---- arriving ---- */

static dc_error bad(const dc__frame *frame, const char *why)
{
    return dc__fail(DC_EPROTO, "the server sent a %s frame %s", dc__wire_type_name(frame->header.type), why);
}

/* count more floats of a layer are in place; with the lock held. True if the compute thread may be waiting
 * for it. */
static bool arrive(dc_worker *w, int layer, uint64_t count)
{
    w->download.missing[layer] -= count;
    const int gate = w->download.gate[layer];
    if (gate < 0) {
        if (w->download.missing[layer] == 0) w->download.ready[layer] = w->download.incoming + 1;
        return w->download.missing[layer] == 0;
    }
    w->download.gate_left[gate] -= count;
    if (w->download.gate_left[gate] > 0) return false;
    for (int i = layer; i >= 0 && w->download.gate[i] == gate; i--)
        w->download.ready[i] = w->download.incoming + 1;
    for (int i = layer + 1; i < w->model->n_layers && w->download.gate[i] == gate; i++)
        w->download.ready[i] = w->download.incoming + 1;
    return true;
}

/* A version's change, if the codec loses something: onto the version before, which must be here. */
static bool is_change(const dc_worker *w, const dc__frame *frame, uint32_t first, uint32_t end)
{
    const dc__codec *codec = dc__codec_of(frame->header.codec);
    return codec && !codec->exact && frame->header.round != w->start_round &&
           dc__runs_check(codec, w->model, first, end, frame->payload, frame->header.payload_bytes, NULL);
}

static void add_change(dc_worker *w, const dc__frame *frame, uint32_t first, uint32_t end)
{
    dc_model *m = w->model;
    const dc__codec *codec = dc__codec_of(frame->header.codec);
    const uint8_t *at = frame->payload;
    float own[DC__BLOCK_FLOATS_MOST], *base = w->encoder.base;
    for (uint32_t b = first; b < end; b++) {
        const size_t n = (size_t)(m->block_offset[b + 1] - m->block_offset[b]);
        const uint64_t offset = m->block_offset[b];
        if (base) {
            codec->add(at, base + offset, n);
            dc__model_scatter(m, offset, n, base + offset);
        } else {
            dc__model_gather(m, false, offset, n, own);
            codec->add(at, own, n);
            dc__model_scatter(m, offset, n, own);
        }
        at += codec->check(at, frame->header.payload_bytes, n, NULL);
    }
}

static dc_error take_params(dc_worker *w, const dc__frame *frame)
{
    dc_model *m = w->model;
    const dc__header *h = &frame->header;
    uint32_t first, end;
    const float *values = dc__values_of(frame); /* NULL: a change */
    if (!dc__model_blocks(m, h->offset, h->count, &first, &end) ||
        (!values && !is_change(w, frame, first, end)))
        return bad(frame, "that is not a run of whole blocks");
    pthread_mutex_lock(&w->lock);
    const uint64_t asked = w->download.incoming;
    const bool wanted = h->round == asked && w->download.started;
    const bool carry = w->carry && w->download.incoming_applied;
    pthread_mutex_unlock(&w->lock);
    if (!wanted)
        return dc__fail(DC_EPROTO, "the server sent parameters of version %llu where %llu was asked for",
                        (unsigned long long)h->round, (unsigned long long)asked);
    for (uint32_t b = first; b < end; b++) {
        if (w->download.got[b / 64] >> (b % 64) & 1) return bad(frame, "twice");
        w->download.got[b / 64] |= (uint64_t)1 << (b % 64);
    }
    if (carry) dc__model_carry(m, h->offset, h->count, h->rate, m->images_per_round);
    if (values && w->encoder.base) memcpy(w->encoder.base + h->offset, values, h->count * sizeof *values);
    if (values)
        dc__model_scatter(m, h->offset, h->count, values);
    else
        add_change(w, frame, first, end);
    pthread_mutex_lock(&w->lock);
    bool wake = false;
    for (uint32_t b = first; b < end; b++)
        wake |= arrive(w, m->block_layer[b], m->block_offset[b + 1] - m->block_offset[b]);
    if (wake) pthread_cond_signal(&w->arrived);
    pthread_mutex_unlock(&w->lock);
    return DC_OK;
}

/* Before START: what is not pulled. Values of the frozen and fixed, statistics, moments. */
static dc_error take_state(dc_worker *w, const dc__frame *frame)
{
    dc_model *m = w->model;
    const dc__header *h = &frame->header;
    if (w->download.begun) return bad(frame, "after START");
    const bool moment = h->flags & (DC__STATE_MOMENT1 | DC__STATE_MOMENT2);
    const uint64_t end = moment ? dc__model_state_floats(m) : dc__model_floats(m);
    const float *values = dc__values_of(frame);
    if (!values || h->offset > end || h->count > end - h->offset || h->count == 0)
        return bad(frame, "outside the model");
    if (!moment)
        dc__model_scatter(m, h->offset, h->count, values);
    else
        dc__model_set_moment(m, h->flags & DC__STATE_MOMENT2 ? 2 : 1, h->offset, h->count, values);
    return DC_OK;
}

/* Twice, if the round is still to come when its version can be fetched already. */
static dc_error take_start(dc_worker *w, const dc__frame *frame)
{
    const dc__header *h = &frame->header;
    const bool soon = h->flags & DC__START_SOON;
    if (h->round > UINT32_MAX) return bad(frame, "of a round that no run reaches");
    pthread_mutex_lock(&w->lock);
    dc__download *d = &w->download;
    const bool again = d->begun || (d->started && (soon || h->round != w->start_round));
    if (!again && !d->started) {
        w->start_round = w->info.round = h->round;
        w->info.seed = h->offset;
        w->start_step = h->count;
        dc__worker_pull(w, w->start_round, true);
        d->started = true;
    }
    if (!again && !soon) {
        d->begun = true;
        d->fresh = h->flags & DC__START_FRESH;
        pthread_cond_signal(&w->arrived);
    }
    pthread_mutex_unlock(&w->lock);
    return again ? bad(frame, "twice") : DC_OK;
}

static dc_error take_roster(dc_worker *w, const dc__frame *frame)
{
    const dc__header *h = &frame->header;
    if (h->offset == 0 || h->offset > UINT32_MAX * (uint64_t)DC_MAX_WORKERS)
        return bad(frame, "without images");
    pthread_mutex_lock(&w->lock);
    dc__download *d = &w->download;
    d->crew_images[0] = d->crew_images[1];
    d->crew_images[1] = h->offset;
    d->crew_round = h->round;
    pthread_mutex_unlock(&w->lock);
    return DC_OK;
}

static dc_error take_images(dc_worker *w, const dc__frame *frame)
{
    const dc__header *h = &frame->header;
    const uint32_t part = w->options.part;
    if (h->count == 0 || h->count > INT32_MAX || (!part && h->count != w->model->images_per_round) ||
        (part && h->count % part != 0))
        return bad(frame, "with no whole number of subdivisions");
    pthread_mutex_lock(&w->lock);
    dc__download *d = &w->download;
    if (h->round != d->images_round) d->own_images[0] = d->own_images[1]; /* not if it is said once more */
    d->own_images[1] = h->count;
    d->images_round = h->round;
    pthread_mutex_unlock(&w->lock);
    return DC_OK;
}

uint32_t dc_worker_images(dc_worker *w, uint64_t round)
{
    pthread_mutex_lock(&w->lock);
    const uint32_t images = w->download.own_images[round / w->coding.local_steps >= w->download.images_round];
    pthread_mutex_unlock(&w->lock);
    return images;
}

uint64_t dc__worker_crew_images(dc_worker *w, uint64_t round)
{
    pthread_mutex_lock(&w->lock);
    const uint64_t images = w->download.crew_images[round >= w->download.crew_round];
    pthread_mutex_unlock(&w->lock);
    return images;
}

static dc_error take_stats(dc_worker *w, const dc__frame *frame)
{
    const dc__header *h = &frame->header;
    const uint64_t start = w->model->start[DC_STATISTIC], n = w->model->start[DC_ROLE_COUNT] - start;
    const float *values = dc__values_of(frame);
    if (!values || h->offset < start || h->count > n || h->offset - start > n - h->count)
        return bad(frame, "outside the statistics");
    memcpy(w->download.stat_mean + (h->offset - start), values, h->count * sizeof *values);
    if (!(h->flags & DC__LAST)) return DC_OK;
    pthread_mutex_lock(&w->lock);
    w->download.stat_here = true;
    pthread_cond_signal(&w->arrived);
    pthread_mutex_unlock(&w->lock);
    return DC_OK;
}

static dc_error take_stop(dc_worker *w, const dc__frame *frame)
{
    w->stopped = true;
    char reason[DC__REASON_BYTES];
    dc__bytes in = dc__bytes_over(frame->payload, frame->header.payload_bytes);
    dc__get_text(&in, reason, sizeof reason);
    return dc__fail(DC_EPEER, "the server ended the run: %s", reason[0] ? reason : "no reason given");
}

/* Traces a frame of parameters; after a pause its beginning was not seen, only estimated. */
static dc_error trace_params(dc_worker *w, const dc__frame *frame)
{
    const dc__header *h = &frame->header;
    const int64_t now = w->endpoint.link.heard_ns, before = w->download.before_ns;
    const double Bps = w->endpoint.link.in_Bps;
    dc_error err = take_params(w, frame);
    if (!err && w->trace) {
        const int64_t estimated = now - (Bps > 0 ? (int64_t)(h->payload_bytes / Bps * 1e9) : 0);
        const int64_t begin = h->flags & DC__BUSY || estimated < before ? before : estimated;
        dc__worker_trace_slice(w, DC__TRACK_DOWN, "pull", begin, h);
    }
    w->download.before_ns = now;
    return err;
}

static dc_error take_keep(dc_worker *w, const dc__frame *frame)
{
    const uint32_t n = frame->header.payload_bytes / 8;
    uint64_t needed[DC__NEEDED_MOST];
    if (n * 8 != frame->header.payload_bytes || n > DC__NEEDED_MOST) return bad(frame, "of a wrong size");
    dc__bytes in = dc__bytes_over(frame->payload, frame->header.payload_bytes);
    for (uint32_t k = 0; k < n; k++)
        needed[k] = dc__get_uint(&in, 8);
    dc__residues_announce(&w->residues, frame->header.round, needed, (int)n);
    return DC_OK;
}

static dc_error take_bye_ack(dc_worker *w)
{
    w->bye_acked = true;
    pthread_mutex_lock(&w->lock);
    pthread_cond_signal(&w->arrived);
    pthread_mutex_unlock(&w->lock);
    return DC_OK;
}

dc_error dc__worker_on_frame(void *worker, dc__frame *frame)
{
    dc_worker *w = worker;
    switch (frame->header.type) {
    case DC__PARAM:
        return trace_params(w, frame);
    case DC__STATE:
        return take_state(w, frame);
    case DC__START:
        return take_start(w, frame);
    case DC__STAT:
        return take_stats(w, frame);
    case DC__KEEP:
        return take_keep(w, frame);
    case DC__STOP:
        return take_stop(w, frame);
    case DC__ROSTER:
        return take_roster(w, frame);
    case DC__IMAGES:
        return take_images(w, frame);
    case DC__BYE_ACK:
        return take_bye_ack(w);
    default:
        return bad(frame, "that only a worker sends");
    }
}
