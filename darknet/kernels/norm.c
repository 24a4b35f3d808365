/* norm.c - batch norm, bias and their gradients.
 *
 * DESIGN
 *   Darknet's arithmetic: variance over count - 1, forward divides by sqrt(variance) + 1e-6, backward by
 *   sqrt(variance + 1e-5), and a hundredth of a batch's statistics goes into the rolling ones; in the forks'
 *   dialect forward divides by sqrt(variance + 1e-5) too, and a tenth goes there. Sums run in 16 lanes per
 * image and then in double over images, so they do not lose digits as one running float does. x_norm is not
 * stored: backward makes it from x, which for a batchnorm layer of its own (where the CPU library has no x at
 * all) is the layer's input. */
#include "kernels/norm.h"

#include "kernels/activation.h"
#include "kernels/curves.h"
#include "kernels/extra.h"
#include "kernels/isa.h"
#include "kernels/kernels.h"
#include "kernels/layers.h"
#include "kernels/scratch.h"
#include "kernels/stock.h"
#include "kernels/vector.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

DK_STOCK_SLOT(forward_batchnorm_layer);
DK_STOCK_SLOT(backward_batchnorm_layer);
DK_STOCK_SLOT(add_bias);
DK_STOCK_SLOT(scale_bias);
DK_STOCK_SLOT(backward_bias);

void dk_norm_statistics(layer *l, size_t count)
{
    const float share = (float)(1. / ((double)count - 1));
    const float old = dk_is_forks(l) ? .9f : .99f, fresh = dk_is_forks(l) ? .1f : .01f;
    for (int i = 0; i < l->out_c; i++) {
        l->variance[i] *= share;
        l->rolling_mean[i] = old * l->rolling_mean[i] + fresh * l->mean[i];
        l->rolling_variance[i] = old * l->rolling_variance[i] + fresh * l->variance[i];
    }
}

/* What forward divides by. */
static float deviation(const layer *l, float variance)
{
    return dk_is_forks(l) ? sqrtf(variance + .00001f) : sqrtf(variance) + .000001f;
}

void dk_norm_affine(const layer *l, int train, dk_affine *f)
{
    const float *mean = train ? l->mean : l->rolling_mean,
                *variance = train ? l->variance : l->rolling_variance;
    for (int i = 0; i < l->out_c; i++) {
        f->center[i] = mean[i];
        f->gain[i] = l->scales[i] / deviation(l, variance[i]);
        f->bias[i] = l->biases[i];
    }
}

/* ---- gradient: the part per channel ----------------------------------------------------------------- */

typedef struct norm_context {
    layer *l;
    const float *variance;
    double count;
    float *a, *b, *c;
} norm_context;

static void coefficients(void *context, int channel, int count, const float *sum_d, const float *sum_dx)
{
    const norm_context *n = context;
    for (int k = 0; k < count; k++) {
        const int i = channel + k;
        const double scale = n->l->scales[i], variance = n->variance[i];
        const double inverse = 1 / sqrt(variance + .00001f);
        n->l->bias_updates[i] += sum_d[k];
        n->l->scale_updates[i] += sum_dx[k] / deviation(n->l, n->variance[i]);
        n->a[i] = (float)(scale * inverse);
        n->b[i] = (float)(-sum_dx[k] * scale * inverse * inverse * inverse / n->count);
        n->c[i] = (float)(-sum_d[k] * scale * inverse / n->count);
    }
}

static norm_context context_of(layer *l, const network *net, double count, float *arrays, size_t padded)
{
    memset(arrays, 0, 3 * padded * sizeof *arrays);
    return (norm_context){.l = l,
                          .variance = net->train ? l->variance : l->rolling_variance,
                          .count = count,
                          .a = arrays,
                          .b = arrays + padded,
                          .c = arrays + 2 * padded};
}

