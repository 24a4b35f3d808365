/* clip.h - a bound on the norm of each worker's gradient of a layer (--clip-norm).
 *
 * DESIGN
 *   The norm of a layer's gradient is known when its last block is here, so a worker's blocks of a layer wait for each
 * other: with several workers, little longer than they would for the slowest worker. The bound comes from the norms
 * of all workers in the rounds before, which are the same whoever comes first: a few who lie cannot
 * raise a median. Squares are summed by block and then in the blocks' order, so runs repeat bit for bit.
 *   Nothing of it exists when it is off. A member's rows belong to its receiver; norms of earlier rounds are read by
 * all, and no receiver writes them any more: a version is whole before the next round's gradients come. */
#ifndef DC__CLIP_H
#define DC__CLIP_H

#include "server/reduce.h"

#define DC__CLIP_ROUNDS 16 /* whose norms the bound comes from */

typedef struct dc__clip {
    double factor; /* 0: off */
    int members, layers;
    uint32_t n_blocks;
    float *norms;      /* [DC__CLIP_ROUNDS + 1][layers][members], 0 = none; members: slots of the roster */
    dc__slot *waiting; /* [members][n_blocks] */
    double *squares;   /* [members][n_blocks] */
    uint32_t *came;    /* [members][layers] blocks that wait */
} dc__clip;

dc_error dc__clip_allocate(dc__clip *c, const dc_model *model, int members);
void dc__clip_release(dc__clip *c);

/* dc__clip_add - a block of n floats; true if its layer is complete: its slots are then at
 * dc__clip_slots(...)[b], and its gradients as long as they may be. counts: false if the member's gradients of the round are
 * refused. */
bool dc__clip_add(dc__clip *c, const dc_model *model, int member, uint32_t b, uint64_t round,
                  const dc__slot *slot, bool counts);
const dc__slot *dc__clip_slots(const dc__clip *c, int member);

/* dc__clip_begin - a new round, of which there are no norms yet; the round before is whole. dc__clip_omit - of a round that is
 * whole, a member's blocks in this bitmap count: layers with others have no norm, so that whose norms count does not
 * depend on who came when. dc__clip_abandon - a member's layer is not completed: nothing of it waits any more. False if
 * nothing did. Run loop, for a member without a receiver. */
void dc__clip_begin(dc__clip *c, uint64_t round);
void dc__clip_omit(dc__clip *c, const dc_model *model, int member, uint64_t round, const uint64_t *counted);
bool dc__clip_abandon(dc__clip *c, int member, int layer);

/* dc__clip_bound - most that a norm of this layer may have in a round; infinite before there are norms. */
double dc__clip_bound(const dc__clip *c, int layer, uint64_t round);

#endif
