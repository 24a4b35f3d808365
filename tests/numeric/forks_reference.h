/* forks_reference.h - layers and activations that only the darknet forks have: a network's forward pass in double. */
#ifndef DK_FORKS_REFERENCE_H
#define DK_FORKS_REFERENCE_H

#include "kernel_test.h"

#include "kernels/activation.h"
#include "kernels/extra.h"
#include "kernels/joined.h"
#include "layers/blur.h"
#include "layers/extra.h"

typedef struct reference {
    const network *net;
    double *out[16];         /* per layer, [batch][outputs] */
    const float *tensor;     /* what is moved, */
    const double *direction; /* by step times this */
    double step;
} reference;

/* Element i of a tensor, moved if it is the one. */
static double value(const reference *r, const float *tensor, int i)
{
    return (double)tensor[i] + (tensor == r->tensor ? r->step * r->direction[i] : 0);
}

static double softplus(double x)
{
    return x > 30 ? x : log1p(exp(x));
}

static double activated(double x, ACTIVATION a)
{
    switch ((int)a) {
    case DK_MISH:
        return x * tanh(softplus(x));
    case DK_SWISH:
        return x / (1 + exp(-x));
    case DK_HARD_MISH:
        return x > 0 ? x : x > -2 ? x * x / 2 + x : 0;
    case DK_RELU6:
        return x < 0 ? 0 : x > 6 ? 6 : x;
    case DK_GELU:
        return .5 * x * (1 + tanh(.797885 * x + .035677 * x * x * x));
    case LOGISTIC:
        return 1 / (1 + exp(-x));
    case LEAKY:
        return x > 0 ? x : .1 * x;
    default:
        assert_int_equal(a, LINEAR);
        return x;
    }
}

static void activate_all(const layer *l, double *out)
{
    for (int k = 0; k < l->outputs * l->batch; k++)
        out[k] = activated(out[k], l->activation);
}

/* One output value of a convolution with groups, steps and dilation. */
static double convolved(const reference *r, const layer *l, const double *in, int b, int f, int y, int x)
{
    const int channels = l->c / l->groups, apart = dk_dilation(l);
    double sum = 0;
    for (int c = 0; c < channels; c++)
        for (int e = 0; e < l->size * l->size; e++) {
            const int row = y * dk_stride_y(l) + (e / l->size - l->pad) * apart;
            const int column = x * dk_stride_x(l) + (e % l->size - l->pad) * apart;
            const int from = b * l->c + f / (l->n / l->groups) * channels + c;
            if (row >= 0 && column >= 0 && row < l->h && column < l->w)
                sum += value(r, l->weights, (f * channels + c) * l->size * l->size + e) *
                       in[(from * l->h + row) * l->w + column];
        }
    return sum;
}

static void normalize(const reference *r, const layer *l, double *out)
{
    const int plane = l->out_w * l->out_h, count = plane * l->batch;
    for (int f = 0; f < l->out_c; f++) {
        double mean = 0, variance = 0;
        for (int k = 0; k < count; k++)
            mean += out[(k / plane * l->out_c + f) * plane + k % plane] / count;
        for (int k = 0; k < count; k++)
            variance += pow(out[(k / plane * l->out_c + f) * plane + k % plane] - mean, 2) / (count - 1);
        for (int k = 0; k < count; k++) {
            double *x = &out[(k / plane * l->out_c + f) * plane + k % plane];
            if (l->batch_normalize) *x = (*x - mean) / sqrt(variance + 1e-5) * value(r, l->scales, f);
            *x += value(r, l->biases, f);
        }
    }
}

static void run_convolution(const reference *r, const layer *l, const double *in, double *out)
{
    const int plane = l->out_w * l->out_h;
    for (int k = 0; k < l->batch * l->n * plane; k++)
        out[k] = convolved(r, l, in, k / plane / l->n, k / plane % l->n, k % plane / l->out_w, k % l->out_w);
    normalize(r, l, out);
}

static void run_maxpool(const layer *l, const double *in, double *out)
{
    const int plane = l->out_w * l->out_h;
    for (int k = 0; k < l->batch * l->c * plane; k++) {
        out[k] = -INFINITY;
        for (int e = 0; e < l->size * l->size; e++) {
            const int row = k % plane / l->out_w * l->stride + e / l->size - l->pad / 2;
            const int column = k % l->out_w * l->stride + e % l->size - l->pad / 2;
            if (row >= 0 && column >= 0 && row < l->h && column < l->w)
                out[k] = fmax(out[k], in[(k / plane * l->h + row) * l->w + column]);
        }
    }
}

