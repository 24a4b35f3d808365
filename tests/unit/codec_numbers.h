/* codec_numbers.h - floats that tests of codecs encode. */
#ifndef CODEC_NUMBERS_H
#define CODEC_NUMBERS_H

#include <math.h>
#include <stdint.h>

#include "plan_cases.h"

/* Numbers as gradients are: many small ones, few large ones, of a scale that differs from run to run (also near
 * the smallest float); some equal, some zero. */
static inline void codec_numbers(uint64_t *s, float *to, size_t n)
{
    static const int scales[] = {0, -20, -60, -95, -100, -103, -120, 60, 90};
    const int scale = scales[case_below(s, 9)];
    for (size_t i = 0; i < n; i++) {
        const double unit = (double)(int64_t)case_random(s) / 9.3e18;
        const float number = (float)ldexp(unit * unit * unit, scale);
        to[i] = case_below(s, 16) == 0 ? 0 : case_below(s, 16) == 0 && i ? to[i - 1] : number;
        if (fabsf(to[i]) < 1.2e-38f) to[i] = 0; /* no denormals: training flushes them */
    }
}

#endif
