/* versions.h - the parameters and the optimizer's moments, in a ring of two versions or more.
 *
 * DESIGN
 *   A step reads version v and writes v + 1 into other arrays, so the last whole version is intact at any
 * moment: a worker may die in the middle of a round and a checkpoint of the round before it can still be
 * written. In a ring of two, version v is overwritten by v + 2, which needs every worker to have received all of v + 1:
 * nobody reads v then but, perhaps, the checkpoint writer (checkpoint.h guards it). Where workers may be S rounds ahead of
 * others (--staleness), some still fetch version v - S while v + 1 is made: the ring has S + 2.
 *
 *   versions->lock guards block versions and round together with what follows from them: who holds it may
 * offer blocks to sessions. Arrays are not under it; who computes a block's next version owns that block. */
#ifndef DC__VERSIONS_H
#define DC__VERSIONS_H

#include <pthread.h>
#include <stdatomic.h>

#include "codec/batches.h"
#include "model/model.h"

#define DC__NO_ROUND UINT64_MAX
#define DC__RING_MOST (DC_STALENESS_MOST + 2)

typedef struct dc__versions {
    pthread_mutex_t lock;
    const dc_model *model;
    uint32_t ring; /* versions that there are; what is of a version stands at [version % ring] */
    float *values[DC__RING_MOST], *first_moments[DC__RING_MOST],
        *second_moments[DC__RING_MOST]; /* second: Adam only */
    float *averages[DC__RING_MOST];     /* [trained] NULL without an average */
    float *no_gradient;                 /* [frozen] zeros, Adam only */
    bool
        changes; /* what comes are changes of workers that step alone (apply.h): moments of the trained stay 0 */
    bool plain; /* momentum and decay of the trained are in the gradients (dc__coding_plain) */
    _Atomic float rates[DC__RING_MOST]; /* learning rate that made the version */
    _Atomic uint64_t *block;            /* [n_blocks] version of each; written with the lock */
    _Atomic uint32_t blocks_done;
    _Atomic uint64_t round;   /* last whole version; written with the lock */
    uint64_t first_round;     /* where this run of the server began; constant once training */
    uint64_t first_average;   /* version in which the average begins, 0 = before this run of the server */
    uint64_t first_step;      /* optimizer steps behind first_round; likewise */
    dc__batches batches;      /* of rounds; written with the lock */
    _Atomic int64_t whole_ns; /* when the last version was whole, 0 = never */
} dc__versions;

/* dc__versions_init, _destroy - without memory for a model, in a ring of two; the caller may make it larger then. _allocate -
 * for a sealed model; DC_ENOMEM. _release - frees that; all but the ring's size is zero again. */
void dc__versions_init(dc__versions *v);
void dc__versions_destroy(dc__versions *v);
dc_error dc__versions_allocate(dc__versions *v, const dc_model *model);
void dc__versions_release(dc__versions *v);

/* dc__versions_begin - the run begins at this round, optimizer steps counted from step. */
void dc__versions_begin(dc__versions *v, uint64_t round, uint64_t step);

/* The arrays of a version: values of the whole arena; moments of the trained and the frozen, the second NULL
 * but for Adam; the learning rate that made it. */
static inline float *dc__versions_values(const dc__versions *v, uint64_t version)
{
    return v->values[version % v->ring];
}
static inline float *dc__versions_moment1(const dc__versions *v, uint64_t version)
{
    return v->first_moments[version % v->ring];
}
static inline float *dc__versions_moment2(const dc__versions *v, uint64_t version)
{
    return v->second_moments[version % v->ring];
}
static inline float *dc__versions_average(const dc__versions *v, uint64_t version)
{
    return v->averages[version % v->ring];
}
static inline float dc__versions_rate(const dc__versions *v, uint64_t version)
{
    return v->rates[version % v->ring];
}
static inline void dc__versions_set_rate(dc__versions *v, uint64_t version, float rate)
{
    v->rates[version % v->ring] = rate;
}

/* dc__versions_overwritten - the version in whose place the next one after `round` is made, DC__NO_ROUND = none. */
static inline uint64_t dc__versions_overwritten(const dc__versions *v, uint64_t round)
{
    return round + 1 >= v->ring ? round + 1 - v->ring : DC__NO_ROUND;
}

/* dc__versions_step - optimizer steps behind a version (Adam counts them). */
static inline uint64_t dc__versions_step(const dc__versions *v, uint64_t version)
{
    return v->first_step + (version - v->first_round);
}

/* dc__versions_set_initial - values [offset, offset + count) that a new run begins with. dc__versions_fill - all versions have
 * the values of this one: what is never stepped is the same in all. */
void dc__versions_set_initial(dc__versions *v, uint64_t offset, uint64_t count, const float *values);
void dc__versions_fill(dc__versions *v, uint64_t version);

/* dc__versions_finite - DC_EVALUE with a line if a value or a moment of a version is not finite. */
dc_error dc__versions_finite(const dc__versions *v, uint64_t version);

/* dc__versions_complete - counts n more blocks of the next version as made; true if it is whole now. */
bool dc__versions_complete(dc__versions *v, uint32_t n);

#endif
