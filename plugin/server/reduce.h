/* reduce.h - the sum of the workers' gradients, block by block.
 *
 * DESIGN
 *   A block's gradients of a round stay in the messages they came in until every
 * member's is there. Whoever brings the last one sums them in the roster's order;
 * nobody else touches the block then. A message is freed with its last block. No lock:
 * the counts are atomic, and a slot is written by its member's receiver only. */
#ifndef DC__REDUCE_H
#define DC__REDUCE_H

#include <stdatomic.h>

#include "model/model.h"

/* A message that holds gradients, until its blocks are summed. */
typedef struct dc__held {
    void *message;
    _Atomic uint32_t blocks_left;
} dc__held;

typedef struct dc__slot {
    const float *data; /* NULL = not here yet */
    dc__held *held;
    float rate;
} dc__slot;

typedef struct dc__reduce {
    int members;
    uint32_t n_blocks;
    _Atomic uint32_t *arrived; /* [n_blocks] members whose gradient of this round is here */
    dc__slot *slots;           /* [n_blocks][members] */
    dc__held *held;            /* [members][n_blocks], by a message's first block */
} dc__reduce;

dc_error dc__reduce_allocate(dc__reduce *r, int members, uint32_t n_blocks);
void dc__reduce_release(dc__reduce *r);

/* dc__reduce_hold - takes over a message with gradients of n blocks from `first` on, of one member. The
 * member's messages of the round before have all been let go. */
dc__held *dc__reduce_hold(dc__reduce *r, int member, uint32_t first, uint32_t n, void *message);

/* dc__reduce_put - a member's gradient of block b; true if it is the last: the caller sums, then frees. */
bool dc__reduce_put(dc__reduce *r, uint32_t b, int member, dc__held *held, const float *data, float rate);

/* dc__reduce_sum - adds block b's gradients [n] in the roster's order onto start, or with start NULL the
 * first of them onto nothing, into sum. dc__reduce_rate - the learning rate that came with them (the first
 * member's). dc__reduce_free - lets their messages go. */
void dc__reduce_sum(const dc__reduce *r, uint32_t b, size_t n, const float *start, float *sum);
float dc__reduce_rate(const dc__reduce *r, uint32_t b);
void dc__reduce_free(dc__reduce *r, uint32_t b);

#endif
