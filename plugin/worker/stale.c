/* stale.c - which version a worker computes on, where that may be older than its round (--staleness). See staged.h. */
#include "base/clock.h"
#include "worker/worker.h"

static bool base_is_here(const dc_worker *w, int unused)
{
    (void)unused;
    const dc__staged *s = &w->staged;
    return s->whole >= 0 && s->version[s->whole] >= s->least;
}

static dc_error take(dc_worker *w, uint64_t least)
{
    dc__staged *s = &w->staged;
    uint64_t version;
    s->least = least;
    const dc_error err = dc__worker_wait_until(w, base_is_here, 0);
    const float *values = err || s->version[s->whole] == s->base ? NULL : dc__staged_take(s, &version);
    pthread_mutex_unlock(&w->lock);
    if (!values) return err;
    dc__model_scatter(w->model, 0, s->floats, values);
    s->base = version;
    pthread_mutex_lock(&w->lock);
    dc__staged_give_back(s);
    pthread_mutex_unlock(&w->lock);
    return DC_OK;
}

dc_error dc__worker_take_base(dc_worker *w, bool newest)
{
    const int64_t from = dc__now_ns();
    const uint64_t round = w->info.round, most = newest ? 0 : w->staged.most;
    const dc_error err = take(w, round - w->start_round > most ? round - most : w->start_round);
    if (!w->progress.in_round) return err;
    const int64_t to = dc__now_ns();
    dc__trace_span(w->trace, DC__TRACK_COMPUTE, "wait", from, to, round, 0, 0, 0);
    dc__profiler_waited(&w->profiler, from, to);
    return err;
}

static bool gradients_left(const dc_worker *w, int unused)
{
    (void)unused;
    return w->push.unsent == 0;
}

dc_error dc__worker_await_pushes(dc_worker *w)
{
    if (w->push.unsent == 0) return DC_OK;
    const int64_t from = dc__now_ns();
    const dc_error err = dc__worker_wait_until(w, gradients_left, 0);
    pthread_mutex_unlock(&w->lock);
    dc__profiler_waited(&w->profiler, from, dc__now_ns());
    return err;
}
