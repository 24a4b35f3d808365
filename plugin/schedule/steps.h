/* steps.h - how many batches workers are to step alone between two pushes: the smallest number at which communication hides behind
 * computation. Pure.
 *
 * DESIGN
 *   With local steps a round of n batches takes a worker n batches of computation, and once what the network adds to them: what
 * no strategy could overlap with the first forward pass and the last backward pass. That does not grow with n. All workers have the
 * same n, and wait for each other, so the slowest's computation counts: communication of another worker that is done within it is
 * hidden. It is hidden behind n batches if it makes the round no longer than by the share DC__STEPS_HIDDEN. Nothing overlaps with the batches
 * in between, so none at all cannot be asked for; and each batch more is one in which workers do not agree.
 *   What is measured wavers. So more are chosen only if those in force would be too few even if the network added a good deal less,
 * DC__STEPS_DOUBT_LESS times what is measured, and fewer only if fewer were enough even if it added DC__STEPS_DOUBT_MORE times as much. */
#ifndef DC__SCHEDULE_STEPS_H
#define DC__SCHEDULE_STEPS_H

#include <stdbool.h>
#include <stdint.h>

#define DC__STEPS_HIDDEN .25
#define DC__STEPS_DOUBT_LESS .7
#define DC__STEPS_DOUBT_MORE 1.7
#define DC__STEPS_AUTO_MOST 64u /* beyond that the network adds little, and workers drift apart */

/* What rounds cost a worker. */
typedef struct dc__step_load {
    double batch_s; /* > 0, its computation of a batch */
    double added_s; /* >= 0, what the network adds in a round */
} dc__step_load;

/* dc__steps_choose - how many batches n workers are to step alone, who do so with `now`; now = 0: it is chosen for the first time.
 * dc__steps_added - what the network adds to a round of so many batches, as a share of its computation. */
uint32_t dc__steps_choose(const dc__step_load *loads, int n, uint32_t now);
double dc__steps_added(const dc__step_load *loads, int n, uint32_t batches);

#endif
