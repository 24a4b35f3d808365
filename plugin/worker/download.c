/* download.c - what arrives: parameters into the model, the compute thread is woken. */
#include <string.h>

#include "base/clock.h"
#include "endpoint/values.h"
#include "worker/worker.h"

/* ---- asking ---- */

void dc__part_pull(dc__part *p, uint64_t version, bool first)
{
    const dc_model *m = p->model;
    const dc_plan *plan = &p->worker->planner.plan;
    dc__download *d = &p->download;
    dc__upload *u = &p->upload;
    dc__assert(version != d->incoming || !d->started);
    d->incoming = version;
    d->incoming_applied = version != p->worker->start_round;
    if (p->worker->staged.most) dc__staged_expect(&p->worker->staged, version);
    memset(d->got, 0, ((size_t)m->n_blocks + 63) / 64 * sizeof *d->got);
    memset(d->gate_left, 0, (size_t)m->n_layers * sizeof *d->gate_left);
    u->pull_slices = plan->strategy == DC_DUPLEX;
    u->pull_slice_bytes = plan->slice_bytes < DC__MAX_SLICE_BYTES ? plan->slice_bytes : DC__MAX_SLICE_BYTES;
    u->pull_window_bytes = dc__part_window(p, false);
    dc__bytes out = dc__bytes_over(u->pull_payload, 8 * (size_t)m->n_blocks);
    int layer = 0;
    for (int k = 0; k < plan->n_pull; k++) {
        uint32_t from = UINT32_MAX, n = 0;
        for (; layer <= plan->pull_end[k]; layer++) {
            d->missing[layer] = m->layers[layer].count;
            d->gate[layer] = u->pull_slices ? -1 : k;
            d->gate_left[k] += m->layers[layer].count;
            if (from == UINT32_MAX && m->layers[layer].n_blocks) from = m->layers[layer].first_block;
            n += m->layers[layer].n_blocks;
        }
        if (n == 0) continue;
        dc__put_uint(&out, from, 4);
        dc__put_uint(&out, n, 4);
    }
    dc__assert(layer == m->n_layers && !out.failed);
    u->pull_bytes = (uint32_t)(out.at - u->pull_payload);
    u->pull_due = true;
    u->pull_first = first;
    dc__endpoint_wake(&p->endpoint);
}

void dc__worker_pull(dc_worker *w, uint64_t version, bool first)
{
    for (int k = 0; k < w->n_parts; k++)
        dc__part_pull(&w->parts[k], version, first);
}

/* ---- arriving ---- */

static dc_error bad(const dc__frame *frame, const char *why)
{
    return dc__fail(DC_EPROTO, "the server sent a %s frame %s", dc__wire_type_name(frame->header.type), why);
}

/* count more floats of a layer are in place; with the lock held. True if the compute thread may be waiting
 * for it. */
static bool arrive(dc__part *p, int layer, uint64_t count)
{
    dc__download *d = &p->download;
    d->missing[layer] -= count;
    const int gate = d->gate[layer];
    if (gate < 0) {
        if (d->missing[layer] == 0) d->ready[layer] = d->incoming + 1;
        return d->missing[layer] == 0;
    }
    d->gate_left[gate] -= count;
    if (d->gate_left[gate] > 0) return false;
    for (int i = layer; i >= 0 && d->gate[i] == gate; i--)
        d->ready[i] = d->incoming + 1;
    for (int i = layer + 1; i < p->model->n_layers && d->gate[i] == gate; i++)
        d->ready[i] = d->incoming + 1;
    return true;
}

/* A version's change, if the codec loses something: onto the version before, which must be here. */
static bool is_change(const dc__part *p, const dc__frame *frame, uint32_t first, uint32_t end)
{
    const dc__codec *codec = dc__codec_of(frame->header.codec);
    return codec && !codec->exact && frame->header.round != p->worker->start_round &&
           dc__runs_check(codec, p->model, first, end, frame->payload, frame->header.payload_bytes, NULL);
}

