/* compute.c - the calls around the computation; all on the compute thread. */
#include <string.h>

#include "base/clock.h"
#include "endpoint/values.h"
#include "model/finite.h"
#include "worker/worker.h"

static bool layer_is_here(const dc_worker *w, int layer)
{
    for (int k = 0; k < w->n_parts; k++) {
        const dc__part *p = &w->parts[k];
        if (p->model->layers[layer].count > 0 && p->download.ready[layer] <= w->info.round) return false;
    }
    return true;
}

/* Blocks until the layer's parameters are those of the current version. */
static dc_error wait_for_layer(dc_worker *w, int layer)
{
    if (w->staged.most) return w->progress.in_round ? DC_OK : dc__worker_take_base(w, true);
    if (w->model->layers[layer].count == 0 || layer_is_here(w, layer)) return DC_OK;
    const int64_t from = dc__now_ns();
    const dc_error err = dc__worker_wait_until(w, layer_is_here, layer);
    pthread_mutex_unlock(&w->lock);
    const int64_t to = dc__now_ns();
    dc__trace_span(w->trace, DC__TRACK_COMPUTE, "wait", from, to, w->info.round, layer, layer, 0);
    if (w->progress.in_round) dc__profiler_waited(&w->profiler, from, to);
    return err;
}

/* This batch is one of several that are stepped alone, and not the last. */
static bool is_local(const dc_worker *w)
{
    return w->progress.local + 1 < w->progress.at.n;
}

dc_error dc_worker_round_begin(dc_worker *w)
{
    dc_error err = dc__worker_check(w);
    if (err) return err;
    dc__assert(!w->progress.in_round);
    w->progress.in_round = true;
    w->progress.first_pass = w->progress.pushing = w->progress.last_pass = w->progress.batch_end = false;
    if (w->progress.local == 0) {
        dc__profiler_round_begin(&w->profiler);
        w->progress.compute_before_s = w->progress.wait_before_s = 0;
    } else
        w->profiler.mark_ns = dc__now_ns(); /* a further batch of the same round */
    return w->staged.most ? dc__worker_take_base(w, false) : DC_OK;
}

dc_error dc_worker_subdivision(dc_worker *w, bool last)
{
    dc_error err = dc__worker_check(w);
    if (err) return err;
    dc__assert(w->progress.in_round && !w->progress.batch_end);
    w->progress.first_pass = w->progress.passes++ == 0;
    w->progress.batch_end = last;
    w->progress.last_pass = last && !is_local(w);
    return DC_OK;
}

dc_error dc_worker_rate(dc_worker *w, float rate)
{
    if (w->failed) return dc__worker_check(w);
    dc__assert(w->progress.batch_end && !w->progress.pushing);
    w->progress.rate = rate;
    return DC_OK;
}

dc_error dc_worker_forward_begin(dc_worker *w, int layer)
{
    if (w->failed) return dc__worker_check(w);
    return wait_for_layer(w, layer);
}

dc_error dc_worker_forward_end(dc_worker *w, int layer)
{
    if (w->progress.in_round) {
        const int64_t begin =
            dc__profiler_layer_end(&w->profiler, layer, true, w->progress.first_pass, w->progress.last_pass);
        dc__trace_span(w->trace, DC__TRACK_COMPUTE, "forward", begin, w->profiler.mark_ns, w->info.round,
                       layer, layer, 0);
    }
    return w->failed ? dc__worker_check(w) : DC_OK;
}

static bool statistics_left(const dc_worker *w, int unused)
{
    (void)unused;
    for (int k = 0; k < w->n_parts; k++)
        if (w->parts[k].upload.stat_due) return false;
    return true;
}

/* Statistics that are not finite are of no use to the server, which keeps those of the version before for them, frame by frame; and so
 * does the worker: else it would have others than the server gives it when it comes back. */
