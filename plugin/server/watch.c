#include "server/watch.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"

#define PACE_KEEP 0.8 /* weight of the past: a few seconds */

dc_error dc__watch_init(dc__watch *watch, int n, int wanted)
{
    *watch = (dc__watch){.n = n,
                         .wanted = wanted,
                         .workers = calloc((size_t)n, sizeof *watch->workers),
                         .loss = calloc(1, sizeof *watch->loss),
                         .map = calloc(1, sizeof *watch->map)};
    pthread_mutex_init(&watch->lock, NULL);
    if (!watch->workers || !watch->loss || !watch->map)
        return dc__fail(DC_ENOMEM, "out of memory for a server of %d workers", wanted);
    for (int i = 0; i < n; i++)
        watch->workers[i].map = watch->workers[i].report.loss = NAN;
    return DC_OK;
}

static void free_plan(dc__shown_plan *plan)
{
    dc_plan_free(&plan->plan);
    free(plan->costs);
}

void dc__watch_free(dc__watch *watch)
{
    if (watch->n == 0) return;
    for (int i = 0; watch->workers && i < watch->n; i++) {
        free_plan(&watch->workers[i].shown);
        free_plan(&watch->workers[i].spare);
    }
    free(watch->workers);
    free(watch->loss);
    free(watch->map);
    pthread_mutex_destroy(&watch->lock);
}

static dc_error allocate(const dc__watch *watch, dc__shown_plan *plan, const dc_model *model)
{
    if (plan->costs) return DC_OK;
    const int n = model->n_layers;
    dc_error err = dc_plan_init(&plan->plan, n);
    if (err) return err;
    plan->costs = calloc((size_t)n, sizeof *plan->costs);
    if (!plan->costs) {
        dc_plan_free(&plan->plan);
        return dc__fail(DC_ENOMEM, "out of memory for a plan of %d layers", n);
    }
    for (int i = 0; i < n; i++)
        plan->costs[i].up_bytes = plan->costs[i].down_bytes = model->layers[i].count * sizeof(float);
    if (watch->coding) dc__coding_costs(watch->coding, plan->costs, n, watch->wanted, plan->costs);
    return DC_OK;
}

/* What the workers reported last of one figure, as a point of its curve. With the lock held. */
static void add_point(const dc__watch *watch, dc__curve *curve, bool map, uint64_t round, double elapsed_s)
{
    dc_curve_point point = {.round = round, .elapsed_s = elapsed_s, .least = INFINITY, .most = -INFINITY};
    int n = 0;
    for (int i = 0; i < watch->n; i++) {
        const double value = map ? watch->workers[i].map : watch->workers[i].report.loss;
        if (!watch->workers[i].present || !isfinite(value)) continue;
        point.mean += (value - point.mean) / ++n;
        point.least = fmin(point.least, value);
        point.most = fmax(point.most, value);
    }
    if (n > 0) dc__curve_add(curve, &point);
}

/* The loss curve gets a point when every worker has reported anew: a mean over old and new reports would
 * zigzag where the loss falls fast. With the lock held. */
static bool all_have_news(dc__watch *watch)
{
    for (int i = 0; i < watch->n; i++)
        if (watch->workers[i].present && !watch->workers[i].news) return false;
    for (int i = 0; i < watch->n; i++)
        watch->workers[i].news = false;
    return true;
}

void dc__watch_present(dc__watch *watch, int slot, bool present)
{
    pthread_mutex_lock(&watch->lock);
    dc__watched *w = &watch->workers[slot];
    if (present && !w->present) {
        w->report = (dc__telemetry){.loss = NAN};
        w->map = NAN;
        w->reported_ns = 0;
        w->pace_s = 0;
        w->news = false;
    }
    w->present = present;
    pthread_mutex_unlock(&watch->lock);
}

double dc__watch_rtt_s(dc__watch *watch, int slot)
{
    pthread_mutex_lock(&watch->lock);
    const double rtt_s = watch->workers[slot].report.rtt_s;
    pthread_mutex_unlock(&watch->lock);
    return rtt_s;
}

dc_error dc__watch_take(dc__watch *watch, int slot, const dc_model *model, const dc__frame *frame,
                        int64_t began_ns)
{
    dc__watched *w = &watch->workers[slot];
    const bool with_plan = frame->header.flags & DC__REPORT_PLAN;
    dc__bytes in = dc__bytes_over(frame->payload, frame->header.payload_bytes);
    dc__telemetry report;
    dc_error err = dc__telemetry_read(&in, &report);
    if (!err && report.map_round > frame->header.round) err = DC_EPROTO;
    if (!err && with_plan) err = allocate(watch, &w->spare, model);
    if (!err && with_plan)
        err = dc__telemetry_read_plan(&in, &w->spare.plan, &w->spare.profile, w->spare.costs);
    else if (!err && in.at != in.end)
        err = DC_EPROTO;
    if (err) return err;
    const int64_t now = dc__now_ns();
    const double elapsed_s = dc__seconds(now - began_ns);
    pthread_mutex_lock(&watch->lock);
    w->report = report;
    w->reported_ns = now;
    w->reported_round = frame->header.round;
    if (report.round_s > 0)
        w->pace_s = w->pace_s > 0 ? PACE_KEEP * w->pace_s + (1 - PACE_KEEP) * report.round_s : report.round_s;
    if (with_plan) {
        const dc__shown_plan reported = w->spare;
        w->spare = w->shown;
        w->shown = reported;
        w->shown.plan.strategy = report.strategy;
        w->shown.profile.workers = watch->wanted;
        w->plans++;
    }
    w->news = true;
    if (all_have_news(watch)) add_point(watch, watch->loss, false, frame->header.round, elapsed_s);
    if (isfinite(report.map)) {
        w->map = report.map;
        add_point(watch, watch->map, true, report.map_round, elapsed_s);
    }
    pthread_mutex_unlock(&watch->lock);
    return DC_OK;
}
