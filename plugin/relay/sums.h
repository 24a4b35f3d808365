/* sums.h - the gradients of what stands directly behind a relay, summed block by block, until the sum has left. */
#ifndef DC__SUMS_H
#define DC__SUMS_H

#include "server/reduce.h"

typedef struct dc__summing {
    const dc_model *model;
    dc__crew crew; /* by number; a member's slot is its place at the relay */
    dc__reduce reduce;
    float **sum;    /* [n_blocks] of those that are whole and have not left */
    uint64_t round; /* (L) that is summed, UINT64_MAX = none yet */
    float rate;     /* (L) learning rate that came with the first member's */
} dc__summing;

/* dc__summing_allocate - for the members of crew, which must be set. DC_ENOMEM. */
dc_error dc__summing_allocate(dc__summing *s, const dc_model *model, int slots);
void dc__summing_free(dc__summing *s);

/* dc__summing_put - a member's gradient of block b; *whole: it was the last one, and the sum is here; rate: the first member's.
 * DC_ENOMEM. Any thread, without a lock. */
dc_error dc__summing_put(dc__summing *s, uint32_t b, int slot, const dc__slot *gradient, bool *whole,
                         float *rate);

/* dc__summing_give - moves the sums of blocks [first, end), which are whole, to where they leave from. */
void dc__summing_give(dc__summing *s, uint32_t first, uint32_t end, float *to);

#endif
