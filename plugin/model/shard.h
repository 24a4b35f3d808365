/* shard.h - a model's trained values spread over several servers, its shards.
 *
 * DESIGN
 *   Every layer is spread over all shards as evenly as its blocks allow, so that a layer comes back over all links at
 * once: a run of neighbouring blocks each. In layer order, the shards that have least so far come first, and have one
 * block more of a layer that does not divide. A shard is a model of its own, with the same layers and the same blocks; all that is not trained is
 * the first one's. Who holds what is a function of the description and the number of shards alone: every end computes
 * the same. */
#ifndef DC__SHARD_H
#define DC__SHARD_H

#include "model/model.h"

enum {
    DC__SHARDS_MOST = 16,
    DC__MESH_MOST = 32, /* workers of a mesh */
    DC__PARTS_MOST = DC__MESH_MOST + 1,
    DC__SHARE_MOST = 1000
};

/* How a model is spread. */
typedef struct dc__shares {
    int n;     /* shards, a mesh's meeting server among them; 1: it is not spread */
    bool mesh; /* the first one is a mesh's meeting server */
    uint16_t weight
        [DC__PARTS_MOST]; /* [n] of the blocks, 1..DC__SHARE_MOST; the meeting server's is not looked at */
} dc__shares;

/* Floats [part, part + count) of a shard's arena are [whole, whole + count) of the model's. */
typedef struct dc__shard_run {
    uint64_t part, whole, count;
} dc__shard_run;

typedef struct dc__shard {
    dc_model *model;     /* sealed; its tensors are parts of the whole one's, as far as that has arrays */
    dc__shard_run *runs; /* [n_runs] in both arenas' order; together the shard's arena */
    int n_runs;
} dc__shard;

/* dc__shares_even - n shards that have as much as each other; mesh: the first one is its meeting server. */
dc__shares dc__shares_even(int n, bool mesh);

/* dc__shares_of_links - a mesh's shares, so that its links, of Bps[n] bytes/s each way ([0] is not looked at), take a round's bytes
 * in the same time as far as that goes: a link carries 1 + (N - 2) s times the parameters, where s is the shard's part of them and N how
 * many workers there are. Even ones if a rate is 0, or there are fewer than 3 workers. Pure. */
void dc__shares_of_links(dc__shares *shares, const double *Bps);

/* dc__shard_init - shard `index` of a sealed model, which must outlive it if it has arrays. DC_EINVAL with a line if a
 * shard would have no block; DC_ENOMEM. dc__shard_free - also after it failed, or of zeros. */
dc_error dc__shard_init(dc__shard *s, const dc_model *whole, int index, const dc__shares *shares);
void dc__shard_free(dc__shard *s);

/* dc__shard_take - copies the values [offset, offset + count) of a shard's arena to where they are in the whole one's,
 * or what is of the trained and frozen; the range is the shard's. dc__shard_give - the other way round, all runs that
 * begin before `end` of the shard's arena. */
void dc__shard_take(const dc__shard *s, uint64_t offset, uint64_t count, const float *from, float *whole);
void dc__shard_give(const dc__shard *s, uint64_t end, const float *whole, float *to);

/* dc__shard_blocks - of a bitmap [its blocks] of a shard, bit by bit the whole model's blocks [n_blocks, and up to a multiple of 64]; those that
 * are other shards' are in it. */
void dc__shard_blocks(const dc__shard *s, const dc_model *whole, const uint64_t *its, uint64_t *blocks);

#endif
