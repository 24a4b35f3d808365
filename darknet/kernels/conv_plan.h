/* conv_plan.h - how one shape of convolution is computed by oneDNN: which layouts, which primitives.
 *
 * DESIGN
 *   A plan belongs to a shape, not to a layer: layers that agree share it, recurrent steps too. It holds no
 * data and no pointer to data, so weights that change between rounds are always read afresh. Plans are made
 * once per process and kept; any number of threads may use one at a time. Choices are made from the shape
 * alone, never from measured time: two processes on two days choose the same. */
#ifndef DK_CONV_PLAN_H
#define DK_CONV_PLAN_H

#include <darknet.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct dk_conv_plan dk_conv_plan;

/* dk_conv_plan_for - the plan for a convolutional layer's shape; NULL if oneDNN has no
 * vector code for it on this processor (or it is not built in), if reading the weights
 * is most of the work, or if winograd.h takes the layer: conv_plain.h computes it. */
const dk_conv_plan *dk_conv_plan_for(const layer *l);

/* dk_conv_plan_src_block - channels per block of the input that forward and backward weights take; 0 = plain
 * NCHW. dk_conv_plan_dst_block - of the output, its gradient, and the gradient of the input; never 0. */
int dk_conv_plan_src_block(const dk_conv_plan *p);
int dk_conv_plan_dst_block(const dk_conv_plan *p);

/* dk_conv_plan_forward - dst (blocked) = convolution of src with weights (in Darknet's order). */
void dk_conv_plan_forward(const dk_conv_plan *p, const float *src, const float *weights, float *dst);

/* dk_conv_plan_backward_weights - updates (in Darknet's order) += gradient, from src and ddst. */
void dk_conv_plan_backward_weights(const dk_conv_plan *p, const float *src, const float *ddst,
                                   float *updates);

/* dk_conv_plan_backward_data - dsrc (blocked, dk_conv_plan_dst_block) = gradient of the input. */
void dk_conv_plan_backward_data(const dk_conv_plan *p, const float *ddst, const float *weights, float *dsrc);

/* dk_conv_plan_text - the primitives in use, for a profile's reader: "wino/direct/...". Valid while the
 * process runs. */
const char *dk_conv_plan_text(const dk_conv_plan *p);

/* dk_conv_memory_low - true: primitives that need little
 * work space only. Set before the first plan is made. */
void dk_conv_memory_low(bool low);

#endif
