/* staged.h - a worker's parameters where it may compute on an older version than its round's (--staleness).
 *
 * DESIGN
 *   The computation must not see two versions at once, and the next one comes while it goes on. So what arrives is not written
 * into the model: three buffers take turns. One fills with the version that is on its way (the receiver's), one holds the
 * newest whole version, and one may just be copied into the model, by the compute thread, before a round. A version that
 * is whole replaces the one before it, copied or not. */
#ifndef DC__STAGED_H
#define DC__STAGED_H

#include <stdbool.h>
#include <stdint.h>

#include "dynacomm.h"

typedef struct dc__staged {
    uint32_t most;       /* rounds that a version may be older than the round; 0: nothing of this is used */
    uint64_t floats;     /* of a version */
    float *values[3];    /* [floats] */
    uint64_t version[3]; /* (L) that is in each */
    int filling;         /* (L) the one that is on its way */
    int whole, copied;   /* (L) the newest whole one; the one that is just being copied; -1 = none */
    uint64_t missing;    /* (L) floats of filling */
    uint64_t base,
        least; /* compute thread: version in the model, UINT64_MAX = none; the oldest that it waits for */
} dc__staged;

/* dc__staged_allocate - for versions of so many floats, nothing if most is 0; DC_ENOMEM. dc__staged_free - frees that. */
dc_error dc__staged_allocate(dc__staged *s, uint64_t floats);
void dc__staged_free(dc__staged *s);

/* dc__staged_reset - nothing is here. With the worker's lock, as what follows, but for _put.
 * dc__staged_expect - this version is the next to come. dc__staged_put - values [offset, offset + count) of it; the
 * receiver's thread, without the lock. dc__staged_arrive - so many floats are in place; true if the version is whole now. */
void dc__staged_reset(dc__staged *s);
void dc__staged_expect(dc__staged *s, uint64_t version);
void dc__staged_put(dc__staged *s, uint64_t offset, uint64_t count, const float *values);
bool dc__staged_arrive(dc__staged *s, uint64_t count);

/* dc__staged_take - the newest whole version, which stays until dc__staged_give_back; there is one. */
const float *dc__staged_take(dc__staged *s, uint64_t *version);
void dc__staged_give_back(dc__staged *s);

#endif
