/* norm.h - batch norm, on plain arrays (the library's functions) and on blocked ones (for convolutions). */
#ifndef DK_NORM_H
#define DK_NORM_H

#include <darknet.h>
#include <stddef.h>

#include "kernels/blocked.h"

/* dk_norm_statistics - l->variance holds sums of squares: makes it the variance of count values (dividing by
 * count - 1, as Darknet does) and moves the rolling statistics. */
void dk_norm_statistics(layer *l, size_t count);

/* dk_norm_affine - what batch norm does to each channel: with the batch's statistics, or the rolling ones if
 * not train. f has room for the layer's channels. */
void dk_norm_affine(const layer *l, int train, dk_affine *f);

/* dk_norm_backward_blocked - dx (blocked) = gradient of l->x (blocked), given l->delta (plain), the gradient
 * of activation a of the norm's output. Adds to the bias and scale gradients. */
void dk_norm_backward_blocked(layer *l, const network *net, const dk_blocked *s, ACTIVATION a, float *dx);

/* dk_norm_input - where a convolution's product is best left for its norm: where backward looks for it. */
float *dk_norm_input(const layer *l);

/* dk_norm_forward, _backward - batch norm with the activation after it, on plain arrays: forward from x, which may be
 * l->x or l->output, to l->output, and a copy of x to l->x; backward from the gradient of the activation's
 * output in l->delta to that of what forward began with. Adds to the bias and scale gradients. */
void dk_norm_forward(layer *l, const network *net, const float *x, ACTIVATION a);
void dk_norm_backward_plain(layer *l, const network *net, ACTIVATION a);

/* dk_norm_gradient_after - l->delta, the gradient of the layer's output, becomes that of its norm's output,
 * before an activation that dk_needs_before. l->x is plain. */
void dk_norm_gradient_after(layer *l, const network *net);

#endif
