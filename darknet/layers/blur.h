/* blur.h - antialiasing= of [convolutional] and [maxpool] (Zhang, "Making convolutional networks shift-invariant
 * again", arXiv 1904.11486): the layer steps by one pixel, and a fixed filter over each channel steps in its
 * place. 1: 3x3 binomial, a border of zeros; 2: mean of 2x2.
 *
 * DESIGN
 *   The layer's own functions compute on a copy of the struct that has the size before the blur. */
#ifndef DK_BLUR_H
#define DK_BLUR_H

#include "layers/source.h"

/* dk_blur_option - what antialiasing= says of the section: 0, 1 or 2. */
int dk_blur_option(const dk_source *s);

/* dk_blur_hang - makes l, which steps by 1, a layer that is blurred by `kind` and steps by across and down. Takes
 * extra's own. */
void dk_blur_hang(const dk_source *s, layer *l, int kind, int across, int down);

/* dk_blur_fit - after l was resized as if it were not blurred; nothing if it is not. */
void dk_blur_fit(layer *l);

/* dk_blur_inner - l as it is before the blur. */
layer dk_blur_inner(const layer *l);

/* dk_blur_weight - of row y and column x of the filter, of 3x3. */
float dk_blur_weight(const layer *l, int y, int x);

#endif
