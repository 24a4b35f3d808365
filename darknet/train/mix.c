/* mix.c - see mix.h. */
#include "train/mix.h"

#include "replace/random.h"
#include "train/picture.h"

#include <string.h>

#define USUAL_BLUR 15

/* A rectangle in pixels. */
typedef struct part {
    int x, y, w, h;
} part;

/* A whole number from least to most. */
static int drawn(int least, int most)
{
    return least + (int)dk_random_below((uint64_t)(most - least) + 1);
}

int dk_mix_draw(const dk_class_mix *mixing)
{
    if (mixing->kind == 0 || dk_random_below(2) == 0) return 0;
    return mixing->kind == DK_CUT_OR_MOSAIC ? drawn(DK_CUT, DK_MOSAIC) : mixing->kind;
}

int dk_mix_images(int kind)
{
    return kind == DK_MOSAIC ? DK_MIX_MOST : kind ? 2 : 1;
}

static void smooth_labels(float share, float *y, int classes)
{
    for (int k = 0; k < classes && classes > 1; k++)
        y[k] = y[k] > 0 ? 1 - share : share / (float)(classes - 1);
}

/* Copies a part of one image over another. */
static void copy_part(part p, int w, int h, int c, const float *from, float *to)
{
    for (int k = 0; k < c; k++)
        for (int y = p.y; y < p.y + p.h; y++) {
            const size_t at = ((size_t)k * (size_t)h + (size_t)y) * (size_t)w + (size_t)p.x;
            memcpy(to + at, from + at, (size_t)p.w * sizeof *to);
        }
}

/* y of the first: every image's classes by its share. */
static void share_labels(const data *row, int n, const float share[])
{
    float *y = row[0].y.vals[0];
    for (int k = 0; k < row[0].y.cols; k++) {
        float sum = 0;
        for (int i = 0; i < n; i++)
            sum += share[i] * row[i].y.vals[0][k];
        y[k] = sum;
    }
}

static void blend(data *row)
{
    float *x = row[0].X.vals[0];
    for (int i = 0; i < row[0].X.cols; i++)
        x[i] = (x[i] + row[1].X.vals[0][i]) / 2;
    share_labels(row, 2, (const float[]){.5f, .5f});
}

/* 9 to 64 % of the image are another's. */
static void cut(int w, int h, int c, data *row)
{
    part p = {.w = drawn(w * 3 / 10, w * 8 / 10), .h = drawn(h * 3 / 10, h * 8 / 10)};
    p.x = drawn(0, w - p.w - 1);
    p.y = drawn(0, h - p.h - 1);
    copy_part(p, w, h, c, row[1].X.vals[0], row[0].X.vals[0]);
    const float share = (float)(p.w * p.h) / (float)(w * h);
    share_labels(row, 2, (const float[]){1 - share, share});
}

/* Four images, each with a fifth of width and height at least. */
static void mosaic(int w, int h, int c, data *row)
{
    const int x = drawn(w / 5, w - w / 5), y = drawn(h / 5, h - h / 5);
    const part parts[] = {{0, 0, x, y}, {x, 0, w - x, y}, {0, y, x, h - y}, {x, y, w - x, h - y}};
    float share[DK_MIX_MOST];
    for (int i = 0; i < DK_MIX_MOST; i++) {
        share[i] = (float)(parts[i].w * parts[i].h) / (float)(w * h);
        if (i > 0) copy_part(parts[i], w, h, c, row[i].X.vals[0], row[0].X.vals[0]);
    }
    share_labels(row, DK_MIX_MOST, share);
}

void dk_mix_rows(const dk_class_mix *mixing, int kind, int w, int h, int c, data *row)
{
    for (int i = 0; i < dk_mix_images(kind) && mixing->smooth > 0; i++)
        smooth_labels(mixing->smooth, row[i].y.vals[0], row[i].y.cols);
    if (kind == DK_BLEND) blend(row);
    if (kind == DK_CUT) cut(w, h, c, row);
    if (kind == DK_MOSAIC) mosaic(w, h, c, row);
    if (mixing->blur && dk_random_below(4) == 0)
        dk_planes_blur(row[0].X.vals[0], w, h, c, mixing->blur == 1 ? USUAL_BLUR : mixing->blur);
}