static void add_change(dc__part *p, const dc__frame *frame, uint32_t first, uint32_t end)
{
    dc_model *m = p->model;
    const dc__codec *codec = dc__codec_of(frame->header.codec);
    const uint8_t *at = frame->payload;
    float own[DC__BLOCK_FLOATS_MOST], *base = p->encoder.base;
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

/* Not into the model, which the computation may be at work on. */
static dc_error stage(dc__part *p, const dc__header *h, const float *values)
{
    dc_worker *w = p->worker;
    if (!values)
        return dc__fail(DC_EPROTO, "the server sent a change of the parameters where versions are exact");
    dc__staged_put(&w->staged, h->offset, h->count, values);
    pthread_mutex_lock(&w->lock);
    const bool whole = dc__staged_arrive(&w->staged, h->count);
    if (whole && !w->goodbye.due) dc__part_pull(p, h->round + 1, true);
    if (whole) pthread_cond_signal(&w->arrived);
    pthread_mutex_unlock(&w->lock);
    return DC_OK;
}

static dc_error take_params(dc__part *p, const dc__frame *frame)
{
    dc_worker *w = p->worker;
    dc_model *m = p->model;
    dc__download *d = &p->download;
    const dc__header *h = &frame->header;
    uint32_t first, end;
    const float *values = dc__values_of(frame); /* NULL: a change */
    if (!dc__model_blocks(m, h->offset, h->count, &first, &end) ||
        (!values && !is_change(p, frame, first, end)))
        return bad(frame, "that is not a run of whole blocks");
    pthread_mutex_lock(&w->lock);
    const uint64_t asked = d->incoming;
    const bool wanted = h->round == asked && d->started;
    const bool carry = w->carry && d->incoming_applied;
    dc__joint_down(p, h->flags & DC__BUSY);
    pthread_mutex_unlock(&w->lock);
    if (!wanted)
        return dc__fail(DC_EPROTO, "the server sent parameters of version %llu where %llu was asked for",
                        (unsigned long long)h->round, (unsigned long long)asked);
    for (uint32_t b = first; b < end; b++) {
        if (d->got[b / 64] >> (b % 64) & 1) return bad(frame, "twice");
        d->got[b / 64] |= (uint64_t)1 << (b % 64);
    }
    if (w->staged.most) return stage(p, h, values);
    if (carry) dc__model_carry(m, h->offset, h->count, h->rate, m->images_per_round);
    if (values && p->encoder.base) memcpy(p->encoder.base + h->offset, values, h->count * sizeof *values);
    if (values)
        dc__model_scatter(m, h->offset, h->count, values);
    else
        add_change(p, frame, first, end);
    pthread_mutex_lock(&w->lock);
    bool wake = false;
    for (uint32_t b = first; b < end; b++)
        wake |= arrive(p, m->block_layer[b], m->block_offset[b + 1] - m->block_offset[b]);
    if (wake) pthread_cond_signal(&w->arrived);
    pthread_mutex_unlock(&w->lock);
    return DC_OK;
}

/* Before START: what is not pulled. Values of the frozen and fixed, statistics, moments. */
static dc_error take_state(dc__part *p, const dc__frame *frame)
{
    dc_model *m = p->model;
    const dc__header *h = &frame->header;
    if (p->download.begun) return bad(frame, "after START");
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

/* With the lock held. */
static bool others_started(const dc__part *p)
{
    const dc_worker *w = p->worker;
    bool started = false;
    for (int k = 0; k < w->n_parts; k++)
        started = started || (&w->parts[k] != p && w->parts[k].download.started);
    return started;
}

/* Twice, if the round is still to come when its version can be fetched already. */
static dc_error take_start(dc__part *p, const dc__frame *frame)
{
    dc_worker *w = p->worker;
    const dc__header *h = &frame->header;
    const bool soon = h->flags & DC__START_SOON;
    if (h->round > UINT32_MAX) return bad(frame, "of a round that no run reaches");
    pthread_mutex_lock(&w->lock);
    dc__download *d = &p->download;
    const bool again = d->begun || (d->started && (soon || h->round != w->start_round));
    const bool others = others_started(p), even = !others || h->round == w->start_round;
    if (!again && even && !d->started) {
        w->start_round = w->info.round = h->round;
        w->info.seed = h->offset;
        w->start_step = h->count;
        dc__part_pull(p, w->start_round, true);
        d->started = true;
    }
    if (!again && even && !soon) {
        d->begun = true;
        if (p == w->parts) w->announced.fresh = h->flags & DC__START_FRESH;
        pthread_cond_signal(&w->arrived);
    }
    pthread_mutex_unlock(&w->lock);
    if (!even) return dc__fail(DC_EPROTO, "the shards begin with different rounds: start all of them anew");
    return again ? bad(frame, "twice") : DC_OK;
}

static dc_error take_roster(dc_worker *w, const dc__frame *frame)
{
    const dc__header *h = &frame->header;
    if (h->offset == 0 || h->offset > UINT32_MAX * (uint64_t)DC_MAX_WORKERS)
        return bad(frame, "without images");
    pthread_mutex_lock(&w->lock);
    dc__announced *d = &w->announced;
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
    dc__announced *d = &w->announced;
    if (h->round != d->images_round) d->own_images[0] = d->own_images[1]; /* not if it is said once more */
    d->own_images[1] = h->count;
    d->images_round = h->round;
    pthread_mutex_unlock(&w->lock);
    return DC_OK;
}

/* Before START: what holds in the round that it begins with; later: from a round on that is still to come. */
static dc_error take_steps(dc_worker *w, const dc__frame *frame)
{
    const dc__header *h = &frame->header;
    const dc__steps steps = {.round = h->round, .batch = h->offset, .n = h->count};
    if (!w->coding.local_auto || !dc__steps_possible(&steps)) return bad(frame, "that cannot be");
    pthread_mutex_lock(&w->lock);
    dc__batches *b = &w->announced.batches;
    const bool ok = !w->parts[0].download.begun ||
                    (steps.round > w->info.round && steps.batch == dc__batches_of(b, steps.round).batch);
    if (ok) dc__batches_change(b, steps);
    pthread_mutex_unlock(&w->lock);
    return ok ? DC_OK : bad(frame, "that does not go on with the rounds so far");
}

uint32_t dc_worker_images(dc_worker *w, uint64_t round)
{
    pthread_mutex_lock(&w->lock);
    const uint32_t images =
        w->announced.own_images[dc__batches_round(&w->announced.batches, round) >= w->announced.images_round];
    pthread_mutex_unlock(&w->lock);
    return images;
}

uint64_t dc__worker_crew_images(dc_worker *w, uint64_t round)
{
    pthread_mutex_lock(&w->lock);
    const uint64_t images = w->announced.crew_images[round >= w->announced.crew_round];
    pthread_mutex_unlock(&w->lock);
    return images;
}

static dc_error take_stats(dc_worker *w, const dc__frame *frame)
{
    const dc__header *h = &frame->header;
    const dc_model *m = w->parts[0].model;
    const uint64_t start = m->start[DC_STATISTIC], n = m->start[DC_ROLE_COUNT] - start;
    const float *values = dc__values_of(frame);
    if (!values || h->offset < start || h->count > n || h->offset - start > n - h->count)
        return bad(frame, "outside the statistics");
    memcpy(w->announced.stat_mean + (h->offset - start), values, h->count * sizeof *values);
    if (!(h->flags & DC__LAST)) return DC_OK;
    pthread_mutex_lock(&w->lock);
    w->announced.stat_here = true;
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
static dc_error trace_params(dc__part *p, const dc__frame *frame)
{
    const dc__header *h = &frame->header;
    const int64_t now = p->endpoint.link.heard_ns, before = p->download.before_ns;
    const double Bps = p->endpoint.link.in_Bps;
    dc_error err = take_params(p, frame);
    if (!err && p->worker->trace) {
        const int64_t estimated = now - (Bps > 0 ? (int64_t)(h->payload_bytes / Bps * 1e9) : 0);
        const int64_t begin = h->flags & DC__BUSY || estimated < before ? before : estimated;
        dc__worker_trace_slice(p, DC__TRACK_DOWN, "pull", begin, h);
    }
    p->download.before_ns = now;
    return err;
}

static dc_error take_keep(dc_worker *w, const dc__frame *frame)
{
    const uint32_t n = frame->header.payload_bytes / 8;
    uint64_t needed[DC__VERSIONS_MOST];
    if (n * 8 != frame->header.payload_bytes || n > DC__VERSIONS_MOST) return bad(frame, "of a wrong size");
    dc__bytes in = dc__bytes_over(frame->payload, frame->header.payload_bytes);
    for (uint32_t k = 0; k < n; k++)
        needed[k] = dc__get_uint(&in, 8);
    dc__residues_announce(&w->residues, frame->header.round, needed, (int)n);
    return DC_OK;
}

static dc_error take_bye_ack(dc__part *p)
{
    dc_worker *w = p->worker;
    p->bye_acked = true;
    pthread_mutex_lock(&w->lock);
    pthread_cond_signal(&w->arrived);
    pthread_mutex_unlock(&w->lock);
    return DC_OK;
}

dc_error dc__worker_on_frame(void *part, dc__frame *frame)
{
    dc__part *p = part;
    dc_worker *w = p->worker;
    const bool first = p == w->parts; /* whose word counts for all shards */
    switch (frame->header.type) {
    case DC__PARAM:
        return trace_params(p, frame);
    case DC__STATE:
        return take_state(p, frame);
    case DC__START:
        return take_start(p, frame);
    case DC__STAT:
        return first ? take_stats(w, frame) : bad(frame, "that only the first shard sends");
    case DC__KEEP:
        return first ? take_keep(w, frame) : bad(frame, "that only the first shard sends");
    case DC__STOP:
        return take_stop(w, frame);
    case DC__ROSTER:
        return first ? take_roster(w, frame) : DC_OK;
    case DC__IMAGES:
        return first ? take_images(w, frame) : DC_OK;
    case DC__STEPS:
        return first ? take_steps(w, frame) : bad(frame, "that only the first shard sends");
    case DC__BYE_ACK:
        return take_bye_ack(p);
    default:
        return bad(frame, "that only a worker sends");
    }
}
