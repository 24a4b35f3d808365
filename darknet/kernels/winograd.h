/* winograd.h - 3x3 convolutions of few pixels and many weights by Winograd's method, on plain arrays.
 *
 * DESIGN
 *   F(4x4, 3x3) (Lavin, Gray, "Fast algorithms for convolutional neural networks", 2016) takes a quarter of
 * the products. Its weights are four times as large, so where they are most of the data (small images, batch
 * of one) a library that transforms all of them to memory first loses what it gains. Here a block of weights
 * is read as it lies in Darknet's array, transformed into the cache and multiplied at once; a block of the
 * gradient is transformed back before it leaves the cache. Nothing is kept between calls.
 *   The gradients are the exact adjoints of the forward pass: the same three transformations, transposed.
 * Every sum is made by one thread in an order that depends on the shape alone; which layers are taken
 * depends on the number of threads too. */
#ifndef DK_WINOGRAD_H
#define DK_WINOGRAD_H

#include <darknet.h>
#include <stdbool.h>

/* dk_winograd_takes - true if the functions below can compute this layer's convolution on this processor. */
bool dk_winograd_takes(const layer *l);

/* dk_winograd_forward - out = convolution of in with l's weights. in, out: plain, l's shapes. */
void dk_winograd_forward(const layer *l, const float *in, float *out);

/* dk_winograd_backward - l's weight_updates += gradient of the weights, and to += gradient of the input
 * unless to is NULL. delta: gradient of the output; in, delta, to: plain, l's shapes. */
void dk_winograd_backward(const layer *l, const float *in, const float *delta, float *to);

#endif