void dk_norm_backward_blocked(layer *l, const network *net, const dk_blocked *s, ACTIVATION a, float *dx)
{
    const size_t padded = dk_blocked_padded(s);
    float *arrays = dk_scratch(DK_SCRATCH_CHANNELS, 6 * padded * sizeof *arrays);
    norm_context n = context_of(l, net, (double)s->batch * s->pixels, arrays, padded);
    dk_norm_gradient g = {.a = n.a, .b = n.b, .c = n.c, .coefficients = coefficients, .context = &n};
    memset(arrays + 3 * padded, 0, 3 * padded * sizeof *arrays);
    g.f = (dk_affine){arrays + 3 * padded, arrays + 4 * padded, arrays + 5 * padded};
    dk_norm_affine(l, net->train, &g.f);
    dk_norm_backward(s, l->delta, l->x, a, &g, dx);
}

/* ---- plain arrays: one channel of one image is a run of `n` floats ---------------------------------- */

/* Sum of (a - center) * b; with b == NULL, of (a - center) squared. */
DK_CLONES static float run_product(const float *a, float center, const float *b, size_t n)
{
    dk_v16 sum = {0};
    float lanes[DK_LANES], tail = 0;
    size_t i = 0;
    for (; i + DK_LANES <= n; i += DK_LANES) {
        const dk_v16 d = *(const dk_v16 *)(a + i) - center;
        sum += d * (b == NULL ? d : *(const dk_v16 *)(b + i));
    }
    for (; i < n; i++) {
        const float d = a[i] - center;
        tail += d * (b == NULL ? d : b[i]);
    }
    memcpy(lanes, &sum, sizeof lanes);
    return dk_sum_lanes(lanes) + tail;
}

DK_CLONES static void run_affine(const float *x, float center, float gain, float bias, size_t n, float *y)
{
    for (size_t i = 0; i < n; i++)
        y[i] = (x[i] - center) * gain + bias;
}

/* The same, made leaky. */
DK_CLONES static void run_affine_leaky(const float *x, float center, float gain, float bias, size_t n,
                                       float *y)
{
    for (size_t i = 0; i < n; i++) {
        const float v = (x[i] - center) * gain + bias;
        y[i] = v > 0 ? v : .1f * v;
    }
}

/* d *= the slope of leaky at run_affine of x; sums[2] = the sum of d and that of d * (x - center): one walk. */
DK_CLONES static void run_leaky_sums(const float *x, float center, float gain, float bias, size_t n, float *d,
                                     float sums[2])
{
    dk_v16 sum = {0}, product = {0};
    float lanes[2][DK_LANES], tail[2] = {0};
    const size_t whole = n / DK_LANES * DK_LANES;
    for (size_t i = 0; i < whole; i += DK_LANES) {
        const dk_v16 away = *(const dk_v16 *)(x + i) - center, full = *(const dk_v16 *)(d + i);
        const dk_v16i above = (dk_v16i)(away * gain + bias > 0);
        const dk_v16 v = (dk_v16)(((dk_v16i)full & above) | ((dk_v16i)(full * .1f) & ~above));
        *(dk_v16 *)(d + i) = v;
        sum += v;
        product += away * v;
    }
    for (size_t i = whole; i < n; i++) {
        d[i] *= (x[i] - center) * gain + bias > 0 ? 1 : .1f;
        tail[0] += d[i];
        tail[1] += (x[i] - center) * d[i];
    }
    memcpy(lanes[0], &sum, sizeof lanes[0]);
    memcpy(lanes[1], &product, sizeof lanes[1]);
    for (int i = 0; i < 2; i++)
        sums[i] = dk_sum_lanes(lanes[i]) + tail[i];
}

DK_CLONES static void run_gradient(const float *x, float center, float a, float b, float c, size_t n,
                                   float *d)
{
    for (size_t i = 0; i < n; i++)
        d[i] = a * d[i] + (b * (x[i] - center) + c);
}

/* A channel of x through all images: at(b) is its run in image b. */
typedef struct runs {
    int batch, channels;
    size_t n;
} runs;

static runs runs_of(const layer *l)
{
    return (runs){.batch = l->batch, .channels = l->out_c, .n = (size_t)l->out_h * (size_t)l->out_w};
}

static size_t at(const runs *r, int b, int channel)
{
    return ((size_t)b * (size_t)r->channels + (size_t)channel) * r->n;
}

static int threads_for(const runs *r)
{
    return (size_t)r->batch * (size_t)r->channels * r->n < 16384 ? 1 : dk_threads();
}