static void drop_bad(dc_worker *w, dc__part *p)
{
    dc_model *m = p->model;
    const uint64_t start = m->start[DC_STATISTIC], n = m->start[DC_ROLE_COUNT] - start;
    const uint64_t most = DC__MAX_SLICE_BYTES / sizeof(float);
    for (uint64_t at = 0, count; at < n; at += count) {
        count = n - at < most ? n - at : most;
        if (dc__is_finite(count, p->upload.stat_out + at))
            memcpy(w->progress.stat_last + at, p->upload.stat_out + at, count * sizeof(float));
        else
            dc__model_scatter(m, start + at, count, w->progress.stat_last + at);
    }
}

/* Statistics are final with the last forward. They go before the round's gradients, while the link has
 * nothing else to do: a version that is whole at the server then has everybody's, and a run that ends there
 * resumes exactly. Copied, so that the next forward may change them while they wait. */
static dc_error offer_statistics(dc_worker *w)
{
    dc__residues_round(&w->residues, w->info.round);
    const dc_error err = dc__worker_wait_until(w, statistics_left, 0);
    for (int k = 0; !err && k < w->n_parts; k++) {
        dc__part *p = &w->parts[k];
        const dc_model *m = p->model;
        const uint64_t start = m->start[DC_STATISTIC];
        dc__model_gather(m, false, start, m->start[DC_ROLE_COUNT] - start, p->upload.stat_out);
        drop_bad(w, p);
        p->upload.stat_due = true;
        p->upload.stat_round = w->info.round + 1;
        p->upload.base_due = w->staged.most > 0;
        p->upload.base = w->staged.base;
        dc__endpoint_wake(&p->endpoint);
    }
    pthread_mutex_unlock(&w->lock);
    return err;
}

/* The plan's push segments as runs of blocks, and, in slices, the request for the version they make. With the
 * lock held. */
static void start_pushing(dc_worker *w)
{
    const dc_plan *plan = &w->planner.plan;
    const bool slices = plan->strategy == DC_DUPLEX;
    w->push.round = w->info.round;
    w->pushes = true;
    w->push.rate = w->progress.rate;
    for (int k = 0; k < w->n_parts; k++) {
        dc__part *p = &w->parts[k];
        dc__queue *queue = &p->endpoint.queue;
        dc__queue_start(queue, dc__queue_cut(queue, plan, true), dc__queue_order(plan, true),
                        dc__way_floats(dc__coding_up(&w->coding, w->info.round), plan->slice_bytes));
    }
    dc__worker_windows(w);
    w->push.grows = slices;
    const int64_t now = dc__now_ns();
    if (!w->staged.most || w->push.wire_ns < now)
        w->push.wire_ns = now; /* all of the round before has come back: the link is free */
    w->push.unsent = w->staged.most ? w->staged.floats : 0;
    /* In the round that it begins with, blocks may be made already, with what it pushed before it was lost: they come as soon as
     * they are asked for, and must not before its gradients have left. */
    if (slices && !w->staged.most) dc__worker_pull(w, w->info.round + 1, w->info.round != w->start_round);
    w->progress.pushing = true;
}

dc_error dc_worker_backward_begin(dc_worker *w, int layer)
{
    (void)layer;
    if (w->failed) return dc__worker_check(w);
    dc_error err = w->progress.pushing ? DC_OK : dc__worker_await_pushes(w);
    if (err || !w->progress.last_pass || w->progress.pushing) return err;
    err = offer_statistics(w);
    if (err) return err;
    pthread_mutex_lock(&w->lock);
    start_pushing(w);
    pthread_mutex_unlock(&w->lock);
    return DC_OK;
}

/* The layer's gradients are final: they may go. With the lock held. */
static void offer_layer(dc_worker *w, int layer)
{
    for (int k = 0; k < w->n_parts; k++) {
        dc__part *p = &w->parts[k];
        const dc__layer *l = &p->model->layers[layer];
        for (uint32_t b = l->first_block; b < l->first_block + l->n_blocks; b++)
            dc__queue_ready(&p->endpoint.queue, b);
        dc__endpoint_wake(&p->endpoint);
    }
    w->progress.pushed[layer] = true;
}

