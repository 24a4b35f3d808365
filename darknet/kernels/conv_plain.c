/* conv_plain.c - convolution on plain arrays: by Winograd's method where winograd.h takes the layer, channel
 * by channel where depthwise.h does, else as
 * a matrix product per image and group. A 1x1 filter without stride or padding multiplies the image itself;
 * every other one goes through im2col's matrix. */
#include "kernels/conv_plain.h"

#include "kernels/activation.h"
#include "kernels/depthwise.h"
#include "kernels/extra.h"
#include "kernels/gemm.h"
#include "kernels/im2col.h"
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

static float *columns(const layer *l, const product *d, float *image)
{
    if (d->direct) return image;
    float *col = dk_scratch(DK_SCRATCH_DATA, (size_t)d->k * (size_t)d->pixels * sizeof *col);
    dk_im2col(l, image, col);
    return col;
}

void dk_conv_plain_forward(layer *l, network *net)
{
    const product d = product_of(l);
    const bool winograd = dk_winograd_takes(l);
    const bool depthwise = !winograd && dk_depthwise_takes(l);
    if (winograd) dk_winograd_forward(l, net->input, l->output);
    if (depthwise) dk_depthwise_forward(l, net->input, l->output);
    for (int i = 0; i < l->batch * l->groups && !winograd && !depthwise; i++) {
        float *col = columns(l, &d, net->input + (size_t)i * d.in);
        float *w = l->weights + (size_t)(i % l->groups) * d.weights;
        gemm(0, 0, d.m, d.pixels, d.k, 1, w, d.k, col, d.pixels, 0, l->output + (size_t)i * d.out, d.pixels);
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

void dk_conv_plain_backward(layer *l, network *net)
{
    const product d = product_of(l);
    dk_conv_plain_gradient(l, net);
    if (l->batch_normalize)
        backward_batchnorm_layer(*l, *net);
    else
        backward_bias(l->bias_updates, l->delta, l->batch, l->n, d.pixels);
    if (dk_winograd_takes(l)) {
        dk_winograd_backward(l, net->input, l->delta, net->delta);
        return;
    }
    if (dk_depthwise_takes(l)) {
        dk_depthwise_backward(l, net->input, l->delta, net->delta);
        return;
    }
    for (int i = 0; i < l->batch * l->groups; i++) {
        float *delta = l->delta + (size_t)i * d.out;
        float *w = l->weights + (size_t)(i % l->groups) * d.weights;
        float *dw = l->weight_updates + (size_t)(i % l->groups) * d.weights;
        float *col = columns(l, &d, net->input + (size_t)i * d.in);
        gemm(0, 1, d.m, d.k, d.pixels, 1, delta, d.pixels, col, d.pixels, 1, dw, d.k);
        if (net->delta == NULL) continue;
        float *to = net->delta + (size_t)i * d.in;
        if (d.direct) {
            gemm(1, 0, d.k, d.pixels, d.m, 1, w, d.k, delta, d.pixels, 1, to, d.pixels);
        } else {
            gemm(1, 0, d.k, d.pixels, d.m, 1, w, d.k, delta, d.pixels, 0, col, d.pixels);
            dk_col2im(l, col, to);
        }
    }
}
