#include "codec/scales.h"

/* Static: the linker's version script does not hide clones of others. */
DC__CLONES static uint32_t sum_and_most(const float *restrict values, const float *restrict kept, size_t n,
                                        float *restrict sums)
{
    int32_t most = 0; /* magnitudes' bits are in order, as whole numbers with a sign too */
    for (size_t i = 0; i < n; i++) {
        sums[i] = values[i] + kept[i];
        const int32_t bits = (int32_t)(dc__bits_of(sums[i]) & 0x7fffffffu);
        most = bits > most ? bits : most;
    }
    return (uint32_t)most;
}

uint32_t dc__sum_and_most(const float *restrict values, const float *restrict kept, size_t n,
                          float *restrict sums)
{
    return sum_and_most(values, kept, n, sums);
}

uint16_t dc__scale_of(uint32_t most, float parts)
{
    if (most >= 0x7f800000u) return DC__NAN_HALF;
    const float exact = dc__of_bits(most) / parts;
    const uint32_t up = (dc__bits_of(exact) + 0xffffu) >> 16;
    return up < DC__SCALE_LEAST ? 0 : up > DC__SCALE_MOST ? DC__NAN_HALF : (uint16_t)up;
}
