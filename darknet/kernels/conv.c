/* conv.c - convolutional layers, forward and backward.
 *
 * DESIGN
 *   oneDNN convolves in a blocked layout; Darknet's arrays are plain. The way in and out is fused with what
 * has to be done there anyway (batch norm, bias, activation, their gradients, adding to net.delta). A layer
 * with batch norm has two arrays, x and x_norm, that nothing but itself reads. From forward to backward, x
 * holds the convolution's output, blocked. x_norm holds, blocked, a copy of the layer's output until backward
 * if the next layer convolves it (so that it need not be transposed again, twice); then the gradient of x.
 * Whether it is that copy follows from the network's structure alone (copy_kept), so there is no state that
 * could be stale. l.output and net.delta are plain and complete, as the library leaves them.
 *   l.delta is read, not written: nothing reads it after its layer's backward.
 *   Differences from the library, on purpose: the gradient is added to net.delta for 1x1 filters too (a later
 * shortcut or route has already added to it), and 1x1 filters may have stride and padding. Shapes without
 * vector code, those with few pixels and many weights, 3x3 filters of many channels, and the forks' 1x1 filters are
 * computed on plain arrays (conv_plain.c: im2col and gemm, or winograd.c); binary and xnor layers by the library. */
#include "kernels/activation.h"
#include "kernels/blocked.h"
#include "kernels/conv_plain.h"
#include "kernels/conv_plan.h"
#include "kernels/extra.h"
#include "kernels/isa.h"
#include "kernels/kernels.h"
#include "kernels/layers.h"
#include "kernels/norm.h"
#include "kernels/scratch.h"
#include "kernels/stock.h"

#include <string.h>

DK_STOCK_SLOT(forward_convolutional_layer);
DK_STOCK_SLOT(backward_convolutional_layer);

static dk_blocked input_shape(const layer *l, int block)
{
    return (dk_blocked){.batch = l->batch, .channels = l->c, .pixels = l->h * l->w, .block = block};
}

static dk_blocked output_shape(const layer *l, int block)
{
    return (dk_blocked){.batch = l->batch, .channels = l->n, .pixels = l->out_h * l->out_w, .block = block};
}

/* Batch norm on blocked data, in l->x: whole blocks only, x has no room for padding. */
static bool norm_is_blocked(const layer *l, const dk_conv_plan *p)
{
    return l->batch_normalize && l->n % dk_conv_plan_dst_block(p) == 0;
}

static bool is_ours(const layer *l)
{
    return l->type == CONVOLUTIONAL && !l->binary && !l->xnor;
}

/* True if layer i of net leaves a blocked copy of its output in x_norm for layer i + 1. Structure only. */
static bool copy_kept(const network *net, int i)
{
    if (i < 0 || i + 1 >= net->n || !net->train) return false;
    const layer *l = &net->layers[i], *next = l + 1;
    if (dk_is_frozen(l) || dk_is_blurred(l) || dk_is_blurred(next)) return false;
    if (!is_ours(l) || !is_ours(next) || !l->batch_normalize || !dk_fused(l->activation)) return false;
    const dk_conv_plan *p = dk_conv_plan_for(l), *q = dk_conv_plan_for(next);
    return p != NULL && q != NULL && norm_is_blocked(l, p) &&
           dk_conv_plan_src_block(q) == dk_conv_plan_dst_block(p);
}

/* Recurrent layers run convolutions of their own under the outer layer's index. */
static bool is_own_layer(const layer *l, const network *net)
{
    return net->layers != NULL && net->index >= 0 && net->index < net->n &&
           net->layers[net->index].type == CONVOLUTIONAL && net->layers[net->index].output == l->output;
}

/* The layer's input as the plan wants it: net.input itself, the previous layer's copy, or a transposition. */
static const float *input_for(const layer *l, const network *net, const dk_conv_plan *p)
{
    const int block = dk_conv_plan_src_block(p);
    if (block == 0) return net->input;
    if (is_own_layer(l, net) && copy_kept(net, net->index - 1) &&
        net->layers[net->index - 1].output == net->input)
        return net->layers[net->index - 1].x_norm;
    const dk_blocked s = input_shape(l, block);
    float *copy = dk_scratch(DK_SCRATCH_DATA, dk_blocked_floats(&s) * sizeof *copy);
    dk_from_plain(&s, net->input, copy);
    return copy;
}

/* center, gain, bias: f's arrays, zero beyond the layer's channels. */
static dk_affine affine_arrays(const dk_blocked *s, float *at)
{
    const size_t n = dk_blocked_padded(s);
    memset(at, 0, 3 * n * sizeof *at);
    return (dk_affine){.center = at, .gain = at + n, .bias = at + 2 * n};
}

