/* ranges.h - splits n elements over the OpenMP threads. */
#ifndef DK_RANGES_H
#define DK_RANGES_H

#include <stddef.h>

#include "kernels/kernels.h"

enum { DK_GRAIN = 1 << 14 }; /* elements below which a second thread costs more than it saves */

/* DK_RANGES - runs body with [lo, hi) set to consecutive ranges of n elements, in parallel. Ranges are
 * multiples of 16 elements; body must not depend on how they fall. */
#define DK_RANGES(n, lo, hi, body)                                                                          \
    do {                                                                                                    \
        const size_t dk_n = (n);                                                                            \
        const size_t dk_most = dk_n / DK_GRAIN + 1;                                                         \
        const int dk_parts = (int)(dk_most < (size_t)dk_threads() ? dk_most : (size_t)dk_threads());        \
        const size_t dk_step = (dk_n / (size_t)dk_parts + 16) & ~(size_t)15;                                \
        _Pragma(                                                                                            \
            "omp parallel for num_threads(dk_parts) schedule(static) if (dk_parts > 1)") for (int dk_part = \
                                                                                                  0;        \
                                                                                              dk_part <     \
                                                                                              dk_parts;     \
                                                                                              dk_part++)    \
        {                                                                                                   \
            const size_t lo = dk_min_size(dk_n, (size_t)dk_part * dk_step);                                 \
            const size_t hi = dk_part + 1 == dk_parts ? dk_n : dk_min_size(dk_n, lo + dk_step);             \
            if (lo < hi) body;                                                                              \
        }                                                                                                   \
    } while (0)

#endif
