/* scales.h - what codecs of whole numbers have in common: groups of 256 floats, and a scale for each, bf16, that the numbers are to be
 * multiplied with. See int8.c, which says why nothing is lost. */
#ifndef DC__SCALES_H
#define DC__SCALES_H

#include <stdbool.h>
#include <stddef.h>

#include "codec/isa.h"

#define DC__SCALE_FLOATS 256u
#define DC__NAN_HALF 0x7fc0u
#define DC__SCALE_LEAST 0x0d00u /* as bf16: 2^-101, so that what is left is no denormal */
#define DC__SCALE_MOST 0x7c01u  /* 127 times as much is still a float */
/* Adding and subtracting it rounds to the nearest whole number, to even between two: below 2^22. */
#define DC__ROUNDER 12582912.f

/* dc__sum_and_most - sums[i] = values + kept; returns the bits of the largest magnitude. Pure. */
uint32_t dc__sum_and_most(const float *restrict values, const float *restrict kept, size_t n,
                          float *restrict sums);

/* dc__scale_of - the scale, as bf16, for a group with a largest magnitude of these bits, which is at least that magnitude / parts; 0: nothing is
 * sent; DC__NAN_HALF: the group is not finite, or too large. dc__is_scale - whether that may return it. Pure. */
uint16_t dc__scale_of(uint32_t most, float parts);

static inline bool dc__is_scale(uint16_t half)
{
    return (half >= DC__SCALE_LEAST && half <= DC__SCALE_MOST) || half == 0 || half == DC__NAN_HALF;
}

#endif
