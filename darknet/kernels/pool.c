/* pool.c - max and average pooling.
 *
 * DESIGN
 *   Planes (one channel of one image) are independent: they are split over threads. Max pooling notes, as the
 * library does, the index of each maximum (the first of equals; -1 where a window lies outside or holds only
 * NaN); backward follows it. Windows of 2x2 without padding, which nearly every network uses, have loops of
 * their own: both ways with stride 2, forward with stride 1. Larger windows of stride 1 (spatial pyramids) take
 * the maxima of rows first and then of those, which finds the same first of equals. */
#include "kernels/extra.h"
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

/* Windows of 2x2 that lie wholly inside, `step` apart: n outputs of a row from the rows a and b of the input.
 * base: index of a's start. */
DK_INLINE void max_pairs(const float *a, const float *b, int step, int n, int base, int width, float *out,
                         int *index)
{
    for (int j = 0; j < n; j++) {
        const int k = step * j;
        const float v0 = a[k], v1 = a[k + 1], v2 = b[k], v3 = b[k + 1];
        float max = -FLT_MAX;
        int at = -1;
        at = v0 > max ? base + k : at;
        max = v0 > max ? v0 : max;
        at = v1 > max ? base + k + 1 : at;
        max = v1 > max ? v1 : max;
        at = v2 > max ? base + width + k : at;
        max = v2 > max ? v2 : max;
        at = v3 > max ? base + width + k + 1 : at;
        max = v3 > max ? v3 : max;
        out[j] = max;
        index[j] = at;
    }
}

DK_CLONES static void max_row_2x2(const float *a, const float *b, int n, int base, int width, float *out,
                                  int *index)
{
    max_pairs(a, b, 2, n, base, width, out, index);
}

DK_CLONES static void max_row_2x2_dense(const float *a, const float *b, int n, int base, int width,
                                        float *out, int *index)
{
    max_pairs(a, b, 1, n, base, width, out, index);
}

/* The gradient's way back through max_row_2x2: each input belongs to one window. */
DK_CLONES static void spread_row_2x2(const float *delta, const int *index, int n, int base, int width,
                                     float *restrict a, float *restrict b)
{
    for (int j = 0; j < n; j++) {
        const int at = index[j] - base - 2 * j;
        const float d = delta[j];
        a[2 * j] += at == 0 ? d : 0;
        a[2 * j + 1] += at == 1 ? d : 0;
        b[2 * j] += at == width ? d : 0;
        b[2 * j + 1] += at == width + 1 ? d : 0;
    }
}

static bool is_square(const layer *l)
{
    return dk_stride_x(l) == l->stride && dk_stride_y(l) == l->stride;
}

