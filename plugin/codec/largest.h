/* largest.h - which floats of a run are its largest: what codecs that pick some of them have in common. Pure; any thread. */
#ifndef DC__LARGEST_H
#define DC__LARGEST_H

#include <stddef.h>
#include <stdint.h>

#include "codec/codec.h"

/* Room for every float of a run; a quarter of a megabyte, for the stack. */
typedef struct dc__picks {
    uint32_t n; /* that were looked at more closely */
    uint32_t magnitude[DC__TOPK_FLOATS_MOST];
    uint16_t place[DC__TOPK_FLOATS_MOST];
} dc__picks;

/* dc__largest_count - how many of n floats a share (0..1] of them is: at least one, if there is any. */
size_t dc__largest_count(size_t n, double share);

/* dc__largest_sum - keep[n] = values[n] + kept[n], which may be keep; kept may be NULL, for zeros. */
void dc__largest_sum(const float *values, const float *kept, size_t n, float *keep);

/* dc__largest - puts the places of the k (1..n) floats of largest magnitude first into p->place, in ascending order; of equal ones the first. n:
 * at most DC__TOPK_FLOATS_MOST. */
void dc__largest(dc__picks *p, const float *values, uint32_t n, uint32_t k);

#endif
