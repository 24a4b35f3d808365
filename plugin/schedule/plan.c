/* plan.c - plans: made, compared by the simulator, freed. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "schedule/rates.h"
#include "schedule/segments.h"
#include "schedule/units.h"

/* A prediction must be better by this much before a costlier choice is preferred. */
#define WORTHWHILE 1e-9
/* Predictions this close are as good as equal: then fewer
 * transmissions win, which cost less processor time. */
#define SLACK 1e-3
/* Of duplex's pushes where there are several workers. It must not follow from
 * costs, which each measures for itself: all must have the same. In the
 * simulator 8 cost less than 0.5 % of a round against every layer by itself. */
#define GROUPS 8
/* Slices below 1/2048 of the model gain nothing that shows in a round, and cost frames. */
#define FRAMES_ENOUGH 2048

dc_error dc_plan_init(dc_plan *plan, int n_layers)
{
    *plan = (dc_plan){0};
    if (n_layers < 1 || n_layers > DC_LAYERS_MAX)
        return dc__fail(DC_EINVAL, "a plan has 1 to %d layers, not %d", DC_LAYERS_MAX, n_layers);
    plan->n_layers = n_layers;
    plan->pull_end = calloc((size_t)n_layers, sizeof(int));
    plan->push_end = calloc((size_t)n_layers, sizeof(int));
    if (plan->pull_end && plan->push_end) return DC_OK;
    dc_plan_free(plan);
    return dc__fail(DC_ENOMEM, "out of memory for a plan of %d layers", n_layers);
}

void dc_plan_free(dc_plan *plan)
{
    free(plan->pull_end);
    free(plan->push_end);
    *plan = (dc_plan){0};
}

void dc__plan_copy(dc_plan *to, const dc_plan *from)
{
    int *pull_end = to->pull_end, *push_end = to->push_end;
    size_t bytes = (size_t)from->n_layers * sizeof(int);
    memcpy(pull_end, from->pull_end, bytes);
    memcpy(push_end, from->push_end, bytes);
    *to = *from;
    to->pull_end = pull_end;
    to->push_end = push_end;
}

dc_error dc__plan_predict(dc_plan *plan, const dc_profile *profile)
{
    dc_sim_worker worker = {profile, plan, profile->workers};
    dc_forecast forecast;
    dc_error err = dc_simulate(&worker, 1, NULL, NULL, &forecast);
    if (err) return err;
    plan->round_s = forecast.round_s;
    plan->wait_s = forecast.wait_s;
    plan->floor_s = forecast.floor_s;
    plan->bound_s = forecast.bound_s;
    return DC_OK;
}

static dc_error make_cut(dc_plan *plan, const dc_profile *profile, dc_strategy strategy)
{
    plan->slice_bytes = dc__frame_bytes(profile->layers, profile->n_layers);
    dc_error err = dc__plan_cut(plan, profile, strategy, 0);
    return err ? err : dc__plan_predict(plan, profile);
}

static dc_error cut_in_slices(dc_plan *plan, const dc_profile *profile, uint32_t slice_bytes)
{
    plan->slice_bytes = slice_bytes;
    dc_error err = dc__plan_cut(plan, profile, DC_DUPLEX, profile->workers > 1 ? GROUPS : 0);
    return err ? err : dc__plan_predict(plan, profile);
}

/* Tries a ladder of slice sizes and takes the largest that costs next to nothing against the best. */
static dc_error make_duplex(dc_plan *plan, const dc_profile *profile)
{
    dc_error err = DC_OK;
    const uint64_t block = dc__block_bytes(profile->layers, profile->n_layers);
    const uint64_t up = dc__total_bytes(profile, true), down = dc__total_bytes(profile, false);
    uint64_t enough = (up > down ? up : down) / FRAMES_ENOUGH;
    if (enough < block) enough = block;
    const uint32_t most = dc__frame_bytes(profile->layers, profile->n_layers);
    double round_s[DC__SLICE_RUNGS], best_s = INFINITY;
    int rungs = 0;
    while (!err && rungs < DC__SLICE_RUNGS && (rungs == 0 || most >> rungs >= enough)) {
        err = cut_in_slices(plan, profile, most >> rungs);
        round_s[rungs] = plan->round_s;
        best_s = fmin(best_s, plan->round_s);
        rungs++;
    }
    if (err) return err;
    int rung = 0;
    while (round_s[rung] > best_s * (1 + SLACK))
        rung++;
    return cut_in_slices(plan, profile, most >> rung);
}

static bool beats(const dc_plan *plan, const dc_plan *other)
{
    return plan->round_s < other->round_s * (1 - WORTHWHILE);
}

static dc_error make_one(dc_plan *plan, const dc_profile *profile, dc_strategy strategy)
{
    return strategy == DC_DUPLEX ? make_duplex(plan, profile) : make_cut(plan, profile, strategy);
}

static int transmissions(const dc_plan *plan, const dc_profile *profile)
{
    return dc_plan_transmissions(plan, profile, false) + dc_plan_transmissions(plan, profile, true);
}

/* The best prediction; among those as good as equal the
 * one with the fewest transmissions, then the simpler. */
static dc_error make_auto(dc_plan *best, dc_plan *scratch, const dc_profile *profile)
{
    double round_s[DC_AUTO], best_s = INFINITY;
    int sends[DC_AUTO], chosen = -1;
    for (int s = DC_SEQUENTIAL; s < DC_AUTO; s++) {
        dc_error err = make_one(scratch, profile, (dc_strategy)s);
        if (err) return err;
        round_s[s] = scratch->round_s;
        sends[s] = transmissions(scratch, profile);
        best_s = fmin(best_s, round_s[s]);
    }
    for (int s = DC_SEQUENTIAL; s < DC_AUTO; s++)
        if (round_s[s] <= best_s * (1 + SLACK) && (chosen < 0 || sends[s] < sends[chosen])) chosen = s;
    return make_one(best, profile, (dc_strategy)chosen);
}

static dc_error make(dc_plan *best, dc_plan *scratch, const dc_profile *profile, dc_strategy strategy)
{
    if (strategy == DC_AUTO) return make_auto(best, scratch, profile);
    dc_error err = make_one(best, profile, strategy);
    if (err || (strategy != DC_DYNACOMM && strategy != DC_DUPLEX)) return err;
    err = make_one(scratch, profile, DC_SEQUENTIAL);
    if (err || !beats(scratch, best)) return err;
    dc__plan_copy(best, scratch);
    /* One segment each way is one of dynacomm's cuts. */
    if (strategy == DC_DYNACOMM) best->strategy = DC_DYNACOMM;
    return DC_OK;
}

dc_error dc_plan_make(dc_plan *plan, const dc_profile *profile, dc_strategy strategy)
{
    if ((unsigned)strategy >= DC_STRATEGY_COUNT)
        return dc__fail(DC_EINVAL, "no strategy has number %d", (int)strategy);
    dc_error err = dc__profile_check(profile);
    if (err) return err;
    if (plan->n_layers != profile->n_layers)
        return dc__fail(DC_EINVAL, "a plan for %d layers cannot hold a profile of %d", plan->n_layers,
                        profile->n_layers);
    dc_plan best, scratch = {0};
    err = dc_plan_init(&best, profile->n_layers);
    if (!err) err = dc_plan_init(&scratch, profile->n_layers);
    if (!err) err = make(&best, &scratch, profile, strategy);
    if (!err) dc__plan_copy(plan, &best);
    dc_plan_free(&best);
    dc_plan_free(&scratch);
    return err;
}
