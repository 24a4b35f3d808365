/* curves.h - activations beyond the library's on ranges of an array: one thread, vectors. */
#ifndef DK_CURVES_H
#define DK_CURVES_H

#include <darknet.h>
#include <stdbool.h>
#include <stddef.h>

/* Values of ACTIVATION beyond the library's. */
enum { DK_MISH = SELU + 1, DK_SWISH, DK_HARD_MISH, DK_RELU6, DK_GELU };

/* dk_is_curve - true for activations beyond the library's. */
bool dk_is_curve(ACTIVATION a);

/* dk_curve_range - x[i] <- a(x[i]). dk_curve_gradient_range - delta[i] *= a'(before[i]). n elements. */
void dk_curve_range(float *x, size_t n, ACTIVATION a);
void dk_curve_gradient_range(const float *before, size_t n, ACTIVATION a, float *delta);

/* dk_logistic_range - x[i] <- the logistic function of x[i], which is the library's own. */
void dk_logistic_range(float *x, size_t n);

#endif