dc_error dc_worker_backward_end(dc_worker *w, int layer)
{
    const int64_t begin =
        dc__profiler_layer_end(&w->profiler, layer, false, w->progress.first_pass, w->progress.last_pass);
    dc__trace_span(w->trace, DC__TRACK_COMPUTE, "backward", begin, w->profiler.mark_ns, w->info.round, layer,
                   layer, 0);
    if (w->failed) return dc__worker_check(w);
    if (w->progress.last_pass && w->model->layers[layer].n_blocks) {
        pthread_mutex_lock(&w->lock);
        offer_layer(w, layer);
        pthread_mutex_unlock(&w->lock);
    }
    return DC_OK;
}

/* Of a batch. */
static void fill_report(dc_worker *w, dc_round_report *report)
{
    const int64_t now = dc__now_ns();
    dc__progress *p = &w->progress;
    *report = (dc_round_report){
        .round_s = dc__seconds(now - w->progress.period_ns),
        .compute_s = w->profiler.compute_s - p->compute_before_s,
        .wait_s = w->profiler.wait_s - p->wait_before_s,
        .predicted_s = w->planner.plan.round_s,
        .sent_bytes = dc__worker_moved(w, true) - w->progress.sent_before,
        .received_bytes = dc__worker_moved(w, false) - w->progress.received_before,
    };
    p->compute_before_s = w->profiler.compute_s;
    p->wait_before_s = w->profiler.wait_s;
    w->progress.period_ns = now;
    w->progress.sent_before += report->sent_bytes;
    w->progress.received_before += report->received_bytes;
}

/* Takes up what the planner has made, and shows it the costs of now. */
static void adopt_plan(dc_worker *w)
{
    char line[DC__LINE_BYTES];
    bool adopted, news;
    pthread_mutex_lock(&w->lock); /* with --staleness the receiver asks for versions as the plan says */
    dc__planner_adopt(&w->planner, &adopted, &news);
    pthread_mutex_unlock(&w->lock);
    if (adopted) w->reporter.plan_news = true;
    if (news) {
        dc__planner_line(&w->planner, w->info.round + 1, line, sizeof line);
        dc__log_line(&w->log, "%s", line);
        dc__trace_note(w->trace, w->info.round + 1, line);
    }
    dc__planner_failure(&w->planner, line, sizeof line);
    if (line[0]) dc__log_line(&w->log, "no new plan: %s", line);
    dc_profile now;
    dc_worker_profile(w, &now);
    dc__planner_review(&w->planner, &now);
}

/* The batch's step on this worker's own parameters; momentum stays in the gradient buffers. The frozen are stepped once
 * a round, as the server does. */
static void step_alone(dc_worker *w, dc_round_report *report)
{
    for (int k = 0; k < w->n_parts; k++)
        dc__encoder_step_alone(&w->parts[k].encoder, w->progress.rate);
    w->progress.local++;
    fill_report(w, report);
    dc__reporter_round_end(&w->reporter, report);
}

