/* depthwise.h - convolutions of one filter per channel (groups = channels = filters) on plain arrays, for shapes
 * that oneDNN has no vector code for (5x5 filters of the efficient networks).
 *
 * DESIGN
 *   A channel's image is copied with its border of zeros, its columns dealt out by the step: column x lies in
 * run x % step at x / step, so that a row of outputs reads each tap's inputs side by side. Channels are split
 * over threads; the images of a channel are summed in order: the bits depend on the shape alone. */
#ifndef DK_DEPTHWISE_H
#define DK_DEPTHWISE_H

#include <darknet.h>
#include <stdbool.h>

/* dk_depthwise_takes - true if the functions below can compute this layer's convolution. */
bool dk_depthwise_takes(const layer *l);

/* dk_depthwise_forward - out = convolution of in with l's weights. in, out: plain, l's shapes. */
void dk_depthwise_forward(const layer *l, const float *in, float *out);

/* dk_depthwise_backward - l's weight_updates += gradient of the weights, and to += gradient of the input
 * unless to is NULL. delta: gradient of the output; in, delta, to: plain, l's shapes. */
void dk_depthwise_backward(const layer *l, const float *in, const float *delta, float *to);

#endif