static void moments(const runs *r, const float *x, int channel, float *mean, float *m2)
{
    double sum = 0, square = 0;
    for (int b = 0; b < r->batch; b++)
        sum += dk_sum(x + at(r, b, channel), r->n);
    *mean = (float)(sum / ((double)r->batch * (double)r->n));
    for (int b = 0; b < r->batch; b++)
        square += run_product(x + at(r, b, channel), *mean, NULL, r->n);
    *m2 = (float)square;
}

float *dk_norm_input(const layer *l)
{
    return l->x != NULL ? l->x : l->output;
}

void dk_norm_forward(layer *l, const network *net, const float *x, ACTIVATION a)
{
    const runs r = runs_of(l);
    const int threads = threads_for(&r);
    if (net->train) {
#pragma omp parallel for num_threads(threads) schedule(static) if (threads > 1)
        for (int c = 0; c < r.channels; c++)
            moments(&r, x, c, &l->mean[c], &l->variance[c]);
        dk_norm_statistics(l, (size_t)r.batch * r.n);
    }
    float *arrays = dk_scratch(DK_SCRATCH_CHANNELS, 3 * (size_t)r.channels * sizeof *arrays);
    dk_affine f = {arrays, arrays + r.channels, arrays + 2 * r.channels};
    dk_norm_affine(l, net->train, &f);
#pragma omp parallel for num_threads(threads) schedule(static) collapse(2) if (threads > 1)
    for (int b = 0; b < r.batch; b++)
        for (int c = 0; c < r.channels; c++) {
            const size_t i = at(&r, b, c);
            if (l->x != NULL && l->x != x) memcpy(l->x + i, x + i, r.n * sizeof *x);
            if (a == LEAKY) {
                run_affine_leaky(x + i, f.center[c], f.gain[c], f.bias[c], r.n, l->output + i);
                continue;
            }
            run_affine(x + i, f.center[c], f.gain[c], f.bias[c], r.n, l->output + i);
            dk_activate_run(l->output + i, r.n, a);
        }
}

DK_EXPORT void forward_batchnorm_layer(layer l, network net)
{
    if (!dk_kernels_fast() && !dk_is_forks(&l))
        DK_STOCK(forward_batchnorm_layer)(l, net);
    else
        dk_norm_forward(&l, &net, l.type == BATCHNORM ? net.input : l.output, LINEAR);
}

/* Gradient of one channel of one image, a part at a time: the norm's output is made anew. */
static void run_gradient_after(const float *x, const dk_affine *f, int c, size_t n, ACTIVATION a, float *d)
{
    enum { PART = 1024 };
    float y[PART];
    for (size_t i = 0; i < n; i += PART) {
        const size_t m = n - i < PART ? n - i : PART;
        run_affine(x + i, f->center[c], f->gain[c], f->bias[c], m, y);
        dk_curve_gradient_range(y, m, a, d + i);
    }
}

/* l->delta, n floats from `from` on, becomes the gradient of the norm's output; sums as of run_leaky_sums. */
static void gradient_sums(const layer *l, const float *x, const dk_affine *f, int c, size_t n, ACTIVATION a,
                          size_t from, float sums[2])
{
    float *d = l->delta + from;
    if (a == LEAKY) {
        run_leaky_sums(x, f->center[c], f->gain[c], f->bias[c], n, d, sums);
        return;
    }
    if (dk_needs_before(a))
        run_gradient_after(x, f, c, n, a, d);
    else
        dk_gradient_run(l->output + from, n, a, d);
    sums[0] = dk_sum(d, n);
    sums[1] = run_product(x, f->center[c], d, n);
}

