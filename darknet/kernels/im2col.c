/* im2col.c - a convolution's input as a matrix and back, row by row: whole runs of a row are copied or added,
 * the padding is found once per row instead of once per pixel. Used by conv_plain.c. */
#include "kernels/im2col.h"

#include "kernels/isa.h"
#include "kernels/kernels.h"
#include "kernels/stock.h"

#include <string.h>

DK_STOCK_SLOT(im2col_cpu);
DK_STOCK_SLOT(col2im_cpu);

typedef struct shape {
    int height, width, ksize, stride, pad, out_h, out_w;
} shape;

/* The outputs [*from, *to) of a row whose input column, out * stride + offset, lies in [0, width). */
static void inside(const shape *s, int offset, int *from, int *to)
{
    *from = offset < 0 ? (-offset + s->stride - 1) / s->stride : 0;
    *to = offset >= s->width ? 0 : (s->width - 1 - offset) / s->stride + 1;
    if (*to > s->out_w) *to = s->out_w;
    if (*from > *to) *from = *to;
}

/* Filters that keep the size: each row of the matrix is the whole image, moved by (down, right), with zeros
 * where that leaves it. One copy instead of one per image row. */
DK_CLONES static void moved_image(const shape *s, int down, int right, const float *im, float *col)
{
    const int n = s->height * s->width, move = down * s->width + right;
    const int from = move < 0 ? -move : 0, to = move > 0 ? n - move : n;
    if (from >= to) {
        memset(col, 0, (size_t)n * sizeof *col);
        return;
    }
    memset(col, 0, (size_t)from * sizeof *col);
    memcpy(col + from, im + from + move, (size_t)(to - from) * sizeof *col);
    memset(col + to, 0, (size_t)(n - to) * sizeof *col);
    /* columns that came from the row before or after */
    const int aside = right < 0 ? -right : right, width = s->width;
    for (int w = 0; w < aside && w < width; w++)
        for (int i = right < 0 ? w : width - 1 - w; i < n; i += width)
            col[i] = 0;
}

DK_CLONES static void channel_to_col(const shape *s, const float *im, float *col)
{
    if (s->stride == 1 && s->out_h == s->height && s->out_w == s->width) {
        for (int kh = 0; kh < s->ksize; kh++)
            for (int kw = 0; kw < s->ksize; kw++, col += s->height * s->width)
                moved_image(s, kh - s->pad, kw - s->pad, im, col);
        return;
    }
    for (int kh = 0; kh < s->ksize; kh++)
        for (int kw = 0; kw < s->ksize; kw++) {
            int from, to;
            inside(s, kw - s->pad, &from, &to);
            for (int h = 0; h < s->out_h; h++, col += s->out_w) {
                const int row = h * s->stride + kh - s->pad;
                if (row < 0 || row >= s->height) {
                    memset(col, 0, (size_t)s->out_w * sizeof *col);
                    continue;
                }
                const float *in = im + (ptrdiff_t)row * s->width + kw - s->pad;
                memset(col, 0, (size_t)from * sizeof *col);
                if (s->stride == 1)
                    memcpy(col + from, in + from, (size_t)(to - from) * sizeof *col);
                else
                    for (int w = from; w < to; w++)
                        col[w] = in[(ptrdiff_t)w * s->stride];
                memset(col + to, 0, (size_t)(s->out_w - to) * sizeof *col);
            }
        }
}

DK_CLONES static void col_to_channel(const shape *s, const float *col, float *im)
{
    for (int kh = 0; kh < s->ksize; kh++)
        for (int kw = 0; kw < s->ksize; kw++) {
            int from, to;
            inside(s, kw - s->pad, &from, &to);
            for (int h = 0; h < s->out_h; h++, col += s->out_w) {
                const int row = h * s->stride + kh - s->pad;
                if (row < 0 || row >= s->height) continue;
                float *out = im + (ptrdiff_t)row * s->width + kw - s->pad;
                if (s->stride == 1)
                    for (int w = from; w < to; w++)
                        out[w] += col[w];
                else
                    for (int w = from; w < to; w++)
                        out[(ptrdiff_t)w * s->stride] += col[w];
            }
        }
}

static shape shape_of(int height, int width, int ksize, int stride, int pad)
{
    return (shape){.height = height,
                   .width = width,
                   .ksize = ksize,
                   .stride = stride,
                   .pad = pad,
                   .out_h = (height + 2 * pad - ksize) / stride + 1,
                   .out_w = (width + 2 * pad - ksize) / stride + 1};
}

DK_EXPORT void im2col_cpu(float *data_im, int channels, int height, int width, int ksize, int stride, int pad,
                          float *data_col)
{
    if (!dk_kernels_fast()) {
        DK_STOCK(im2col_cpu)(data_im, channels, height, width, ksize, stride, pad, data_col);
        return;
    }
    const shape s = shape_of(height, width, ksize, stride, pad);
    const size_t cols = (size_t)ksize * (size_t)ksize * (size_t)s.out_h * (size_t)s.out_w;
#pragma omp parallel for schedule(static) if (channels > 1)
    for (int c = 0; c < channels; c++)
        channel_to_col(&s, data_im + (size_t)c * (size_t)(height * width), data_col + (size_t)c * cols);
}

DK_EXPORT void col2im_cpu(float *data_col, int channels, int height, int width, int ksize, int stride,
                          int pad, float *data_im)
{
    if (!dk_kernels_fast()) {
        DK_STOCK(col2im_cpu)(data_col, channels, height, width, ksize, stride, pad, data_im);
        return;
    }
    const shape s = shape_of(height, width, ksize, stride, pad);
    const size_t cols = (size_t)ksize * (size_t)ksize * (size_t)s.out_h * (size_t)s.out_w;
#pragma omp parallel for schedule(static) if (channels > 1)
    for (int c = 0; c < channels; c++)
        col_to_channel(&s, data_col + (size_t)c * cols, data_im + (size_t)c * (size_t)(height * width));
}
