#include "worker/planner.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "schedule/units.h"

dc_error dc__planner_init(dc__planner *p, const dc_profile *first, dc_strategy strategy)
{
    const int n = first->n_layers;
    p->strategy = strategy;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wanted, NULL);
    dc_error err = dc_plan_init(&p->plan, n);
    if (!err) err = dc_plan_init(&p->next, n);
    p->next_costs = calloc((size_t)n, sizeof *p->next_costs);
    p->planned_costs = calloc((size_t)n, sizeof *p->planned_costs);
    if (!err && (!p->next_costs || !p->planned_costs))
        err = dc__fail(DC_ENOMEM, "out of memory for plans of %d layers", n);
    if (err) return err;
    memcpy(p->planned_costs, first->layers, (size_t)n * sizeof *p->planned_costs);
    p->planned = *first;
    p->planned.layers = p->planned_costs;
    err = dc_plan_make(&p->plan, &p->planned, strategy);
    p->plan.round_s = 0; /* made from guesses: no prediction */
    return err;
}

void dc__planner_free(dc__planner *p)
{
    if (p->runs) {
        pthread_mutex_lock(&p->lock);
        p->quit = true;
        pthread_cond_signal(&p->wanted);
        pthread_mutex_unlock(&p->lock);
        pthread_join(p->thread, NULL);
        p->runs = false;
    }
    dc_plan_free(&p->plan);
    dc_plan_free(&p->next);
    free(p->next_costs);
    free(p->planned_costs);
}

static void sums(const dc_profile *p, double *fc, double *bc, double *up, double *down)
{
    *fc = *bc = *up = *down = 0;
    for (int i = 0; i < p->n_layers; i++) {
        *fc += p->layers[i].fc_s;
        *bc += p->layers[i].bc_s;
        *up += (double)p->layers[i].up_bytes;
        *down += (double)p->layers[i].down_bytes;
    }
}

/* The largest move of a cost, as a share of the round that the new costs make at least. */
static double moved(const dc_plan *plan, const dc_profile *old, const dc_profile *now)
{
    double fc0, bc0, fc1, bc1, up_bytes, down_bytes;
    sums(old, &fc0, &bc0, &up_bytes, &down_bytes);
    sums(now, &fc1, &bc1, &up_bytes, &down_bytes);
    const double down = fabs(down_bytes / now->down_Bps - down_bytes / old->down_Bps);
    const double up = fabs(up_bytes / now->up_Bps - up_bytes / old->up_Bps);
    const double compute = fmax(fabs(fc1 - fc0), fabs(bc1 - bc0));
    const double round =
        fmax(fc1 + bc1 + now->middle_s, fmax(down_bytes / now->down_Bps, up_bytes / now->up_Bps));
    const int frames = dc_plan_transmissions(plan, now, false) + dc_plan_transmissions(plan, now, true);
    const double messages = frames * fabs(now->overhead_s - old->overhead_s);
    const double trips = fabs(now->rtt_s - old->rtt_s); /* at least one is in a round */
    return round > 0 ? fmax(fmax(fmax(down, up), fmax(compute, messages)), trips) / round : 0;
}

void dc__planner_review(dc__planner *p, const dc_profile *now)
{
    const double change = moved(&p->plan, &p->planned, now);
    const bool first = p->plan.round_s <= 0;
    if (!first && change < DC__REPREDICT_CHANGE) return;
    pthread_mutex_lock(&p->lock);
    if (!p->want && !p->here) {
        p->want = true;
        p->replan = first || change >= DC__REPLAN_CHANGE;
        if (!p->replan) dc__plan_copy(&p->next, &p->plan);
        p->next_change = change;
        memcpy(p->next_costs, now->layers, (size_t)now->n_layers * sizeof *p->next_costs);
        p->next_profile = *now;
        p->next_profile.layers = p->next_costs;
        pthread_cond_signal(&p->wanted);
    }
    pthread_mutex_unlock(&p->lock);
}