static void max_row(const layer *l, const float *plane, int base, int i, int from, int to, float *out,
                    int *index)
{
    const int across = dk_stride_x(l), top = i * dk_stride_y(l) - l->pad / 2;
    for (int j = from; j < to; j++) {
        const int left = j * across - l->pad / 2;
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

/* The largest window that max_strip takes. */
enum { STRIP_ROWS = 32 };

typedef int at_v16 __attribute__((vector_size(64)));
typedef struct maxima {
    dk_v16 value;
    at_v16 at;
} maxima;

DK_INLINE void keep_larger(maxima *m, const maxima *other)
{
    const at_v16 larger = other->value > m->value;
    m->value = (dk_v16)(((at_v16)other->value & larger) | ((at_v16)m->value & ~larger));
    m->at = (other->at & larger) | (m->at & ~larger);
}

/* Maxima of the 16 runs of l->size pixels of a row that begin at `left`, left + 1, ... base: the row's index. */
DK_INLINE void max_runs(const layer *l, const float *row, int base, int left, maxima *m)
{
    float run[16 + STRIP_ROWS];
    for (int k = 0; k < 16 + l->size; k++)
        run[k] = left + k >= 0 && left + k < l->w ? row[left + k] : -FLT_MAX;
    const at_v16 lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    for (int k = 0; k < l->size; k++) {
        const maxima other = {*(const dk_v16 *)(run + k), lane + (base + left + k)};
        keep_larger(m, &other);
    }
}

/* Columns from to from + n (at most 16) of a plane's output, windows of stride 1. */
DK_CLONES static void max_strip(const layer *l, const float *plane, int base, int from, int n, float *out,
                                int *index)
{
    const maxima none = {(dk_v16){0} - FLT_MAX, (at_v16){0} - 1};
    maxima rows[STRIP_ROWS]; /* of the input, in turn */
    for (int i = 0, made = 0; i < l->out_h; i++) {
        const int top = i - l->pad / 2, end = top + l->size < l->h ? top + l->size : l->h;
        for (; made < end; made++) {
            rows[made % STRIP_ROWS] = none;
            max_runs(l, plane + made * l->w, base + made * l->w, from - l->pad / 2, &rows[made % STRIP_ROWS]);
        }
        maxima m = none;
        for (int y = top < 0 ? 0 : top; y < end; y++)
            keep_larger(&m, &rows[y % STRIP_ROWS]);
        memcpy(out + i * l->out_w + from, &m.value, (size_t)n * sizeof *out);
        memcpy(index + i * l->out_w + from, &m.at, (size_t)n * sizeof *index);
    }
}

static void max_plane(const layer *l, const float *input, int plane)
{
    const int base = plane * l->h * l->w;
    const bool pairs = l->size == 2 && l->pad / 2 == 0 && is_square(l);
    if (!pairs && l->stride == 1 && is_square(l) && l->size <= STRIP_ROWS) {
        const size_t at = (size_t)(plane * l->out_h) * (size_t)l->out_w;
        for (int from = 0; from < l->out_w; from += 16)
            max_strip(l, input + base, base, from, l->out_w - from < 16 ? l->out_w - from : 16,
                      l->output + at, l->indexes + at);
        return;
    }
    for (int i = 0; i < l->out_h; i++) {
        float *out = l->output + (size_t)(plane * l->out_h + i) * (size_t)l->out_w;
        int *index = l->indexes + (size_t)(plane * l->out_h + i) * (size_t)l->out_w;
        int done = 0;
        const float *row = input + base + (size_t)(l->stride * i * l->w);
        if (pairs && l->stride == 2 && 2 * i + 1 < l->h) {
            done = l->w / 2 < l->out_w ? l->w / 2 : l->out_w;
            max_row_2x2(row, row + l->w, done, base + 2 * i * l->w, l->w, out, index);
        } else if (pairs && l->stride == 1 && i + 1 < l->h) {
            done = l->w - 1 < l->out_w ? l->w - 1 : l->out_w;
            max_row_2x2_dense(row, row + l->w, done, base + i * l->w, l->w, out, index);
        }
        max_row(l, input + base, base, i, done, l->out_w, out, index);
    }
}

/* delta += the plane's gradient, at the maxima. */
static void spread_plane(const layer *l, int plane, float *delta)
{
    const bool pairs = l->size == 2 && l->stride == 2 && l->pad / 2 == 0 && is_square(l) &&
                       l->out_w >= 64; /* measured: short rows are quicker one by one */
    for (int i = 0; i < l->out_h; i++) {
        const size_t at = (size_t)(plane * l->out_h + i) * (size_t)l->out_w;
        const float *from = l->delta + at;
        const int *index = l->indexes + at;
        int done = 0;
        if (pairs && 2 * i + 1 < l->h) {
            const int base = (plane * l->h + 2 * i) * l->w;
            done = l->w / 2 < l->out_w ? l->w / 2 : l->out_w;
            spread_row_2x2(from, index, done, base, l->w, delta + base, delta + base + l->w);
        }
        for (int j = done; j < l->out_w; j++)
            if (index[j] >= 0) delta[index[j]] += from[j];
    }
}

DK_EXPORT void forward_maxpool_layer(const layer l, network net)
{
    if (!dk_kernels_fast() && is_square(&l)) {
        DK_STOCK(forward_maxpool_layer)(l, net);
        return;
    }
#pragma omp parallel for schedule(static)
    for (int plane = 0; plane < l.batch * l.c; plane++)
        max_plane(&l, net.input, plane);
}

DK_EXPORT void backward_maxpool_layer(const layer l, network net)
{
    if (!dk_kernels_fast() && is_square(&l)) {
        DK_STOCK(backward_maxpool_layer)(l, net);
        return;
    }
    if (net.delta == NULL) return;
#pragma omp parallel for schedule(static)
    for (int plane = 0; plane < l.batch * l.c; plane++)
        spread_plane(&l, plane, net.delta);
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
