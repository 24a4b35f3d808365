/* codes.h - what goes down where the run's coding loses something: each version's change, encoded once for all.
 *
 * DESIGN
 *   The server has two sets of values then. `versions` has the true ones, from which the optimizer goes on. `shown` are
 * those that every worker holds: a version's are the version's before plus what was decoded of the change, added in the
 * same order everywhere, so that all hold the same bits. The change that is encoded is the true value less the shown
 * one: what a version did not send is part of the next one's change, without a state of its own.
 *   Gradients are computed on the shown values, accuracy is measured on them, and they are what .weights files hold,
 * the server's and the workers'; the true ones are in the .state.
 *   Whoever applies a block codes it, and owns it as in apply.h. shown is in two versions, the coded bytes are in one:
 * a block's next change is made when every worker has computed on the one before. A worker that has not got the
 * version before (it is new, or in a new session) is sent the shown values whole. */
#ifndef DC__CODES_H
#define DC__CODES_H

#include "codec/coding.h"
#include "server/versions.h"

typedef struct dc__codes {
    dc__coding coding;
    bool said; /* by the server's user: workers follow. Otherwise the first worker says it */
    int workers;
    const dc_model *model;
    float *shown[2]; /* by version & 1, as the arena; NULL where down is exact */
    uint8_t *change; /* block b's encoded change, from 2 * block_offset[b] + DC__CHANGE_ROOM * b on */
    uint32_t *bytes; /* [n_blocks] of it */
} dc__codes;

#define DC__CHANGE_ROOM 144u /* beyond 2 bytes a float: scales, the count of a top-k */

/* dc__codes_init - text: the server's user's, NULL = none. DC_EINVAL. */
dc_error dc__codes_init(dc__codes *c, const char *text, int workers);

/* dc__codes_agree - a worker asks for this ("" = whatever there is); the first one of a run may choose. DC_EINVAL with a
 * line that names both. dc__codes_text - what the run has. */
dc_error dc__codes_agree(dc__codes *c, const char *asked, bool first);

/* dc__codes_allocate - for a sealed model; DC_ENOMEM. dc__codes_release - frees that. dc__codes_begin - a new run's
 * values are all here: the shown ones are the true ones. */
dc_error dc__codes_allocate(dc__codes *c, const dc_model *model);
void dc__codes_release(dc__codes *c);

/* dc__codes_mirror - at the first of several shards: room for what workers hold of the whole model, of which the others code
 * their parts. Likewise; to be released. */
dc_error dc__codes_mirror(dc__codes *c, const dc__codes *part, const dc_model *whole);
void dc__codes_begin(dc__codes *c, const dc__versions *v);

/* dc__codes_values - of a version, as workers hold them. */
const float *dc__codes_values(const dc__codes *c, const dc__versions *v, uint64_t version);

/* dc__codes_arena - the same as an arena to save: with all that is not trained. The checkpoint's thread. */
const float *dc__codes_arena(dc__codes *c, const dc__versions *v, uint64_t version);

/* dc__codes_block - block b has been stepped from version to version + 1: codes its change. */
void dc__codes_block(dc__codes *c, const dc__versions *v, uint32_t b, uint64_t version);

/* dc__codes_way - of the change that makes a version. */
static inline dc__way dc__codes_way(const dc__codes *c, uint64_t version)
{
    return dc__coding_down(&c->coding, version - 1, c->workers);
}

/* dc__codes_message - a message (dc__link_alloc) with the changes of blocks [first, end), and its payload's size; NULL
 * when out of memory. */
void *dc__codes_message(const dc__codes *c, uint32_t first, uint32_t end, uint32_t *payload_bytes);

#endif
