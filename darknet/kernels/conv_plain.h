/* conv_plain.h - convolutional layers by im2col and gemm, for shapes and machines without a plan. */
#ifndef DK_CONV_PLAIN_H
#define DK_CONV_PLAIN_H

#include <darknet.h>
#include <stdbool.h>

/* dk_product_takes - true for 1x1 filters that multiply the image as it lies, which is quicker by the way into oneDNN's
 * layout and out of it; curves (kernels/curves.h) are quicker there, fused. In the forks' dialect only: elsewhere results
 * keep the bits that they have had. */
bool dk_product_takes(const layer *l);

/* dk_conv_plain_forward, _backward - the whole layer, with batch norm, bias and activation. */
void dk_conv_plain_forward(layer *l, network *net);
void dk_conv_plain_backward(layer *l, network *net);

/* dk_conv_plain_gradient - l->delta, the gradient of the layer's output, becomes that of what goes into the
 * activation. Batch norm, if there is any, was computed on plain arrays. */
void dk_conv_plain_gradient(layer *l, network *net);

#endif
