/* replan.c - planning at run time, off the compute thread.
 *
 * After each round the compute thread compares the measured costs with those that the plan in force was made
 * for. If any has moved by more than DC__REPLAN_CHANGE of the predicted round, the planner thread makes a new
 * plan from a copy of the costs; if by more than DC__REPREDICT_CHANGE, it simulates the old one anew. The
 * compute thread takes the outcome up at the next round's start. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "schedule/units.h"
#include "worker/worker.h"

/* Until something is measured: layers that cost the same, and a slow link, for slices that turn out too small
 * cost little. */
#define GUESS_BPS 12.5e6
#define GUESS_OVERHEAD_S 50e-6
#define GUESS_RTT_S 1e-3
#define GUESS_LAYER_S 1e-3

static double known(double measured, double guess)
{
    return measured > 0 ? measured : guess;
}

double dc__worker_up_Bps(const dc_worker *w)
{
    const double up_Bps = w->link.out_Bps;
    return up_Bps > 0 ? up_Bps : w->link.in_Bps;
}

void dc_worker_profile(const dc_worker *w, dc_profile *profile)
{
    const dc__profiler *p = &w->profiler;
    *profile = (dc_profile){
        .n_layers = w->model->n_layers,
        .layers = p->cost,
        .middle_s = p->middle_s,
        .down_Bps = known(w->link.in_Bps, GUESS_BPS),
        .up_Bps = known(w->link.out_Bps, GUESS_BPS),
        .overhead_s = known(fmax(w->link.cost_s, w->link.peer_cost_s), GUESS_OVERHEAD_S),
        .rtt_s = known(w->rtt_s, GUESS_RTT_S),
        .workers = w->info.workers,
    };
}

const dc_plan *dc_worker_plan(const dc_worker *w)
{
    return &w->plan;
}

/* Credit must cover what is on the wire, and what waits until its acknowledgement is back. That one takes the
 * round trip (of which TCP's own queues and losses make more), time for threads to wake, and comes in a frame
 * of the other direction, which waits behind others and counts when all of it is there. Too little starves
 * the link; too much only lets a frame wait longer behind lower ones: a few per cent of a round at most, so
 * that small models are still sent in order. */
#define WAKE_UP_S 8e-3
#define WAKE_UP_SHARE 0.05
uint64_t dc__plan_window(const dc_worker *w, bool up)
{
    const double up_Bps = dc__worker_up_Bps(w), down_Bps = w->link.in_Bps, slice = w->plan.slice_bytes;
    if (w->plan.strategy != DC_DUPLEX || !(up_Bps > 0) || !(down_Bps > 0)) return 0;
    const double slower_Bps = fmin(up_Bps, down_Bps);
    const double wake_s =
        fmin(WAKE_UP_S, WAKE_UP_SHARE * (double)w->model->start[DC_TRAINED + 1] * sizeof(float) / slower_Bps);
    const double loop_s = 2 * known(w->rtt_s, GUESS_RTT_S) + wake_s + 4 * slice / slower_Bps;
    return (uint64_t)((up ? up_Bps : down_Bps) * loop_s + slice);
}

dc_error dc__plan_allocate(dc_worker *w)
{
    const int n = w->model->n_layers;
    dc_error err = dc_plan_init(&w->plan, n);
    if (!err) err = dc_plan_init(&w->next_plan, n);
    w->plan_costs = calloc((size_t)n, sizeof *w->plan_costs);
    w->planned_costs = calloc((size_t)n, sizeof *w->planned_costs);
    if (!err && (!w->plan_costs || !w->planned_costs))
        err = dc__fail(DC_ENOMEM, "out of memory for plans of %d layers", n);
    if (err) return err;
    for (int i = 0; i < n; i++)
        w->planned_costs[i] =
            (dc_layer_cost){.fc_s = GUESS_LAYER_S, .bc_s = GUESS_LAYER_S, .bytes = w->profiler.cost[i].bytes};
    dc_worker_profile(w, &w->planned);
    w->planned.layers = w->planned_costs;
    err = dc_plan_make(&w->plan, &w->planned, w->options.strategy);
    w->plan.round_s = 0; /* made from guesses: no prediction */
    return err;
}

void dc__plan_free_all(dc_worker *w)
{
    dc_plan_free(&w->plan);
    dc_plan_free(&w->next_plan);
    free(w->plan_costs);
    free(w->planned_costs);
}

static void sums(const dc_profile *p, double *fc, double *bc, double *bytes)
{
    *fc = *bc = *bytes = 0;
    for (int i = 0; i < p->n_layers; i++) {
        *fc += p->layers[i].fc_s;
        *bc += p->layers[i].bc_s;
        *bytes += (double)p->layers[i].bytes;
    }
}

