/* bases.h - on which version each worker has computed its gradients, where workers may be rounds ahead of others (--staleness).
 *
 * DESIGN
 *   A worker says it once a round (BASE), before anything else of the round. Its receiver writes here; whoever makes the
 * round's version reads it, and the log has it: rounds that are on at once have places of their own, so without a lock. People
 * are shown the last one. */
#ifndef DC__BASES_H
#define DC__BASES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "dynacomm.h"

typedef struct dc__bases {
    uint32_t
        most; /* rounds that a worker may be ahead of the slowest: the bound of round - base. 0: all compute on the same */
    int members;            /* slots of the roster */
    uint64_t first;         /* round that the run, or this server's part of it, began with */
    _Atomic uint64_t *next; /* [members] the round that it says its base of next */
    _Atomic uint64_t *base; /* [members][most + 1] of round r in [r % (most + 1)] */
} dc__bases;

/* dc__bases_allocate - nothing if most is 0; DC_ENOMEM. dc__bases_release - frees that. dc__bases_begin - the run begins with this
 * round; before anybody has a session that trains. */
dc_error dc__bases_allocate(dc__bases *b, int members);
void dc__bases_release(dc__bases *b);
void dc__bases_begin(dc__bases *b, uint64_t round);

/* dc__bases_put - a member computes this round on that version, while the last whole one is `whole`. False if it cannot be: it is
 * another round than the member's next, a version that does not exist yet, one that is too old, or older than before. The
 * member's receiver. */
bool dc__bases_put(dc__bases *b, int member, uint64_t round, uint64_t base, uint64_t whole);

/* dc__bases_said - the member's last word was about this round. Its receiver. dc__bases_of - of a round that is on. */
bool dc__bases_said(const dc__bases *b, int member, uint64_t round);
uint64_t dc__bases_of(const dc__bases *b, int member, uint64_t round);

/* dc__bases_age - how many rounds older than its last round the version was that the member computed it on; only shown. Any thread. */
uint64_t dc__bases_age(const dc__bases *b, int member);

#endif
