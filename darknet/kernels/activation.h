/* activation.h - activation functions beyond the library's. */
#ifndef DK_ACTIVATION_H
#define DK_ACTIVATION_H

#include <darknet.h>
#include <stdbool.h>
#include <stddef.h>

#include "kernels/curves.h"

/* dk_needs_before - true if the gradient cannot be had from the activation's output. */
bool dk_needs_before(ACTIVATION a);

/* dk_activate_run - what activate_array does, on n values by the calling thread. dk_gradient_run - the same for
 * gradient_array; y: the activation's output. Of fast kernels only. */
void dk_activate_run(float *x, size_t n, ACTIVATION a);
void dk_gradient_run(const float *y, size_t n, ACTIVATION a, float *delta);

/* dk_gradient_before - delta[i] *= the slope at before[i], its input, of one of the activations above. */
void dk_gradient_before(const float *before, size_t n, ACTIVATION a, float *delta);

#endif
