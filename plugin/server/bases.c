#include "server/bases.h"

#include <stdlib.h>

#include "base/error.h"

dc_error dc__bases_allocate(dc__bases *b, int members)
{
    if (b->most == 0) return DC_OK;
    b->members = members;
    b->next = calloc((size_t)members, sizeof *b->next);
    b->base = calloc((size_t)members * (b->most + 1), sizeof *b->base);
    return b->next && b->base ? DC_OK
                              : dc__fail(DC_ENOMEM, "out of memory for the versions of %d workers", members);
}

void dc__bases_release(dc__bases *b)
{
    free(b->next);
    free(b->base);
    b->next = b->base = NULL;
    b->members = 0;
}

void dc__bases_begin(dc__bases *b, uint64_t round)
{
    b->first = round;
    for (int k = 0; k < b->members; k++)
        b->next[k] = round;
}

static _Atomic uint64_t *place(const dc__bases *b, int member, uint64_t round)
{
    return &b->base[(size_t)member * (b->most + 1) + round % (b->most + 1)];
}

bool dc__bases_put(dc__bases *b, int member, uint64_t round, uint64_t base, uint64_t whole)
{
    if (b->most == 0 || round != b->next[member] || base < b->first || base > round || base > whole ||
        round - base > b->most)
        return false;
    if (round > b->first && base < *place(b, member, round - 1)) return false;
    *place(b, member, round) = base;
    b->next[member] = round + 1;
    return true;
}

bool dc__bases_said(const dc__bases *b, int member, uint64_t round)
{
    return b->next[member] == round + 1;
}

uint64_t dc__bases_of(const dc__bases *b, int member, uint64_t round)
{
    return b->most == 0 ? round : *place(b, member, round);
}

uint64_t dc__bases_age(const dc__bases *b, int member)
{
    if (b->most == 0 || b->next[member] <= b->first) return 0;
    const uint64_t round = b->next[member] - 1, base = *place(b, member, round);
    return base < round ? round - base : 0; /* the next one may be said between the two looks */
}
