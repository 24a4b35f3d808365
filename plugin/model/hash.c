#include "model/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#define FLOATS 4096u /* that are copied at a time */

uint64_t dc__hash_of_arena(const dc_model *model, const float *arena)
{
    return XXH3_64bits(arena, (size_t)model->start[DC_TRAINED + 1] * sizeof *arena);
}

uint64_t dc__hash_of_model(const dc_model *model)
{
    const uint64_t n = model->start[DC_TRAINED + 1];
    float some[FLOATS];
    XXH3_state_t hash;
    XXH3_64bits_reset(&hash);
    for (uint64_t at = 0; at < n; at += FLOATS) {
        const uint64_t count = n - at < FLOATS ? n - at : FLOATS;
        dc__model_gather(model, false, at, count, some);
        XXH3_64bits_update(&hash, some, (size_t)count * sizeof *some);
    }
    return XXH3_64bits_digest(&hash);
}
