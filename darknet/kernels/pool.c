/* pool.c - max and average pooling.
 *
 * DESIGN
 *   Planes (one channel of one image) are independent: they are split over threads. Max pooling notes, as the
 * library does, the index of each maximum (the first of equals; -1 where a window lies outside or holds only
 * NaN); backward follows it. The 2x2, stride 2 window without padding, which nearly every network uses, has a
 * loop of its own. */
#include "kernels/isa.h"
#include "kernels/kernels.h"
#include "kernels/layers.h"
#include "kernels/stock.h"
#include "kernels/vector.h"

#include <float.h>
#include <stdbool.h>
#include <string.h>

DK_STOCK_SLOT(forward_maxpool_layer);
DK_STOCK_SLOT(backward_maxpool_layer);
DK_STOCK_SLOT(forward_avgpool_layer);
DK_STOCK_SLOT(backward_avgpool_layer);

/* Windows of 2x2 that lie wholly inside: out row i from input rows 2i and 2i + 1. base: index of the plane's
 * start. */
DK_CLONES static void max_row_2x2(const float *a, const float *b, int n, int base, int width, float *out,
                                  int *index)
{
    for (int j = 0; j < n; j++) {
        const float v0 = a[2 * j], v1 = a[2 * j + 1], v2 = b[2 * j], v3 = b[2 * j + 1];
        float max = -FLT_MAX;
        int at = -1;
        at = v0 > max ? base + 2 * j : at;
        max = v0 > max ? v0 : max;
        at = v1 > max ? base + 2 * j + 1 : at;
        max = v1 > max ? v1 : max;
        at = v2 > max ? base + width + 2 * j : at;
        max = v2 > max ? v2 : max;
        at = v3 > max ? base + width + 2 * j + 1 : at;
        max = v3 > max ? v3 : max;
        out[j] = max;
        index[j] = at;
    }
}

static void max_row(const layer *l, const float *plane, int base, int i, int from, int to, float *out,
                    int *index)
{
    const int top = i * l->stride - l->pad / 2;
    for (int j = from; j < to; j++) {
        const int left = j * l->stride - l->pad / 2;
        float max = -FLT_MAX;
        int at = -1;
        for (int y = top < 0 ? 0 : top; y < top + l->size && y < l->h; y++)
            for (int x = left < 0 ? 0 : left; x < left + l->size && x < l->w; x++)
                if (plane[y * l->w + x] > max) {
                    max = plane[y * l->w + x];
                    at = base + y * l->w + x;
                }
        out[j] = max;
        index[j] = at;
    }
}

static void max_plane(const layer *l, const float *input, int plane)
{
    const int base = plane * l->h * l->w;
    const bool pairs = l->size == 2 && l->stride == 2 && l->pad / 2 == 0;
    for (int i = 0; i < l->out_h; i++) {
        float *out = l->output + (size_t)(plane * l->out_h + i) * (size_t)l->out_w;
        int *index = l->indexes + (size_t)(plane * l->out_h + i) * (size_t)l->out_w;
        int done = 0;
        if (pairs && 2 * i + 1 < l->h) {
            done = l->w / 2 < l->out_w ? l->w / 2 : l->out_w;
            const float *row = input + base + (size_t)(2 * i * l->w);
            max_row_2x2(row, row + l->w, done, base + 2 * i * l->w, l->w, out, index);
        }
        max_row(l, input + base, base, i, done, l->out_w, out, index);
    }
}

DK_EXPORT void forward_maxpool_layer(const layer l, network net)
{
    if (!dk_kernels_fast()) {
        DK_STOCK(forward_maxpool_layer)(l, net);
        return;
    }
#pragma omp parallel for schedule(static)
    for (int plane = 0; plane < l.batch * l.c; plane++)
        max_plane(&l, net.input, plane);
}

DK_EXPORT void backward_maxpool_layer(const layer l, network net)
{
    if (!dk_kernels_fast()) {
        DK_STOCK(backward_maxpool_layer)(l, net);
        return;
    }
    if (net.delta == NULL) return;
    const size_t pixels = (size_t)l.out_h * (size_t)l.out_w;
#pragma omp parallel for schedule(static)
    for (int plane = 0; plane < l.batch * l.c; plane++)
        for (size_t i = (size_t)plane * pixels; i < (size_t)(plane + 1) * pixels; i++)
            if (l.indexes[i] >= 0) net.delta[l.indexes[i]] += l.delta[i];
}

DK_EXPORT void forward_avgpool_layer(const layer l, network net)
{
    if (!dk_kernels_fast()) {
        DK_STOCK(forward_avgpool_layer)(l, net);
        return;
    }
    const size_t pixels = (size_t)l.h * (size_t)l.w;
#pragma omp parallel for schedule(static)
    for (int plane = 0; plane < l.batch * l.c; plane++)
        l.output[plane] = dk_sum(net.input + (size_t)plane * pixels, pixels) / (float)pixels;
}

DK_EXPORT void backward_avgpool_layer(const layer l, network net)
{
    if (!dk_kernels_fast()) {
        DK_STOCK(backward_avgpool_layer)(l, net);
        return;
    }
    if (net.delta == NULL) return;
    const size_t pixels = (size_t)l.h * (size_t)l.w;
#pragma omp parallel for schedule(static)
    for (int plane = 0; plane < l.batch * l.c; plane++) {
        const float share = l.delta[plane] / (float)pixels;
        float *to = net.delta + (size_t)plane * pixels;
        for (size_t i = 0; i < pixels; i++)
            to[i] += share;
    }
}
