/* reduce.h - the sum of the workers' gradients, block by block.
 *
 * DESIGN
 *   Gradients are summed out of their payloads: what is encoded is never made into floats apart.
 *   A block's gradients of a round stay in the messages they came in until the last member of the round's crew
 * has brought its own, or was passed over. Whoever is last sums them in the crew's order; nobody else touches
 * the block then. A message is freed with its last block. No lock: the counts are atomic, and a slot is
 * written by its member's receiver only. */
#ifndef DC__REDUCE_H
#define DC__REDUCE_H

#include <stdatomic.h>

#include "codec/codec.h"
#include "model/model.h"
#include "server/roster.h"

/* A message that holds gradients, until its blocks are summed. */
typedef struct dc__held {
    void *message;
    _Atomic uint32_t blocks_left;
} dc__held;

typedef struct dc__slot {
    const void *data; /* as it came; NULL = not here yet */
    dc__held *held;
    float rate;
} dc__slot;

typedef struct dc__reduce {
    int members;            /* slots of the roster */
    const dc__codec *codec; /* of all gradients */
    uint32_t n_blocks;
    _Atomic uint32_t *arrived; /* [n_blocks] members of the crew that are done with it in this round */
    dc__slot *slots;           /* [n_blocks][members] */
    dc__held *held;            /* [members][n_blocks], by a message's first block */
    _Atomic uint64_t
        *refused; /* [members] 1 + the last round in which its gradients were refused, 0 = none */
} dc__reduce;

/* What makes up a block's next version: the gradients that count, in the roster's order. */
typedef struct dc__addends {
    int n;
    const void *data[DC__CREW_MOST];
    const dc__codec *codec; /* that they are in */
    int member[DC__CREW_MOST];
    uint64_t images; /* that they are from */
    float rate;      /* the learning rate that came with them (the first member's) */
} dc__addends;

dc_error dc__reduce_allocate(dc__reduce *r, int members, uint32_t n_blocks);
void dc__reduce_release(dc__reduce *r);

/* dc__reduce_hold - takes over a message with gradients, of one member, from which n blocks are wanted: those
 * from `first` on, which is none of an earlier message of this round. dc__held_release - one of them is needed no more. */
dc__held *dc__reduce_hold(dc__reduce *r, int member, uint32_t first, uint32_t n, void *message);
void dc__held_release(dc__held *held);

/* dc__reduce_refuse - a member's gradients of this round are summed no more. Any thread. */
void dc__reduce_refuse(dc__reduce *r, int member, uint64_t round);

/* dc__reduce_put - a member's gradient of block b; true if it is the last of the crew of n: the caller sums, then frees.
 * dc__reduce_skip - the block goes on without a member that has not put one; likewise. dc__reduce_unskip - that member may put one after all;
 * nobody works for the block. */
bool dc__reduce_put(dc__reduce *r, uint32_t b, int n, int member, dc__held *held, const void *data,
                    float rate);
bool dc__reduce_skip(dc__reduce *r, uint32_t b, int n);
void dc__reduce_unskip(dc__reduce *r, uint32_t b);

/* dc__reduce_collect - block b's gradients of this round that are here and count: all but the refused. Decides once for the
 * block; the calling thread owns it. */
void dc__reduce_collect(const dc__reduce *r, const dc__crew *crew, uint32_t b, uint64_t round,
                        dc__addends *a);

/* dc__reduce_sum - adds gradients [n] in the roster's order onto start, or with start NULL the first of them onto
 * nothing, into sum. At least one. dc__reduce_free - lets block b's messages go. */
void dc__reduce_sum(const dc__addends *a, size_t n, const float *start, float *sum);
void dc__reduce_free(dc__reduce *r, const dc__crew *crew, uint32_t b);

#endif
