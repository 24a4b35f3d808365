#include "schedule/steps.h"

#include <math.h>

/* Likewise, if the network added so many times what it does. */
static double added(const dc__step_load *loads, int n, uint32_t batches, double times)
{
    double slowest_s = 0, round_s = 0;
    for (int i = 0; i < n; i++) {
        slowest_s = fmax(slowest_s, loads[i].batch_s);
        round_s = fmax(round_s, batches * loads[i].batch_s + times * loads[i].added_s);
    }
    return round_s / (batches * slowest_s) - 1;
}

double dc__steps_added(const dc__step_load *loads, int n, uint32_t batches)
{
    return added(loads, n, batches, 1);
}

/* The fewest batches that hide it; the most that may be, if none does. */
static uint32_t fewest(const dc__step_load *loads, int n, double times)
{
    uint32_t batches = 1;
    while (batches < DC__STEPS_AUTO_MOST && added(loads, n, batches, times) > DC__STEPS_HIDDEN)
        batches++;
    return batches;
}

uint32_t dc__steps_choose(const dc__step_load *loads, int n, uint32_t now)
{
    const bool changes = now == 0 || fewest(loads, n, DC__STEPS_DOUBT_LESS) > now ||
                         fewest(loads, n, DC__STEPS_DOUBT_MORE) < now;
    return changes ? fewest(loads, n, 1) : now;
}
