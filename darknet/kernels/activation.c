/* activation.c - activations and gradients on whole arrays, the library's (one loop per function) and ours
 * (curves.c), on all threads. */
#include "kernels/activation.h"

#include "kernels/curves.h"
#include "kernels/isa.h"
#include "kernels/layers.h"
#include "kernels/ranges.h"
#include "kernels/stock.h"

#include <math.h>

DK_STOCK_SLOT(activate_array);
DK_STOCK_SLOT(gradient_array);

/* Darknet's own definitions, in float. */
DK_INLINE float act(float x, ACTIVATION a)
{
    switch (a) {
    case LOGISTIC: /* in vectors: curves.h */
    case LINEAR:
        return x;
    case LOGGY:
        return 2 / (1 + expf(-x)) - 1;
    case RELU:
        return x > 0 ? x : x * 0;
    case ELU:
        return x >= 0 ? x : expf(x) - 1;
    case SELU:
        return x >= 0 ? 1.0507f * x : 1.0507f * 1.6732f * (expf(x) - 1);
    case RELIE:
        return x > 0 ? x : .01f * x;
    case RAMP:
        return (x > 0 ? x : x * 0) + .1f * x;
    case LEAKY:
        return x > 0 ? x : .1f * x;
    case TANH:
        return tanhf(x);
    case PLSE:
        return x < -4 ? .01f * (x + 4) : x > 4 ? .01f * (x - 4) + 1 : .125f * x + .5f;
    case STAIR: {
        const float n = floorf(x);
        return fmodf(n, 2) == 0 ? floorf(x / 2) : (x - n) + floorf(x / 2);
    }
    case HARDTAN:
        return x < -1 ? -1 : x > 1 ? 1 : x;
    case LHTAN:
        return x < 0 ? .001f * x : x > 1 ? .001f * (x - 1) + 1 : x;
    }
    return 0;
}

DK_INLINE float slope(float x, ACTIVATION a)
{
    switch (a) {
    case LINEAR:
        return 1;
    case LOGISTIC:
        return (1 - x) * x;
    case LOGGY:
        return 2 * (1 - (x + 1) / 2) * ((x + 1) / 2);
    case RELU:
        return x > 0 ? 1 : 0;
    case ELU:
        return x >= 0 ? 1 : x + 1;
    case SELU:
        return x >= 0 ? 1.0507f : x + 1.0507f * 1.6732f;
    case RELIE:
        return x > 0 ? 1 : .01f;
    case RAMP:
        return x > 0 ? 1.1f : .1f;
    case LEAKY:
        return x > 0 ? 1 : .1f;
    case TANH:
        return 1 - x * x;
    case PLSE:
        return x < 0 || x > 1 ? .01f : .125f;
    case STAIR:
        return floorf(x) == x ? 0 : 1;
    case HARDTAN:
        return x > -1 && x < 1 ? 1 : 0;
    case LHTAN:
        return x > 0 && x < 1 ? 1 : .001f;
    }
    return 0;
}

/* X(name): every activation that does something, but the logistic function. */
#define DK_ACTIVATIONS(X) \
    X(LOGGY) X(RELU) X(ELU) X(SELU) X(RELIE) X(RAMP) X(LEAKY) X(TANH) X(PLSE) X(STAIR) X(HARDTAN) X(LHTAN)

#define DK_X(name)                     \
    case name:                         \
        for (size_t i = 0; i < n; i++) \
            x[i] = act(x[i], name);    \
        break;
DK_CLONES static void activate_range(float *x, size_t n, ACTIVATION a)
{
    switch (a) {
        DK_ACTIVATIONS(DK_X)
    case LOGISTIC: /* in vectors: curves.h */
    case LINEAR:
        break;
    }
}
#undef DK_X

#define DK_X(name)                         \
    case name:                             \
        for (size_t i = 0; i < n; i++)     \
            delta[i] *= slope(x[i], name); \
        break;
DK_CLONES static void gradient_range(const float *x, size_t n, ACTIVATION a, float *delta)
{
    switch (a) {
        DK_ACTIVATIONS(DK_X)
        DK_X(LOGISTIC)
    case LINEAR:
        break;
    }
}
#undef DK_X

void dk_activate_run(float *x, size_t n, ACTIVATION a)
{
    if (dk_is_curve(a))
        dk_curve_range(x, n, a);
    else if (a == LOGISTIC)
        dk_logistic_range(x, n);
    else
        activate_range(x, n, a);
}

void dk_gradient_run(const float *y, size_t n, ACTIVATION a, float *delta)
{
    if (dk_is_curve(a))
        dk_curve_gradient_range(y, n, a, delta);
    else
        gradient_range(y, n, a, delta);
}

bool dk_needs_before(ACTIVATION a)
{
    return dk_is_curve(a) && (int)a != DK_RELU6; /* whose slope is the same at its output */
}

static void curve_gradient(const float *at, size_t n, ACTIVATION a, float *delta)
{
    DK_RANGES(n, lo, hi, dk_curve_gradient_range(at + lo, hi - lo, a, delta + lo));
}

DK_EXPORT void activate_array(float *x, const int n, const ACTIVATION a)
{
    if (dk_is_curve(a)) {
        if (n > 0) DK_RANGES((size_t)n, lo, hi, dk_curve_range(x + lo, hi - lo, a));
        return;
    }
    if (!dk_kernels_fast()) {
        DK_STOCK(activate_array)(x, n, a);
        return;
    }
    if (a == LINEAR || n <= 0) return;
    DK_RANGES((size_t)n, lo, hi, dk_activate_run(x + lo, hi - lo, a));
}

DK_EXPORT void gradient_array(const float *x, const int n, const ACTIVATION a, float *delta)
{
    if (dk_is_curve(a)) {
        if (n > 0) curve_gradient(x, (size_t)n, a, delta);
        return;
    }
    if (!dk_kernels_fast()) {
        DK_STOCK(gradient_array)(x, n, a, delta);
        return;
    }
    if (a == LINEAR || n <= 0) return;
    DK_RANGES((size_t)n, lo, hi, gradient_range(x + lo, hi - lo, a, delta + lo));
}

void dk_gradient_before(const float *before, size_t n, ACTIVATION a, float *delta)
{
    if (dk_is_curve(a) && n > 0) curve_gradient(before, n, a, delta);
}
