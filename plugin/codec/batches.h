/* batches.h - how many batches a round of the server has: one, or as many as a worker steps alone before it pushes. The number may
 * change with a round (+local:auto), so which batch a round begins with is kept beside it. Pure: any thread. */
#ifndef DC__BATCHES_H
#define DC__BATCHES_H

#include "dynacomm_error.h"

#define DC__STEPS_MOST 10000u /* batches of a round */

typedef struct dc__steps {
    uint64_t round; /* from this one on, */
    uint64_t batch; /* before which there are so many batches, */
    uint32_t n;     /* a round has so many */
} dc__steps;

/* What holds before now.round, and from then on; both the same if nothing was ever changed. A change is made when the one before it
 * holds, so no more is needed. */
typedef struct dc__batches {
    dc__steps before, now;
    uint32_t
        warm; /* a round has one batch at first, and twice as many after each of equal parts of so many batches, until it has
                    * now.n; 0 = none. Then nothing else changes it */
} dc__batches;

/* dc__batches_always - n of every round, from round 0 on. dc__batches_of - of this round, not before b->before.round: its own
 * number and batches before it. dc__batches_round - which round this batch is in, both from 0; likewise. dc__batches_change - from
 * now on others; the same once more changes nothing. */
dc__batches dc__batches_always(uint32_t n);
dc__steps dc__batches_of(const dc__batches *b, uint64_t round);
uint64_t dc__batches_round(const dc__batches *b, uint64_t batch);
void dc__batches_change(dc__batches *b, dc__steps next);

/* dc__steps_possible - a peer's, or a file's, may be used. dc__batches_possible - likewise, for a run that is at this round. */
bool dc__steps_possible(const dc__steps *s);
bool dc__batches_possible(const dc__batches *b, uint64_t round);

#endif