static bool same_plan(const dc_plan *a, const dc_plan *b)
{
    return a->strategy == b->strategy && a->n_pull == b->n_pull && a->n_push == b->n_push &&
           a->slice_bytes == b->slice_bytes &&
           memcmp(a->pull_end, b->pull_end, (size_t)a->n_pull * sizeof(int)) == 0 &&
           memcmp(a->push_end, b->push_end, (size_t)a->n_push * sizeof(int)) == 0;
}

/* A plan that came out the same for other costs replaces the old one's prediction; only a new one is news. */
void dc__planner_adopt(dc__planner *p, bool *adopted, bool *news)
{
    *news = false;
    pthread_mutex_lock(&p->lock);
    *adopted = p->here;
    if (p->here) {
        *news = p->plan.round_s <= 0 || !same_plan(&p->plan, &p->next);
        const dc_plan old = p->plan;
        p->plan = p->next;
        p->next = old;
        p->change = p->next_change;
        p->here = false;
    }
    if (*adopted && p->replan) {
        memcpy(p->planned_costs, p->next_costs, (size_t)p->planned.n_layers * sizeof *p->planned_costs);
        p->planned = p->next_profile;
        p->planned.layers = p->planned_costs;
    }
    pthread_mutex_unlock(&p->lock);
}

void dc__planner_line(const dc__planner *p, uint64_t round, char *line, size_t n)
{
    const dc_profile *costs = &p->planned;
    const dc_plan *plan = &p->plan;
    char cut[64];
    if (plan->strategy == DC_DUPLEX)
        (void)snprintf(cut, sizeof cut, "%d push groups", plan->n_push);
    else
        (void)snprintf(cut, sizeof cut, "%d pull and %d push segments", plan->n_pull, plan->n_push);
    (void)snprintf(
        line, n,
        "round %llu: plan %s, %s, slices of %u KiB: predicted %.1f ms, floor %.1f ms, waiting %.0f %% "
        "(costs moved %.0f %%; down %.1f, up %.1f Mbit/s, message %.0f us, rtt %.2f ms)",
        (unsigned long long)round, dc_strategy_name(plan->strategy), cut, plan->slice_bytes / 1024,
        1e3 * plan->round_s, 1e3 * plan->floor_s, plan->round_s > 0 ? 100 * plan->wait_s / plan->round_s : 0,
        100 * p->change, costs->down_Bps * 8e-6, costs->up_Bps * 8e-6, 1e6 * costs->overhead_s,
        1e3 * costs->rtt_s);
}

void dc__planner_failure(dc__planner *p, char *line, size_t n)
{
    pthread_mutex_lock(&p->lock);
    (void)snprintf(line, n, "%s", p->failure);
    p->failure[0] = 0;
    pthread_mutex_unlock(&p->lock);
}

static void *make_plans(void *argument)
{
    dc__planner *p = argument;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        while (!p->want && !p->quit)
            pthread_cond_wait(&p->wanted, &p->lock);
        if (p->quit) break;
        const bool replan = p->replan, first = p->on_first && !p->reported;
        pthread_mutex_unlock(&p->lock); /* want keeps others off next and its costs */
        const dc_error err = replan ? dc_plan_make(&p->next, &p->next_profile, p->strategy)
                                    : dc__plan_predict(&p->next, &p->next_profile);
        if (first) p->on_first(p->context, &p->next_profile);
        p->reported = true;
        pthread_mutex_lock(&p->lock);
        if (err) (void)snprintf(p->failure, sizeof p->failure, "%s", dc_last_error());
        p->here = err == DC_OK;
        p->want = false;
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

dc_error dc__planner_start(dc__planner *p)
{
    if (pthread_create(&p->thread, NULL, make_plans, p) != 0)
        return dc__fail(DC_ENOMEM, "cannot start a thread");
    p->runs = true;
    return DC_OK;
}
