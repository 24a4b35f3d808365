#include "server/omissions.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static size_t words(const dc__omissions *o)
{
    return ((size_t)o->n_blocks + 63) / 64;
}

dc_error dc__omissions_allocate(dc__omissions *o, int members, uint32_t n_blocks)
{
    o->members = members;
    o->n_blocks = n_blocks;
    o->left_out = calloc((size_t)members * words(o), sizeof *o->left_out);
    o->any = calloc((size_t)members, sizeof *o->any);
    o->counted = calloc(words(o), sizeof *o->counted);
    if (o->left_out && o->any && o->counted) return DC_OK;
    return dc__fail(DC_ENOMEM, "out of memory for the blocks of %d workers", members);
}

void dc__omissions_release(dc__omissions *o)
{
    free(o->left_out);
    free(o->any);
    free(o->counted);
    memset(o, 0, sizeof *o);
}

void dc__omissions_note(dc__omissions *o, int member, uint32_t b)
{
    (void)atomic_fetch_or(&o->left_out[(size_t)member * words(o) + b / 64], (uint64_t)1 << (b % 64));
    o->any[member] = true;
}

const uint64_t *dc__omissions_take(dc__omissions *o, int member)
{
    if (!o->any[member]) return NULL;
    _Atomic uint64_t *bits = &o->left_out[(size_t)member * words(o)];
    for (size_t i = 0; i < words(o); i++)
        o->counted[i] = ~atomic_exchange(&bits[i], 0);
    o->any[member] = false;
    return o->counted;
}
