/* join.c - layers that join others: shortcut and upsample (route works through copy_cpu and axpy_cpu), and
 * the activation layer's gradient. Each plane is independent: planes are split over threads. */
#include "kernels/isa.h"
#include "kernels/kernels.h"
#include "kernels/layers.h"
#include "kernels/ranges.h"
#include "kernels/stock.h"
#include "kernels/vector.h"

#include <stdbool.h>

DK_STOCK_SLOT(forward_shortcut_layer);
DK_STOCK_SLOT(backward_shortcut_layer);
DK_STOCK_SLOT(backward_activation_layer);
DK_STOCK_SLOT(upsample_cpu);

/* out = activation(alpha * a + beta * b), where both have the output's shape. */
DK_CLONES static void join_range(const float *a, const float *b, float alpha, float beta, size_t n,
                                 ACTIVATION act, float *out)
{
    const float slope = act == LEAKY ? .1f : act == RELU ? 0 : 1;
    for (size_t i = 0; i < n; i++) {
        const float y = alpha * a[i] + beta * b[i];
        out[i] = y > 0 ? y : slope * y;
    }
}

/* d = delta * activation'(output) is left in delta and added to both inputs' gradients. */
DK_CLONES static void split_range(float *delta, const float *output, float alpha, float beta, size_t n,
                                  ACTIVATION act, float *da, float *db)
{
    const float slope = act == LEAKY ? .1f : act == RELU ? 0 : 1;
    for (size_t i = 0; i < n; i++) {
        const float d = output[i] > 0 ? delta[i] : slope * delta[i];
        delta[i] = d;
        da[i] += alpha * d;
        db[i] += beta * d;
    }
}

static bool same_shape(const layer *l)
{
    return l->w == l->out_w && l->h == l->out_h && l->c == l->out_c &&
           (l->activation == LINEAR || l->activation == LEAKY || l->activation == RELU);
}

DK_EXPORT void forward_shortcut_layer(const layer l, network net)
{
    if (!dk_kernels_fast() || !same_shape(&l)) {
        DK_STOCK(forward_shortcut_layer)(l, net);
        return;
    }
    const float *from = net.layers[l.index].output;
    DK_RANGES((size_t)l.outputs * (size_t)l.batch, lo, hi,
              join_range(net.input + lo, from + lo, l.alpha, l.beta, hi - lo, l.activation, l.output + lo));
}

DK_EXPORT void backward_shortcut_layer(const layer l, network net)
{
    float *to = net.layers[l.index].delta;
    if (!dk_kernels_fast() || !same_shape(&l) || net.delta == NULL || to == NULL || to == net.delta) {
        DK_STOCK(backward_shortcut_layer)(l, net);
        return;
    }
    DK_RANGES((size_t)l.outputs * (size_t)l.batch, lo, hi,
              split_range(l.delta + lo, l.output + lo, l.alpha, l.beta, hi - lo, l.activation, net.delta + lo,
                          to + lo));
}

/* The library overwrites net.delta here; what a later shortcut or route has added must stay. */
DK_EXPORT void backward_activation_layer(layer l, network net)
{
    if (!dk_kernels_fast()) {
        DK_STOCK(backward_activation_layer)(l, net);
        return;
    }
    gradient_array(l.output, l.outputs * l.batch, l.activation, l.delta);
    if (net.delta != NULL) dk_add((size_t)l.outputs * (size_t)l.batch, l.delta, net.delta);
}

DK_CLONES static void upsample_plane(float *in, int w, int h, int stride, int forward, float scale,
                                     float *out)
{
    for (int y = 0; y < h * stride; y++) {
        float *small = in + (y / stride) * w, *large = out + y * w * stride;
        for (int x = 0; x < w; x++)
            for (int k = 0; k < stride; k++) {
                if (forward)
                    large[x * stride + k] = scale * small[x];
                else
                    small[x] += scale * large[x * stride + k];
            }
    }
}

DK_EXPORT void upsample_cpu(float *in, int w, int h, int c, int batch, int stride, int forward, float scale,
                            float *out)
{
    if (!dk_kernels_fast()) {
        DK_STOCK(upsample_cpu)(in, w, h, c, batch, stride, forward, scale, out);
        return;
    }
    const size_t small = (size_t)w * (size_t)h, large = small * (size_t)stride * (size_t)stride;
#pragma omp parallel for schedule(static)
    for (int plane = 0; plane < c * batch; plane++)
        upsample_plane(in + (size_t)plane * small, w, h, stride, forward, scale, out + (size_t)plane * large);
}