dc_error dc_worker_round_end(dc_worker *w, dc_round_report *report)
{
    const dc_model *m = w->model;
    dc_model *frozen = w->parts[0].model; /* has all that is not trained */
    dc_error err = dc__worker_check(w);
    if (err) return err;
    dc__assert(w->progress.in_round && w->progress.batch_end);
    w->progress.in_round = false;
    if (is_local(w)) {
        step_alone(w, report);
        return DC_OK;
    }
    w->progress.passes = 0;
    w->progress.local = 0;
    dc__model_update_range(frozen, frozen->start[DC_FROZEN],
                           frozen->start[DC_FIXED] - frozen->start[DC_FROZEN], w->progress.rate,
                           dc__worker_crew_images(w, w->info.round),
                           w->start_step + (w->info.round - w->start_round) + 1);
    if (!w->progress.pushing) err = dc__worker_await_pushes(w);
    if (!err && !w->progress.pushing) err = offer_statistics(w);
    if (err) return err;
    dc__profiler_round_end(&w->profiler, m->n_layers, w->progress.at.n);
    fill_report(w, report);
    dc__reporter_round_end(&w->reporter, report);
    pthread_mutex_lock(&w->lock);
    if (!w->progress.pushing) start_pushing(w);
    for (int i = 0; i < m->n_layers; i++) { /* a layer without a backward has a gradient of zero */
        if (!w->progress.pushed[i]) offer_layer(w, i);
        w->progress.pushed[i] = false;
    }
    w->push.grows = false;
    dc__recurrent_note(&w->memory, w->info.round + 1);
    w->info.round++;
    w->progress.at = dc__batches_of(&w->announced.batches, w->info.round);
    dc__worker_wake(w);
    pthread_mutex_unlock(&w->lock);
    adopt_plan(w);
    pthread_mutex_lock(&w->lock);
    if (!w->staged.most && w->parts[0].download.incoming != w->info.round)
        dc__worker_pull(w, w->info.round, false);
    pthread_mutex_unlock(&w->lock);
    return DC_OK;
}

dc_error dc_worker_sync(dc_worker *w)
{
    dc_error err = dc__worker_check(w);
    if (err) return err;
    dc__assert(!w->progress.in_round);
    if (w->staged.most) return dc__worker_take_base(w, true);
    for (int i = 0; !err && i < w->model->n_layers; i++)
        err = wait_for_layer(w, i);
    return err;
}

/* The server's round in which the caller's last one is, as far as rounds' batches are known; 0 = not known. With the lock held. */
static uint64_t last_round(const dc_worker *w, uint64_t last)
{
    if (last == 0 || last <= w->progress.at.batch) return last ? w->info.round : 0;
    return dc__batches_round(&w->announced.batches, last - 1) + 1;
}

void dc_worker_report(dc_worker *w, const dc_report *report)
{
    dc_report own = *report;
    pthread_mutex_lock(&w->lock);
    own.last_round = last_round(w, report->last_round);
    if (dc__reporter_add(&w->reporter, &own, w->info.round, &w->planner))
        dc__endpoint_wake(&w->parts[0].endpoint);
    pthread_mutex_unlock(&w->lock);
}

dc_worker_info dc_worker_info_get(const dc_worker *w)
{
    dc_worker_info info = w->info;
    info.round = w->progress.at.batch + w->progress.local;
    info.local_steps = (int)w->progress.at.n;
    info.alone = (int)w->progress.local;
    info.local_varies = w->coding.local_auto || w->coding.warm_batches > 0;
    return info;
}

static bool mean_is_here(const dc_worker *w, int unused)
{
    (void)unused;
    return w->announced.stat_here;
}

static dc_error fetch_mean_statistics(dc_worker *w)
{
    pthread_mutex_lock(&w->lock);
    w->announced.stat_here = false;
    w->parts[0].upload.want_stat_due = true;
    dc__endpoint_wake(&w->parts[0].endpoint);
    pthread_mutex_unlock(&w->lock);
    const dc_error err = dc__worker_wait_until(w, mean_is_here, 0);
    pthread_mutex_unlock(&w->lock);
    return err;
}

dc_error dc_worker_save(dc_worker *w, const char *path, uint64_t seen)
{
    dc_model *m = w->model;
    const uint64_t start = m->start[DC_STATISTIC], n = m->start[DC_ROLE_COUNT] - start;
    dc_error err = dc_worker_sync(w);
    if (!err) err = fetch_mean_statistics(w);
    if (err) return err;
    /* stat_own is free between rounds: the statistics sent last are these. */
    dc__model_gather(m, false, start, n, w->progress.stat_own);
    dc__model_scatter(m, start, n, w->announced.stat_mean);
    err = dc_model_save(m, path, seen);
    dc__model_scatter(m, start, n, w->progress.stat_own);
    return err;
}
