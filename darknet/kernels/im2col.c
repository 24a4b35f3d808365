/* im2col.c - a convolution's input as a matrix and back, row by row: whole runs of a row are copied or added,
 * the padding is found once per row instead of once per pixel. Used by conv_plain.c. */
#include "kernels/im2col.h"

#include "kernels/extra.h"
#include "kernels/isa.h"
#include "kernels/kernels.h"
#include "kernels/stock.h"

#include <string.h>

DK_STOCK_SLOT(im2col_cpu);
DK_STOCK_SLOT(col2im_cpu);

typedef struct shape {
    int height, width, ksize, across, down; /* across, down: steps */
    int apart;                              /* pixels between neighbours in the filter */
    int pad, out_h, out_w;
} shape;

/* The outputs [*from, *to) of a row whose input column, out * across + offset, lies in [0, width). */
static void inside(const shape *s, int offset, int *from, int *to)
{
    *from = offset < 0 ? (-offset + s->across - 1) / s->across : 0;
    *to = offset >= s->width ? 0 : (s->width - 1 - offset) / s->across + 1;
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
    if (s->across == 1 && s->down == 1 && s->out_h == s->height && s->out_w == s->width) {
        for (int kh = 0; kh < s->ksize; kh++)
            for (int kw = 0; kw < s->ksize; kw++, col += s->height * s->width)
                moved_image(s, kh * s->apart - s->pad, kw * s->apart - s->pad, im, col);
        return;
    }
    for (int kh = 0; kh < s->ksize; kh++)
        for (int kw = 0; kw < s->ksize; kw++) {
            int from, to;
            inside(s, kw * s->apart - s->pad, &from, &to);
            for (int h = 0; h < s->out_h; h++, col += s->out_w) {
                const int row = h * s->down + kh * s->apart - s->pad;
                if (row < 0 || row >= s->height) {
                    memset(col, 0, (size_t)s->out_w * sizeof *col);
                    continue;
                }
                const float *in = im + (ptrdiff_t)row * s->width + kw * s->apart - s->pad;
                memset(col, 0, (size_t)from * sizeof *col);
                if (s->across == 1)
                    memcpy(col + from, in + from, (size_t)(to - from) * sizeof *col);
                else
                    for (int w = from; w < to; w++)
                        col[w] = in[(ptrdiff_t)w * s->across];
                memset(col + to, 0, (size_t)(s->out_w - to) * sizeof *col);
            }
        }
}

DK_CLONES static void col_to_channel(const shape *s, const float *col, float *im)
{
    for (int kh = 0; kh < s->ksize; kh++)
        for (int kw = 0; kw < s->ksize; kw++) {
            int from, to;
            inside(s, kw * s->apart - s->pad, &from, &to);
            for (int h = 0; h < s->out_h; h++, col += s->out_w) {
                const int row = h * s->down + kh * s->apart - s->pad;
                if (row < 0 || row >= s->height) continue;
                float *out = im + (ptrdiff_t)row * s->width + kw * s->apart - s->pad;
                if (s->across == 1)
                    for (int w = from; w < to; w++)
                        out[w] += col[w];
                else
                    for (int w = from; w < to; w++)
                        out[(ptrdiff_t)w * s->across] += col[w];
            }
        }
}

static shape shape_of(int height, int width, int ksize, int stride, int pad)
{
    return (shape){.height = height,
                   .width = width,
                   .ksize = ksize,
                   .across = stride,
                   .down = stride,
                   .apart = 1,
                   .pad = pad,
                   .out_h = (height + 2 * pad - ksize) / stride + 1,
                   .out_w = (width + 2 * pad - ksize) / stride + 1};
}

static shape shape_of_layer(const layer *l)
{
    return (shape){.height = l->h,
                   .width = l->w,
                   .ksize = l->size,
                   .across = dk_stride_x(l),
                   .down = dk_stride_y(l),
                   .apart = dk_dilation(l),
                   .pad = l->pad * dk_dilation(l),
                   .out_h = l->out_h,
                   .out_w = l->out_w};
}

static void to_cols(const shape *s, int channels, float *image, float *col)
{
    const size_t cols = (size_t)s->ksize * (size_t)s->ksize * (size_t)s->out_h * (size_t)s->out_w;
#pragma omp parallel for schedule(static) if (channels > 1)
    for (int c = 0; c < channels; c++)
        channel_to_col(s, image + (size_t)c * (size_t)(s->height * s->width), col + (size_t)c * cols);
}

static void from_cols(const shape *s, int channels, float *col, float *image)
{
    const size_t cols = (size_t)s->ksize * (size_t)s->ksize * (size_t)s->out_h * (size_t)s->out_w;
#pragma omp parallel for schedule(static) if (channels > 1)
    for (int c = 0; c < channels; c++)
        col_to_channel(s, col + (size_t)c * cols, image + (size_t)c * (size_t)(s->height * s->width));
}

void dk_im2col(const layer *l, float *image, float *col)
{
    const shape s = shape_of_layer(l);
    to_cols(&s, l->c / l->groups, image, col);
}

void dk_col2im(const layer *l, float *col, float *image)
{
    const shape s = shape_of_layer(l);
    from_cols(&s, l->c / l->groups, col, image);
}

DK_EXPORT void im2col_cpu(float *data_im, int channels, int height, int width, int ksize, int stride, int pad,
                          float *data_col)
{
    if (!dk_kernels_fast()) {
        DK_STOCK(im2col_cpu)(data_im, channels, height, width, ksize, stride, pad, data_col);
        return;
    }
    const shape s = shape_of(height, width, ksize, stride, pad);
    to_cols(&s, channels, data_im, data_col);
}

DK_EXPORT void col2im_cpu(float *data_col, int channels, int height, int width, int ksize, int stride,
                          int pad, float *data_im)
{
    if (!dk_kernels_fast()) {
        DK_STOCK(col2im_cpu)(data_col, channels, height, width, ksize, stride, pad, data_im);
        return;
    }
    const shape s = shape_of(height, width, ksize, stride, pad);
    from_cols(&s, channels, data_col, data_im);
}
