/* refusals.h - whose values were not finite, how often, and who is to go because of that.
 *
 * DESIGN
 *   A gradient is looked at where its block is summed (gradient.c), for then its floats come from memory once. So it is not
 * always its member's receiver that finds it; what ends that member's session is left here, and the receiver takes it
 * with the next frame. */
#ifndef DC__REFUSALS_H
#define DC__REFUSALS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

typedef struct dc__refusal {
    uint64_t round;            /* 1 + the last one in which a value of it was not finite, 0 = none */
    int in_a_row;              /* such rounds up to that one */
    uint64_t times;            /* all of them */
    bool expelled;             /* because of them */
    char line[DC__LINE_BYTES]; /* what its session ends with */
    _Atomic bool due;          /* it has not been taken */
} dc__refusal;

typedef struct dc__refusals {
    pthread_mutex_t lock; /* guards the members */
    int n;
    dc__refusal *member; /* [n] slots of the roster */
} dc__refusals;

/* dc__refusals_init - for n slots; DC_ENOMEM. dc__refusals_destroy also after it failed. dc__refusals_reset - the slot's
 * member is another one. */
dc_error dc__refusals_init(dc__refusals *r, int n);
void dc__refusals_destroy(dc__refusals *r);
void dc__refusals_reset(dc__refusals *r, int slot);

/* dc__refusals_add - a value of this round was not finite: false if that is no news, else *now is what stands then. row: so many
 * rounds in a row, or expels, and the member is expelled. Any thread. */
bool dc__refusals_add(dc__refusals *r, int slot, uint64_t round, int row, bool expels, dc__refusal *now);

/* dc__refusals_tell - the member's session is to end with this line. dc__refusals_due - it is: DC_EVALUE with the line; by its
 * receiver. dc__refusals_expelled - the member is. Any thread. */
void dc__refusals_tell(dc__refusals *r, int slot, const char *line);
dc_error dc__refusals_due(dc__refusals *r, int slot);
bool dc__refusals_expelled(dc__refusals *r, int slot);

#endif
