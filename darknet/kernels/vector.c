/* vector.c - the library's element-wise functions: fill, copy, axpy, scal, mul and the losses' siblings that
 * profiles show. Strides other than 1 go to the library. */
#include "kernels/isa.h"
#include "kernels/ranges.h"
#include "kernels/stock.h"
#include "kernels/vector.h"

#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <immintrin.h>
#endif

DK_STOCK_SLOT(fill_cpu);
DK_STOCK_SLOT(copy_cpu);
DK_STOCK_SLOT(axpy_cpu);
DK_STOCK_SLOT(scal_cpu);
DK_STOCK_SLOT(mul_cpu);

DK_CLONES float dk_squares(const float *x, size_t n)
{
    dk_v16 sum = {0};
    float lanes[DK_LANES], tail = 0;
    size_t i = 0;
    for (; i + DK_LANES <= n; i += DK_LANES)
        sum += *(const dk_v16 *)(x + i) * *(const dk_v16 *)(x + i);
    for (; i < n; i++)
        tail += x[i] * x[i];
    memcpy(lanes, &sum, sizeof lanes);
    return dk_sum_lanes(lanes) + tail;
}

enum { DK_PAST = 1 << 20 }; /* floats that are not filled through the caches */

DK_CLONES float dk_sum(const float *x, size_t n)
{
    dk_v16 sum = {0};
    float lanes[DK_LANES], tail = 0;
    size_t i = 0;
    for (; i + DK_LANES <= n; i += DK_LANES)
        sum += *(const dk_v16 *)(x + i);
    for (; i < n; i++)
        tail += x[i];
    memcpy(lanes, &sum, sizeof lanes);
    return dk_sum_lanes(lanes) + tail;
}

DK_CLONES static void fill_range(float a, float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = a;
}

#ifdef __SSE2__
/* Past the caches: an array of this size would only push out what is needed sooner, and be read before it is overwritten. */
static void fill_past(float a, float *x, size_t n)
{
    const __m128 v = _mm_set1_ps(a);
    size_t i = 0;
    for (; i < n && ((uintptr_t)(x + i) & 63) != 0; i++)
        x[i] = a;
    for (; i + DK_LANES <= n; i += DK_LANES)
        for (size_t k = 0; k < DK_LANES; k += 4)
            _mm_stream_ps(x + i + k, v);
    for (; i < n; i++)
        x[i] = a;
    _mm_sfence();
}
#else
#define fill_past fill_range
#endif

DK_CLONES static void axpy_range(float a, const float *x, float *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] += a * x[i];
}

DK_CLONES static void add_range(const float *x, float *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] += x[i];
}

DK_CLONES static void scal_range(float a, float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] *= a;
}

DK_CLONES static void mul_range(const float *x, float *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] *= x[i];
}

DK_EXPORT void fill_cpu(int N, float ALPHA, float *X, int INCX)
{
    if (!dk_kernels_fast() || INCX != 1) {
        DK_STOCK(fill_cpu)(N, ALPHA, X, INCX);
        return;
    }
    if (N <= 0) return;
    if (N >= DK_PAST)
        DK_RANGES((size_t)N, lo, hi, fill_past(ALPHA, X + lo, hi - lo));
    else
        DK_RANGES((size_t)N, lo, hi, fill_range(ALPHA, X + lo, hi - lo));
}

DK_EXPORT void copy_cpu(int N, float *X, int INCX, float *Y, int INCY)
{
    if (!dk_kernels_fast() || INCX != 1 || INCY != 1) {
        DK_STOCK(copy_cpu)(N, X, INCX, Y, INCY);
        return;
    }
    if (N <= 0 || X == Y) return;
    DK_RANGES((size_t)N, lo, hi, memmove(Y + lo, X + lo, (hi - lo) * sizeof *X));
}

DK_EXPORT void axpy_cpu(int N, float ALPHA, float *X, int INCX, float *Y, int INCY)
{
    if (!dk_kernels_fast() || INCX != 1 || INCY != 1) {
        DK_STOCK(axpy_cpu)(N, ALPHA, X, INCX, Y, INCY);
        return;
    }
    if (N <= 0) return;
    if (ALPHA == 1)
        dk_add((size_t)N, X, Y);
    else
        DK_RANGES((size_t)N, lo, hi, axpy_range(ALPHA, X + lo, Y + lo, hi - lo));
}

DK_EXPORT void scal_cpu(int N, float ALPHA, float *X, int INCX)
{
    if (!dk_kernels_fast() || INCX != 1) {
        DK_STOCK(scal_cpu)(N, ALPHA, X, INCX);
        return;
    }
    if (N <= 0) return;
    DK_RANGES((size_t)N, lo, hi, scal_range(ALPHA, X + lo, hi - lo));
}

DK_EXPORT void mul_cpu(int N, float *X, int INCX, float *Y, int INCY)
{
    if (!dk_kernels_fast() || INCX != 1 || INCY != 1) {
        DK_STOCK(mul_cpu)(N, X, INCX, Y, INCY);
        return;
    }
    if (N <= 0) return;
    DK_RANGES((size_t)N, lo, hi, mul_range(X + lo, Y + lo, hi - lo));
}

void dk_add(size_t n, const float *x, float *y)
{
    DK_RANGES(n, lo, hi, add_range(x + lo, y + lo, hi - lo));
}
