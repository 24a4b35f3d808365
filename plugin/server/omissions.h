/* omissions.h - which blocks of a round were made without a member's gradient, whatever the reason: its values were refused,
 * it was lost, or it came when they were made. For the run's log, from which a replay leaves out the same.
 *
 * A member's place is its index in what the round is summed over. Bits are set by whoever owns a block, and taken by whoever
 * completes the version: no lock. */
#ifndef DC__OMISSIONS_H
#define DC__OMISSIONS_H

#include <stdatomic.h>

#include "dynacomm.h"

typedef struct dc__omissions {
    int members;
    uint32_t n_blocks;
    _Atomic uint64_t *left_out; /* [members] bitmaps [words] */
    _Atomic bool *any;          /* [members] */
    uint64_t *counted;          /* [words] of dc__omissions_take */
} dc__omissions;

dc_error dc__omissions_allocate(dc__omissions *o, int members, uint32_t n_blocks);
void dc__omissions_release(dc__omissions *o);

/* dc__omissions_note - block b of the round is made without this member. */
void dc__omissions_note(dc__omissions *o, int member, uint32_t b);

/* dc__omissions_take - the blocks of the round in which a member's gradient counts, a bitmap [n_blocks] until the next call;
 * NULL if it counts in all. When all blocks are made; the next round begins with none left out. */
const uint64_t *dc__omissions_take(dc__omissions *o, int member);

#endif