/* The largest move of a cost, as a share of the round that the new costs make at least. */
static double moved(const dc_plan *plan, const dc_profile *old, const dc_profile *now)
{
    double fc0, bc0, bytes, fc1, bc1;
    sums(old, &fc0, &bc0, &bytes);
    sums(now, &fc1, &bc1, &bytes);
    const double down = fabs(bytes / now->down_Bps - bytes / old->down_Bps);
    const double up = fabs(bytes / now->up_Bps - bytes / old->up_Bps);
    const double compute = fmax(fabs(fc1 - fc0), fabs(bc1 - bc0));
    const double round = fmax(fc1 + bc1 + now->middle_s, fmax(bytes / now->down_Bps, bytes / now->up_Bps));
    const int frames = dc_plan_transmissions(plan, now, false) + dc_plan_transmissions(plan, now, true);
    const double messages = frames * fabs(now->overhead_s - old->overhead_s);
    return round > 0 ? fmax(fmax(down, up), fmax(compute, messages)) / round : 0;
}

void dc__plan_review(dc_worker *w)
{
    dc_profile now;
    dc_worker_profile(w, &now);
    const double change = moved(&w->plan, &w->planned, &now);
    const bool first = w->plan.round_s <= 0;
    if (!first && change < DC__REPREDICT_CHANGE) return;
    pthread_mutex_lock(&w->lock);
    if (!w->want_plan && !w->next_plan_here) {
        w->want_plan = true;
        w->replan = first || change >= DC__REPLAN_CHANGE;
        if (!w->replan) dc__plan_copy(&w->next_plan, &w->plan);
        w->change = change;
        memcpy(w->plan_costs, now.layers, (size_t)now.n_layers * sizeof *w->plan_costs);
        w->plan_profile = now;
        w->plan_profile.layers = w->plan_costs;
        pthread_cond_signal(&w->plan_wanted);
    }
    pthread_mutex_unlock(&w->lock);
}

static void log_plan(dc_worker *w, uint64_t round)
{
    const dc_profile *p = &w->planned;
    char line[DC__LINE_BYTES], cut[64];
    if (w->plan.strategy == DC_DUPLEX)
        (void)snprintf(cut, sizeof cut, "%d push groups", w->plan.n_push);
    else
        (void)snprintf(cut, sizeof cut, "%d pull and %d push segments", w->plan.n_pull, w->plan.n_push);
    (void)snprintf(
        line, sizeof line,
        "round %llu: plan %s, %s, slices of %u KiB: predicted %.1f ms, floor %.1f ms, waiting %.0f %% "
        "(costs moved %.0f %%; down %.1f, up %.1f Mbit/s, message %.0f us, rtt %.2f ms)",
        (unsigned long long)round, dc_strategy_name(w->plan.strategy), cut, w->plan.slice_bytes / 1024,
        1e3 * w->plan.round_s, 1e3 * w->plan.floor_s,
        w->plan.round_s > 0 ? 100 * w->plan.wait_s / w->plan.round_s : 0, 100 * w->change, p->down_Bps * 8e-6,
        p->up_Bps * 8e-6, 1e6 * p->overhead_s, 1e3 * p->rtt_s);
    dc__worker_log(w, "%s", line);
    dc__trace_note(w->trace, round, line);
}

static bool same_plan(const dc_plan *a, const dc_plan *b)
{
    return a->strategy == b->strategy && a->n_pull == b->n_pull && a->n_push == b->n_push &&
           a->slice_bytes == b->slice_bytes &&
           memcmp(a->pull_end, b->pull_end, (size_t)a->n_pull * sizeof(int)) == 0 &&
           memcmp(a->push_end, b->push_end, (size_t)a->n_push * sizeof(int)) == 0;
}

/* A plan that came out the same for other costs replaces the old one's prediction; only a new one is worth a
 * line. */
void dc__plan_adopt(dc_worker *w)
{
    pthread_mutex_lock(&w->lock);
    const bool here = w->next_plan_here;
    bool news = false;
    if (here) {
        news = w->plan.round_s <= 0 || !same_plan(&w->plan, &w->next_plan);
        dc_plan old = w->plan;
        w->plan = w->next_plan;
        w->next_plan = old;
        w->next_plan_here = false;
    }
    if (here && w->replan) {
        memcpy(w->planned_costs, w->plan_costs, (size_t)w->model->n_layers * sizeof *w->planned_costs);
        w->planned = w->plan_profile;
        w->planned.layers = w->planned_costs;
    }
    pthread_mutex_unlock(&w->lock);
    if (here) dc__report_adopted(w);
    if (news) log_plan(w, w->info.round + 1);
}

void *dc__worker_plan(void *argument)
{
    dc_worker *w = argument;
    pthread_mutex_lock(&w->lock);
    for (;;) {
        while (!w->want_plan && !w->quit_planner)
            pthread_cond_wait(&w->plan_wanted, &w->lock);
        if (w->quit_planner) break;
        const bool replan = w->replan;
        pthread_mutex_unlock(&w->lock); /* want_plan keeps others off plan_profile and next_plan */
        dc_error err = replan ? dc_plan_make(&w->next_plan, &w->plan_profile, w->options.strategy)
                              : dc__plan_predict(&w->next_plan, &w->plan_profile);
        if (err) dc__worker_log(w, "no new plan: %s", dc_last_error());
        pthread_mutex_lock(&w->lock);
        w->next_plan_here = err == DC_OK;
        w->want_plan = false;
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}
