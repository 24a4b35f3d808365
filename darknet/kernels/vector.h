/* vector.h - element-wise functions of the library that ours replace, and those our own kernels share. */
#ifndef DK_VECTOR_H
#define DK_VECTOR_H

#include <darknet.h>
#include <stddef.h>

void mul_cpu(int N, float *X, int INCX, float *Y, int INCY);

/* dk_add - y[i] += x[i] for n elements. */
void dk_add(size_t n, const float *x, float *y);

/* dk_sum - the sum of x[0..n), in one fixed order. */
float dk_sum(const float *x, size_t n);

/* dk_squares - the sum of the squares of x[0..n), in one fixed order. */
float dk_squares(const float *x, size_t n);

#endif
