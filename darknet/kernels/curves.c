/* curves.c - see curves.h. */
#include "kernels/curves.h"

#include "kernels/isa.h"

#include <string.h>

#define DK_B 16
#define DK_JOIN_(a, b) a##b
#define DK_JOIN(a, b) DK_JOIN_(a, b)
#define DK_NAME(x) DK_JOIN(x, 16)
#define V dk_v16
#define VI dk_v16i
#include "kernels/curves_tile.h"

#define LOAD(p) (*(const V *)(p))
#define STORE(p, v) (*(V *)(p) = (v))

bool dk_is_curve(ACTIVATION a)
{
    return (int)a >= DK_MISH && (int)a <= DK_GELU;
}

/* A last vector that is not full: its elements, then zeros. */
DK_INLINE void load_tail(const float *x, size_t n, V *v)
{
    float lanes[DK_LANES] = {0};
    memcpy(lanes, x, n * sizeof *lanes);
    *v = LOAD(lanes);
}

DK_INLINE void range(float *x, size_t n, int a)
{
    size_t i = 0;
    V v;
    for (; i + DK_LANES <= n; i += DK_LANES) {
        v = LOAD(x + i);
        curve_16(&v, a);
        STORE(x + i, v);
    }
    if (i == n) return;
    load_tail(x + i, n - i, &v);
    curve_16(&v, a);
    memcpy(x + i, &v, (n - i) * sizeof *x);
}

DK_INLINE void slopes(const float *before, size_t n, int a, float *delta)
{
    size_t i = 0;
    V v, slope = {0};
    for (; i + DK_LANES <= n; i += DK_LANES) {
        v = LOAD(before + i);
        curve_slope_16(&v, a, &slope);
        STORE(delta + i, LOAD(delta + i) * slope);
    }
    if (i == n) return;
    load_tail(before + i, n - i, &v);
    curve_slope_16(&v, a, &slope);
    float lanes[DK_LANES];
    memcpy(lanes, &slope, sizeof lanes);
    for (size_t k = 0; i + k < n; k++)
        delta[i + k] *= lanes[k];
}

#define BY_CURVE(call)      \
    switch ((int)a) {       \
    case DK_MISH:           \
        call(DK_MISH);      \
        break;              \
    case DK_SWISH:          \
        call(DK_SWISH);     \
        break;              \
    case DK_HARD_MISH:      \
        call(DK_HARD_MISH); \
        break;              \
    case DK_RELU6:          \
        call(DK_RELU6);     \
        break;              \
    case DK_GELU:           \
        call(DK_GELU);      \
        break;              \
    default:                \
        break;              \
    }

DK_CLONES void dk_curve_range(float *x, size_t n, ACTIVATION a){
#define CALL(curve) range(x, n, curve)
    BY_CURVE(CALL)
#undef CALL
}

DK_CLONES void dk_logistic_range(float *x, size_t n)
{
    range(x, n, LOGISTIC);
}

DK_CLONES void dk_curve_gradient_range(const float *before, size_t n, ACTIVATION a, float *delta)
{
#define CALL(curve) slopes(before, n, curve, delta)
    BY_CURVE(CALL)
#undef CALL
}