/* As it would be without the blur, activated; then the blur. */
static void run_blurred(const reference *r, const layer *l, int across, int down, const double *in,
                        double *out)
{
    const layer inner = dk_blur_inner(l);
    const int before = inner.out_w * inner.out_h, plane = l->out_w * l->out_h;
    const int pad = dk_blur_weight(l, 2, 2) > 0; /* of 3x3 */
    double *sharp = malloc((size_t)(inner.outputs * inner.batch) * sizeof *sharp);
    assert_non_null(sharp);
    if (l->type == MAXPOOL) {
        run_maxpool(&inner, in, sharp);
    } else {
        run_convolution(r, &inner, in, sharp);
        activate_all(&inner, sharp);
    }
    for (int k = 0; k < l->batch * l->outputs; k++) {
        out[k] = 0;
        for (int e = 0; e < 9; e++) {
            const int row = k % plane / l->out_w * down + e / 3 - pad,
                      column = k % l->out_w * across + e % 3 - pad;
            if (row >= 0 && column >= 0 && row < inner.out_h && column < inner.out_w)
                out[k] += (double)dk_blur_weight(l, e / 3, e % 3) *
                          sharp[k / plane * before + row * inner.out_w + column];
        }
    }
    free(sharp);
}

/* What input i of a shortcut weighs at a channel. */
static double share(const reference *r, const layer *l, int i, int channel)
{
    const dk_join *j = dk_extra_of(l)->own;
    if (j->steps == 0) return 1;
    const int at = j->steps > 1 ? channel : 0;
    double sum = 0, own = 0, most = -1e30;
    if (j->norm == DK_JOIN_PLAIN) return value(r, l->weights, i * j->steps + at);
    for (int k = 0; k <= l->n; k++)
        most = fmax(most, value(r, l->weights, k * j->steps + at));
    for (int k = 0; k <= l->n; k++) {
        const double w = value(r, l->weights, k * j->steps + at);
        const double part = j->norm == DK_JOIN_RELU ? fmax(w, 0) : exp(w - most);
        if (k == i) own = part;
        sum += part;
    }
    return own / (sum + .0001);
}

static void run_shortcut(const reference *r, const layer *l, const double *in, double *out)
{
    const int plane = l->out_w * l->out_h;
    for (int k = 0; k < l->batch * l->outputs; k++) {
        const int b = k / l->outputs, c = k / plane % l->out_c;
        out[k] = share(r, l, 0, c) * in[k];
        for (int i = 1; i <= l->n; i++) {
            const int from = l->input_layers[i - 1], channels = r->net->layers[from].out_c;
            if (c < channels)
                out[k] += share(r, l, i, c) * r->out[from][(b * channels + c) * plane + k % plane];
        }
    }
}

static void run_route(const reference *r, const layer *l, double *out)
{
    for (int b = 0, at = 0; b < l->batch; b++)
        for (int i = 0; i < l->n; i++) {
            const int n = l->input_sizes[i] / l->groups;
            memcpy(out + at, r->out[l->input_layers[i]] + b * l->input_sizes[i] + l->extra * n,
                   (size_t)n * sizeof *out);
            at += n;
        }
}

static void run_other(const reference *r, const layer *l, const double *in, double *out)
{
    const int plane = l->out_w * l->out_h;
    for (int k = 0; k < l->batch * l->outputs; k++) {
        const int b = k / l->outputs;
        if (l->type == AVGPOOL) {
            out[k] = 0;
            for (int p = 0; p < l->w * l->h; p++)
                out[k] += in[k * l->w * l->h + p] / (l->w * l->h);
        } else if ((int)l->type == DK_SAM) {
            out[k] = in[k] * r->out[l->index][k];
        } else {
            assert_int_equal(l->type, DK_SCALE_CHANNELS);
            const bool pixels = l->c == 1;
            out[k] = r->out[l->index][k] * in[pixels ? b * plane + k % plane : k / plane];
        }
    }
}

/* Sum over the last layer of weight times output; outputs of all layers to r->out. */
static double objective(reference *r, const float *weight)
{
    const network *net = r->net;
    double *input = malloc((size_t)(net->inputs * net->batch) * sizeof *input), sum = 0;
    assert_non_null(input);
    for (int k = 0; k < net->inputs * net->batch; k++)
        input[k] = (double)net->input[k];
    for (int i = 0; i < net->n; i++) {
        const layer *l = &net->layers[i];
        const double *in = i > 0 ? r->out[i - 1] : input;
        if (dk_is_blurred(l))
            run_blurred(r, l, 2, l->out_h == dk_blur_inner(l).out_h ? 1 : 2, in, r->out[i]);
        else if (l->type == CONVOLUTIONAL)
            run_convolution(r, l, in, r->out[i]);
        else if (l->type == SHORTCUT)
            run_shortcut(r, l, in, r->out[i]);
        else if (l->type == ROUTE)
            run_route(r, l, r->out[i]);
        else
            run_other(r, l, in, r->out[i]);
        if (l->type != ROUTE && l->type != AVGPOOL && !dk_is_blurred(l)) activate_all(l, r->out[i]);
    }
    const layer *last = &net->layers[net->n - 1];
    for (int k = 0; k < last->outputs * last->batch; k++)
        sum += (double)weight[k] * r->out[net->n - 1][k];
    free(input);
    return sum;
}

#endif