void dk_norm_backward_plain(layer *l, const network *net, ACTIVATION a)
{
    const runs r = runs_of(l);
    const int threads = threads_for(&r);
    const size_t channels = (size_t)r.channels;
    const float *x = l->type == BATCHNORM ? net->input : l->x, *mean = net->train ? l->mean : l->rolling_mean;
    float *arrays = dk_scratch(DK_SCRATCH_CHANNELS, 6 * channels * sizeof *arrays);
    norm_context n = context_of(l, net, (double)r.batch * (double)r.n, arrays, channels);
    dk_affine f = {arrays + 3 * channels, arrays + 4 * channels, arrays + 5 * channels};
    dk_norm_affine(l, net->train, &f);
#pragma omp parallel for num_threads(threads) schedule(static) if (threads > 1)
    for (int c = 0; c < r.channels; c++) {
        double sum_d = 0, sum_dx = 0;
        for (int b = 0; b < r.batch; b++) {
            float sums[2];
            gradient_sums(l, x + at(&r, b, c), &f, c, r.n, a, at(&r, b, c), sums);
            sum_d += sums[0];
            sum_dx += sums[1];
        }
        coefficients(&n, c, 1, &(float){(float)sum_d}, &(float){(float)sum_dx});
        for (int b = 0; b < r.batch; b++)
            run_gradient(x + at(&r, b, c), mean[c], n.a[c], n.b[c], n.c[c], r.n, l->delta + at(&r, b, c));
    }
}

DK_EXPORT void backward_batchnorm_layer(layer l, network net)
{
    if (!dk_kernels_fast() && !dk_is_forks(&l)) {
        DK_STOCK(backward_batchnorm_layer)(l, net);
        return;
    }
    dk_norm_backward_plain(&l, &net, LINEAR);
    /* The library overwrites net.delta here; what a later shortcut or route has added must stay. */
    if (l.type == BATCHNORM && net.delta != NULL) axpy_cpu(l.outputs * l.batch, 1, l.delta, 1, net.delta, 1);
}

void dk_norm_gradient_after(layer *l, const network *net)
{
    const runs r = runs_of(l);
    const int threads = threads_for(&r);
    float *arrays = dk_scratch(DK_SCRATCH_CHANNELS, 3 * (size_t)r.channels * sizeof *arrays);
    dk_affine f = {arrays, arrays + r.channels, arrays + 2 * r.channels};
    dk_norm_affine(l, net->train, &f);
#pragma omp parallel for num_threads(threads) schedule(static) collapse(2) if (threads > 1)
    for (int b = 0; b < r.batch; b++)
        for (int c = 0; c < r.channels; c++)
            run_gradient_after(l->x + at(&r, b, c), &f, c, r.n, l->activation, l->delta + at(&r, b, c));
}

/* ---- bias and scale --------------------------------------------------------------------------------- */

static runs runs_from(int batch, int n, int size)
{
    return (runs){.batch = batch, .channels = n, .n = (size_t)size};
}

/* output = output * gains[channel] + biases[channel]; NULL stands for ones and zeros. */
static void affine_runs(float *output, const float *gains, const float *biases, const runs *r)
{
    const int threads = threads_for(r);
#pragma omp parallel for num_threads(threads) schedule(static) collapse(2) if (threads > 1)
    for (int b = 0; b < r->batch; b++)
        for (int c = 0; c < r->channels; c++)
            run_affine(output + at(r, b, c), 0, gains ? gains[c] : 1, biases ? biases[c] : 0, r->n,
                       output + at(r, b, c));
}

DK_EXPORT void add_bias(float *output, float *biases, int batch, int n, int size)
{
    const runs r = runs_from(batch, n, size);
    if (dk_kernels_fast())
        affine_runs(output, NULL, biases, &r);
    else
        DK_STOCK(add_bias)(output, biases, batch, n, size);
}

DK_EXPORT void scale_bias(float *output, float *scales, int batch, int n, int size)
{
    const runs r = runs_from(batch, n, size);
    if (dk_kernels_fast())
        affine_runs(output, scales, NULL, &r);
    else
        DK_STOCK(scale_bias)(output, scales, batch, n, size);
}

DK_EXPORT void backward_bias(float *bias_updates, float *delta, int batch, int n, int size)
{
    if (!dk_kernels_fast()) {
        DK_STOCK(backward_bias)(bias_updates, delta, batch, n, size);
        return;
    }
    const runs r = runs_from(batch, n, size);
    const int threads = threads_for(&r);
#pragma omp parallel for num_threads(threads) schedule(static) if (threads > 1)
    for (int c = 0; c < n; c++) {
        double sum = 0;
        for (int b = 0; b < batch; b++)
            sum += dk_sum(delta + at(&r, b, c), r.n);
        bias_updates[c] += (float)sum;
    }
}
