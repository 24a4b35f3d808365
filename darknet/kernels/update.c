/* update.c - the library's update of convolutional and connected layers in one pass over memory instead of
 * three: the same operations on each parameter in the same order, so the same bits. (A dynacomm session
 * updates by itself; this serves every other use of update_network.) */
#include "kernels/isa.h"
#include "kernels/layers.h"
#include "kernels/ranges.h"
#include "kernels/stock.h"

DK_STOCK_SLOT(update_convolutional_layer);
DK_STOCK_SLOT(update_connected_layer);

DK_CLONES static void update_range(float decay, float rate, float momentum, float *w, float *dw, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float d = dw[i];
        d += decay * w[i];
        w[i] += rate * d;
        dw[i] = momentum * d;
    }
}

DK_CLONES static void update_bias_range(float rate, float momentum, float *w, float *dw, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        w[i] += rate * dw[i];
        dw[i] *= momentum;
    }
}

static void update(const layer *l, const update_args *a, int n, size_t weights)
{
    const float rate = a->learning_rate * l->learning_rate_scale / (float)a->batch;
    const float decay = -a->decay * (float)a->batch;
    update_bias_range(rate, a->momentum, l->biases, l->bias_updates, (size_t)n);
    if (l->scales != NULL && l->scale_updates != NULL)
        update_bias_range(rate, a->momentum, l->scales, l->scale_updates, (size_t)n);
    DK_RANGES(weights, lo, hi,
              update_range(decay, rate, a->momentum, l->weights + lo, l->weight_updates + lo, hi - lo));
}

DK_EXPORT void update_convolutional_layer(layer l, update_args a)
{
    if (!dk_kernels_fast() || l.binary || l.xnor) {
        DK_STOCK(update_convolutional_layer)(l, a);
        return;
    }
    update(&l, &a, l.n, (size_t)l.nweights);
}

DK_EXPORT void update_connected_layer(layer l, update_args a)
{
    if (!dk_kernels_fast()) {
        DK_STOCK(update_connected_layer)(l, a);
        return;
    }
    update(&l, &a, l.outputs, (size_t)l.inputs * (size_t)l.outputs);
}
