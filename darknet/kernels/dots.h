/* dots.h - the gradient of a 1x1 convolution's weights: products of rows that are both read along their pixels. A matrix product
 * would bring one side into another order first, which takes longer than it saves where few filters meet few channels. */
#ifndef DK_DOTS_H
#define DK_DOTS_H

#include <stdbool.h>
#include <stddef.h>

/* Rows of `pixels` floats: m of delta and k of input in each of `images` images. */
typedef struct dk_dots {
    int images, m, k, pixels;
    const float *delta, *input; /* [images][m or k][pixels] */
} dk_dots;

/* dk_dots_takes - true where dk_dots_add is the faster way (AVX-512, measured). */
bool dk_dots_takes(int m, int k, int pixels);

/* dk_dots_add - updates[m][k] += over all images delta's row m times input's row k, images one after the other: on
 * any number of threads the same bits. */
void dk_dots_add(const dk_dots *d, float *updates);

#endif
