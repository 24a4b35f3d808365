/* formula.h - numbers that both sides of a comparison with a fork make for themselves: weights, pictures and
 * boxes as functions of positions. No files, no state, the same bits on every machine. */
#ifndef FORKS_FORMULA_H
#define FORKS_FORMULA_H

#include <stdint.h>

/* formula_bits - 64 bits that belong to (a, b, c): the SplitMix64 finalizer (Steele et al., OOPSLA 2014) over
 * each in turn. */
uint64_t formula_bits(uint64_t a, uint64_t b, uint64_t c);

/* formula_unit - a multiple of 2^-24 in [0, 1). */
float formula_unit(uint64_t a, uint64_t b, uint64_t c);

/* formula_picture - fills x[c][h][w] with picture number which, values in [0, 1): blocks of 32x32 and 8x8
 * pixels and some noise. Noise alone would look alike everywhere, and batch norm would magnify rounding errors. */
void formula_picture(int which, int c, int h, int w, float *x);

/* formula_boxes - how many boxes each picture has: x, y, w, h (of the picture, 0..1) and class at
 * truth[box * stride]. The rest of truth[truths] becomes 0. */
enum { FORMULA_BOXES = 3 };
void formula_boxes(int which, int classes, int stride, int truths, float *truth);

#endif
