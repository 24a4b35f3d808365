/* activation.h - activation functions beyond the library's. */
#ifndef DK_ACTIVATION_H
#define DK_ACTIVATION_H

#include <darknet.h>
#include <stdbool.h>
#include <stddef.h>

#include "kernels/curves.h"

/* dk_needs_before - true if the gradient cannot be had from the activation's output. */
bool dk_needs_before(ACTIVATION a);

/* dk_gradient_before - delta[i] *= the slope at before[i], its input, of one of the activations above. */
void dk_gradient_before(const float *before, size_t n, ACTIVATION a, float *delta);

#endif
