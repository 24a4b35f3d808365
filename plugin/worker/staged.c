#include "worker/staged.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

dc_error dc__staged_allocate(dc__staged *s, uint64_t floats)
{
    dc__staged_reset(s);
    s->floats = floats;
    for (int k = 0; s->most > 0 && k < 3; k++) {
        s->values[k] = calloc((size_t)floats + 1, sizeof *s->values[k]);
        if (!s->values[k]) return dc__fail(DC_ENOMEM, "out of memory for three versions of the parameters");
    }
    return DC_OK;
}

void dc__staged_free(dc__staged *s)
{
    for (int k = 0; k < 3; k++) {
        free(s->values[k]);
        s->values[k] = NULL;
    }
}

void dc__staged_reset(dc__staged *s)
{
    s->filling = 0;
    s->whole = s->copied = -1;
    s->missing = 0;
    s->base = UINT64_MAX;
}

void dc__staged_expect(dc__staged *s, uint64_t version)
{
    s->version[s->filling] = version;
    s->missing = s->floats;
}

void dc__staged_put(dc__staged *s, uint64_t offset, uint64_t count, const float *values)
{
    memcpy(s->values[s->filling] + offset, values, count * sizeof *values);
}

bool dc__staged_arrive(dc__staged *s, uint64_t count)
{
    s->missing -= count;
    if (s->missing > 0) return false;
    s->whole = s->filling;
    for (s->filling = 0; s->filling == s->whole || s->filling == s->copied;)
        s->filling++;
    return true;
}

const float *dc__staged_take(dc__staged *s, uint64_t *version)
{
    dc__assert(s->whole >= 0 && s->copied < 0);
    s->copied = s->whole;
    *version = s->version[s->copied];
    return s->values[s->copied];
}

void dc__staged_give_back(dc__staged *s)
{
    s->copied = -1;
}
