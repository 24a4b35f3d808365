/* scaled.c - see scaled.h. Planes (one channel of one image) are split over threads; where they share the
 * values that scale them (one per pixel), images are. The forks' [sam] overwrites the gradient of the layer
 * that it scales; here it is added, as everywhere. */
#include "kernels/scaled.h"

#include "kernels/isa.h"
#include "kernels/kernels.h"
#include "kernels/layers.h"
#include "kernels/vector.h"

#include <string.h>

DK_CLONES static void scale_run(const float *restrict x, float by, size_t n, float *restrict out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = by * x[i];
}

DK_CLONES static void multiply_run(const float *restrict x, const float *restrict by, size_t n,
                                   float *restrict out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = by[i] * x[i];
}

/* to += by * d, and the sum of d * x. */
DK_CLONES static float split_run(const float *restrict d, const float *restrict x, float by, size_t n,
                                 float *restrict to)
{
    dk_v16 sum = {0};
    float lanes[DK_LANES], tail = 0;
    size_t i = 0;
    for (; i + DK_LANES <= n; i += DK_LANES) {
        const dk_v16 v = *(const dk_v16 *)(d + i);
        sum += v * *(const dk_v16 *)(x + i);
        *(dk_v16 *)(to + i) += by * v;
    }
    for (; i < n; i++) {
        tail += d[i] * x[i];
        to[i] += by * d[i];
    }
    memcpy(lanes, &sum, sizeof lanes);
    return dk_sum_lanes(lanes) + tail;
}

/* to += d * x */
DK_CLONES static void product_run(const float *d, const float *x, size_t n, float *to)
{
    for (size_t i = 0; i < n; i++)
        to[i] += d[i] * x[i];
}

static int threads_for(const layer *l)
{
    return (size_t)l->batch * (size_t)l->outputs < 16384 ? 1 : dk_threads();
}

static int all_of(const layer *l)
{
    return l->batch * l->outputs;
}

static size_t pixels_of(const layer *l)
{
    return (size_t)l->out_w * (size_t)l->out_h;
}

/* ---- one value per channel -------------------------------------------------------------------------- */

void dk_forward_scale_channels(const layer l, network net)
{
    const float *from = net.layers[l.index].output;
    const size_t pixels = pixels_of(&l);
    const int threads = threads_for(&l);
#pragma omp parallel for num_threads(threads) schedule(static) if (threads > 1)
    for (int plane = 0; plane < l.batch * l.out_c; plane++)
        scale_run(from + (size_t)plane * pixels, net.input[plane], pixels, l.output + (size_t)plane * pixels);
    activate_array(l.output, all_of(&l), l.activation);
}

void dk_backward_scale_channels(const layer l, network net)
{
    const layer *from = &net.layers[l.index];
    const size_t pixels = pixels_of(&l);
    const int threads = threads_for(&l);
    gradient_array(l.output, all_of(&l), l.activation, l.delta);
#pragma omp parallel for num_threads(threads) schedule(static) if (threads > 1)
    for (int plane = 0; plane < l.batch * l.out_c; plane++) {
        const size_t at = (size_t)plane * pixels;
        net.delta[plane] +=
            split_run(l.delta + at, from->output + at, net.input[plane], pixels, from->delta + at);
    }
}

/* ---- one value per pixel ---------------------------------------------------------------------------- */

void dk_forward_scale_pixels(const layer l, network net)
{
    const float *from = net.layers[l.index].output;
    const size_t pixels = pixels_of(&l);
    const int threads = threads_for(&l);
#pragma omp parallel for num_threads(threads) schedule(static) if (threads > 1)
    for (int plane = 0; plane < l.batch * l.out_c; plane++)
        multiply_run(from + (size_t)plane * pixels, net.input + (size_t)(plane / l.out_c) * pixels, pixels,
                     l.output + (size_t)plane * pixels);
    activate_array(l.output, all_of(&l), l.activation);
}

void dk_backward_scale_pixels(const layer l, network net)
{
    const layer *from = &net.layers[l.index];
    const size_t pixels = pixels_of(&l);
    const int threads = threads_for(&l);
    gradient_array(l.output, all_of(&l), l.activation, l.delta);
#pragma omp parallel for num_threads(threads) schedule(static) if (threads > 1)
    for (int b = 0; b < l.batch; b++)
        for (int c = 0; c < l.out_c; c++) {
            const size_t at = ((size_t)b * (size_t)l.out_c + (size_t)c) * pixels, by = (size_t)b * pixels;
            product_run(l.delta + at, from->output + at, pixels, net.delta + by);
            product_run(l.delta + at, net.input + by, pixels, from->delta + at);
        }
}

/* ---- one value per value ---------------------------------------------------------------------------- */

void dk_forward_sam(const layer l, network net)
{
    const float *from = net.layers[l.index].output;
    const size_t pixels = pixels_of(&l);
    const int threads = threads_for(&l);
#pragma omp parallel for num_threads(threads) schedule(static) if (threads > 1)
    for (int plane = 0; plane < l.batch * l.out_c; plane++) {
        const size_t at = (size_t)plane * pixels;
        multiply_run(from + at, net.input + at, pixels, l.output + at);
    }
    activate_array(l.output, all_of(&l), l.activation);
}

void dk_backward_sam(const layer l, network net)
{
    const layer *from = &net.layers[l.index];
    const size_t pixels = pixels_of(&l);
    const int threads = threads_for(&l);
    gradient_array(l.output, all_of(&l), l.activation, l.delta);
#pragma omp parallel for num_threads(threads) schedule(static) if (threads > 1)
    for (int plane = 0; plane < l.batch * l.out_c; plane++) {
        const size_t at = (size_t)plane * pixels;
        product_run(l.delta + at, from->output + at, pixels, net.delta + at);
        product_run(l.delta + at, net.input + at, pixels, from->delta + at);
    }
}
