/* conv_plain.c - convolution on plain arrays: by Winograd's method where winograd.h takes the layer, channel
 * by channel where depthwise.h does, else as
 * a matrix product per image and group. A 1x1 filter without stride or padding multiplies the image itself;
 * every other one goes through im2col's matrix. */
#include "kernels/conv_plain.h"

#include "kernels/activation.h"
#include "kernels/depthwise.h"
#include "kernels/dots.h"
#include "kernels/extra.h"
#include "kernels/gemm.h"
#include "kernels/im2col.h"
#include "kernels/kernels.h"
#include "kernels/layers.h"
#include "kernels/norm.h"
#include "kernels/scratch.h"
#include "kernels/winograd.h"

#include <stdbool.h>
#include <string.h>

typedef struct product {
    int m, k, pixels;        /* filters and weights per filter of a group, pixels of the output */
    size_t in, out, weights; /* floats of a group */
    bool direct;
} product;

static product product_of(const layer *l)
{
    product d = {.m = l->n / l->groups, .pixels = l->out_h * l->out_w};
    d.k = l->size * l->size * l->c / l->groups;
    d.in = (size_t)(l->c / l->groups) * (size_t)(l->h * l->w);
    d.out = (size_t)d.m * (size_t)d.pixels;
    d.weights = (size_t)d.m * (size_t)d.k;
    d.direct = l->size == 1 && dk_stride_x(l) == 1 && dk_stride_y(l) == 1 && l->pad == 0;
    return d;
}

bool dk_product_takes(const layer *l)
{
    return dk_is_forks(l) && l->groups == 1 && !dk_needs_before(l->activation) && product_of(l).direct;
}

/* Threads that take an image each; 1: all take each image. */
static int image_threads(const layer *l)
{
    return dk_product_takes(l) && l->batch % dk_threads() == 0 ? dk_threads() : 1;
}

static float *columns(const layer *l, const product *d, float *image)
{
    if (d->direct) return image;
    float *col = dk_scratch(DK_SCRATCH_DATA, (size_t)d->k * (size_t)d->pixels * sizeof *col);
    dk_im2col(l, image, col);
    return col;
}

/* Batch norm and activation, both ours. */
static bool fused_norm(const layer *l)
{
    return l->batch_normalize && dk_kernels_fast();
}

void dk_conv_plain_forward(layer *l, network *net)
{
    const product d = product_of(l);
    const bool winograd = dk_winograd_takes(l);
    const bool depthwise = !winograd && dk_depthwise_takes(l);
    float *to = fused_norm(l) ? dk_norm_input(l) : l->output;
    if (winograd) dk_winograd_forward(l, net->input, to);
    if (depthwise) dk_depthwise_forward(l, net->input, to);
    const int images = winograd || depthwise ? 0 : l->batch * l->groups, threads = image_threads(l);
#pragma omp parallel for num_threads(threads) schedule(static) if (threads > 1)
    for (int i = 0; i < images; i++) {
        float *col = columns(l, &d, net->input + (size_t)i * d.in);
        float *w = l->weights + (size_t)(i % l->groups) * d.weights;
        gemm(0, 0, d.m, d.pixels, d.k, 1, w, d.k, col, d.pixels, 0, to + (size_t)i * d.out, d.pixels);
    }
    if (fused_norm(l)) {
        dk_norm_forward(l, net, to, l->activation);
        return;
    }
    if (l->batch_normalize)
        forward_batchnorm_layer(*l, *net);
    else
        add_bias(l->output, l->biases, l->batch, l->n, d.pixels);
    float *before = l->batch_normalize ? NULL : dk_before(l);
    if (before != NULL) memcpy(before, l->output, (size_t)(l->outputs * l->batch) * sizeof *before);
    activate_array(l->output, l->outputs * l->batch, l->activation);
}

void dk_conv_plain_gradient(layer *l, network *net)
{
    const size_t n = (size_t)l->outputs * (size_t)l->batch;
    if (!dk_needs_before(l->activation))
        gradient_array(l->output, (int)n, l->activation, l->delta);
    else if (l->batch_normalize)
        dk_norm_gradient_after(l, net);
    else
        dk_gradient_before(dk_before(l), n, l->activation, l->delta);
}

/* Of an image and group, by its matrix. */
static void backward_columns(layer *l, network *net, const product *d)
{
    for (int i = 0; i < l->batch * l->groups; i++) {
        float *delta = l->delta + (size_t)i * d->out;
        float *w = l->weights + (size_t)(i % l->groups) * d->weights;
        float *dw = l->weight_updates + (size_t)(i % l->groups) * d->weights;
        float *col = columns(l, d, net->input + (size_t)i * d->in);
        gemm(0, 1, d->m, d->k, d->pixels, 1, delta, d->pixels, col, d->pixels, 1, dw, d->k);
        if (net->delta == NULL) continue;
        float *to = net->delta + (size_t)i * d->in;
        if (d->direct) {
            gemm(1, 0, d->k, d->pixels, d->m, 1, w, d->k, delta, d->pixels, 1, to, d->pixels);
        } else {
            gemm(1, 0, d->k, d->pixels, d->m, 1, w, d->k, delta, d->pixels, 0, col, d->pixels);
            dk_col2im(l, col, to);
        }
    }
}

/* The images' gradients of the weights are added one after the other, whoever computes them. */
static void backward_product(layer *l, network *net, const product *d)
{
    const int threads = image_threads(l);
    if (dk_dots_takes(d->m, d->k, d->pixels))
        dk_dots_add(&(dk_dots){l->batch, d->m, d->k, d->pixels, l->delta, net->input}, l->weight_updates);
    else
        for (int i = 0; i < l->batch; i++)
            gemm(0, 1, d->m, d->k, d->pixels, 1, l->delta + (size_t)i * d->out, d->pixels,
                 net->input + (size_t)i * d->in, d->pixels, 1, l->weight_updates, d->k);
    if (net->delta == NULL) return;
#pragma omp parallel for num_threads(threads) schedule(static) if (threads > 1)
    for (int i = 0; i < l->batch; i++)
        gemm(1, 0, d->k, d->pixels, d->m, 1, l->weights, d->k, l->delta + (size_t)i * d->out, d->pixels, 1,
             net->delta + (size_t)i * d->in, d->pixels);
}

void dk_conv_plain_backward(layer *l, network *net)
{
    const product d = product_of(l);
    if (fused_norm(l)) {
        dk_norm_backward_plain(l, net, l->activation);
    } else {
        dk_conv_plain_gradient(l, net);
        if (l->batch_normalize)
            backward_batchnorm_layer(*l, *net);
        else
            backward_bias(l->bias_updates, l->delta, l->batch, l->n, d.pixels);
    }
    if (dk_winograd_takes(l)) {
        dk_winograd_backward(l, net->input, l->delta, net->delta);
        return;
    }
    if (dk_depthwise_takes(l)) {
        dk_depthwise_backward(l, net->input, l->delta, net->delta);
        return;
    }
    if (dk_product_takes(l))
        backward_product(l, net, &d);
    else
        backward_columns(l, net, &d);
}