static void forward_planned(layer *l, network *net, const dk_conv_plan *p)
{
    const dk_blocked s = output_shape(l, dk_conv_plan_dst_block(p));
    const bool blocked_norm = norm_is_blocked(l, p);
    float *before = l->batch_normalize ? NULL : dk_before(l);
    const ACTIVATION fused =
        dk_fused(l->activation) && (blocked_norm || !l->batch_normalize) && before == NULL ? l->activation
                                                                                           : LINEAR;
    const float *src = input_for(l, net, p);
    float *dst = blocked_norm ? l->x : dk_scratch(DK_SCRATCH_DELTA, dk_blocked_floats(&s) * sizeof *dst);
    dk_conv_plan_forward(p, src, l->weights, dst);

    const size_t padded = dk_blocked_padded(&s);
    dk_affine f = affine_arrays(&s, dk_scratch(DK_SCRATCH_CHANNELS, 3 * padded * sizeof(float)));
    float *keep = NULL;
    if (blocked_norm) {
        if (net->train) {
            dk_moments(&s, dst, l->mean, l->variance);
            dk_norm_statistics(l, (size_t)s.batch * (size_t)s.pixels);
        }
        dk_norm_affine(l, net->train, &f);
        if (is_own_layer(l, net) && copy_kept(net, net->index)) keep = l->x_norm;
    } else {
        for (int i = 0; i < l->n; i++) {
            f.gain[i] = 1;
            f.bias[i] = l->batch_normalize ? 0 : l->biases[i];
        }
    }
    dk_to_plain(&s, dst, &f, fused, l->output, keep);
    if (l->batch_normalize && !blocked_norm) forward_batchnorm_layer(*l, *net);
    if (before != NULL) memcpy(before, l->output, (size_t)(l->outputs * l->batch) * sizeof *before);
    if (fused != l->activation) activate_array(l->output, l->outputs * l->batch, l->activation);
}

/* Gradient of the convolution's output, blocked, from l->delta; adds to the bias and scale gradients. */
static float *output_gradient(layer *l, network *net, const dk_conv_plan *p)
{
    const dk_blocked s = output_shape(l, dk_conv_plan_dst_block(p));
    ACTIVATION fused = l->activation;
    const bool blocked_norm = norm_is_blocked(l, p);
    if (!dk_fused(fused) || (l->batch_normalize && !blocked_norm)) {
        dk_conv_plain_gradient(l, net);
        fused = LINEAR;
    }
    if (blocked_norm) {
        dk_norm_backward_blocked(l, net, &s, fused, l->x_norm);
        return l->x_norm;
    }
    float *ddst = dk_scratch(DK_SCRATCH_DELTA, dk_blocked_floats(&s) * sizeof *ddst);
    if (l->batch_normalize) {
        backward_batchnorm_layer(*l, *net);
        dk_from_plain(&s, l->delta, ddst);
    } else {
        dk_bias_gradient(&s, l->delta, dk_needs_before(fused) ? dk_before(l) : l->output, fused, ddst,
                         l->bias_updates);
    }
    return ddst;
}

static void backward_planned(layer *l, network *net, const dk_conv_plan *p)
{
    const float *ddst = output_gradient(l, net, p);
    const float *src = input_for(l, net, p);
    dk_conv_plan_backward_weights(p, src, ddst, l->weight_updates);
    if (net->delta == NULL) return;
    const dk_blocked in = input_shape(l, dk_conv_plan_dst_block(p));
    float *dsrc = dk_scratch(DK_SCRATCH_DATA, dk_blocked_floats(&in) * sizeof *dsrc);
    dk_conv_plan_backward_data(p, ddst, l->weights, dsrc);
    dk_add_plain(&in, dsrc, net->delta);
}

DK_EXPORT void forward_convolutional_layer(layer l, network net)
{
    if ((!dk_kernels_fast() && !dk_is_forks(&l)) || l.binary || l.xnor) {
        DK_STOCK(forward_convolutional_layer)(l, net);
        return;
    }
    if (dk_is_frozen(&l)) net.train = 0;
    const dk_conv_plan *p = dk_conv_plan_for(&l);
    if (p != NULL)
        forward_planned(&l, &net, p);
    else
        dk_conv_plain_forward(&l, &net);
}

DK_EXPORT void backward_convolutional_layer(layer l, network net)
{
    if ((!dk_kernels_fast() && !dk_is_forks(&l)) || l.binary || l.xnor) {
        DK_STOCK(backward_convolutional_layer)(l, net);
        return;
    }
    const dk_conv_plan *p = dk_conv_plan_for(&l);
    if (p != NULL)
        backward_planned(&l, &net, p);
    else
        dk_conv_plain_backward(&l, &net);
}
