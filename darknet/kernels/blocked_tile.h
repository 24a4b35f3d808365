/* blocked_tile.h - the loops of blocked.c for one block size: included once
 * with DK_B = 16 and once with 8. Every function works on an item: `pixels`
 * pixels of one block, whose rows lie `stride` floats apart in plain. */
#define DK_JOIN_(a, b) a##b
#define DK_JOIN(a, b) DK_JOIN_(a, b)
#define DK_NAME(x) DK_JOIN(x, DK_B)
#define V DK_NAME(dk_tile_v)
#define VI DK_NAME(dk_tile_vi)

typedef float V __attribute__((vector_size(DK_B * 4), aligned(4), may_alias));
typedef int VI __attribute__((vector_size(DK_B * 4), aligned(4), may_alias));

#define LOAD(p) (*(const V *)(p))
#define STORE(p, v) (*(V *)(p) = (v))

#include "kernels/curves_tile.h"

/* rows[DK_B][16] <- tile[16][DK_B], and back. */
DK_INLINE void DK_NAME(tile_rows_)(const float *tile, float *rows)
{
    for (int q = 0; q < 16; q += 4)
        for (int l = 0; l < DK_B; l += 4)
            transpose4(tile + q * DK_B + l, DK_B, rows + l * 16 + q, 16);
}

DK_INLINE void DK_NAME(rows_tile_)(const float *rows, size_t stride, float *tile)
{
    for (int q = 0; q < 16; q += 4)
        for (int l = 0; l < DK_B; l += 4)
            transpose4(rows + (size_t)l * stride + q, stride, tile + q * DK_B + l, DK_B);
}

/* A tile of up to 16 pixels of plain rows, zero beyond `rows` rows and `pixels` pixels. */
DK_INLINE void DK_NAME(load_tile_)(const float *plain, size_t stride, int rows, size_t pixels, float *tile)
{
    if (rows == DK_B && pixels >= 16) {
        float full[DK_B * 16];
        for (int l = 0; l < DK_B; l++)
            memcpy(full + l * 16, plain + (size_t)l * stride, 16 * sizeof *full);
        DK_NAME(rows_tile_)(full, 16, tile);
        return;
    }
    memset(tile, 0, 16 * DK_B * sizeof *tile);
    const int n = pixels < 16 ? (int)pixels : 16;
    for (int l = 0; l < rows; l++)
        for (int q = 0; q < n; q++)
            tile[q * DK_B + l] = plain[(size_t)l * stride + (size_t)q];
}

/* x <- activation(x). By pointer, here and below: vectors do not pass by value on every x86-64. */
DK_INLINE void DK_NAME(activate_)(V *x, ACTIVATION a)
{
    if (a == LEAKY || a == RELU || a == RELIE) {
        const float slope = a == LEAKY ? .1f : a == RELIE ? .01f : 0;
        const VI m = *x > 0;
        *x = (V)(((VI)*x & m) | ((VI)(*x * slope) & ~m));
    }
    DK_NAME(curve_)(x, (int)a);
}

/* d <- d * activation'(y): y is the value before the activation, or, where they share the slope, after. */
DK_INLINE void DK_NAME(gradient_)(V *d, const V *y, ACTIVATION a)
{
    if (a == LEAKY || a == RELU || a == RELIE) {
        const float slope = a == LEAKY ? .1f : a == RELIE ? .01f : 0;
        const VI m = *y > 0;
        *d = (V)(((VI)*d & m) | ((VI)(*d * slope) & ~m));
    }
    if ((int)a >= DK_MISH) {
        V slope = {0};
        DK_NAME(curve_slope_)(y, (int)a, &slope);
        *d = *d * slope;
    }
}

DK_INLINE void DK_NAME(from_plain_)(const float *plain, size_t stride, int rows, size_t pixels,
                                    float *blocked)
{
    for (size_t p = 0; p < pixels; p += 16) {
        float tile[16 * DK_B];
        DK_NAME(load_tile_)(plain + p, stride, rows, pixels - p, tile);
        memcpy(blocked + p * DK_B, tile, dk_min_size(16, pixels - p) * DK_B * sizeof *tile);
    }
}

DK_INLINE void DK_NAME(to_plain_)(const float *x, const float *center, const float *gain, const float *bias,
                                  ACTIVATION a, bool add, float *plain, size_t stride, int rows,
                                  size_t pixels, float *keep)
{
    const V c = LOAD(center), g = LOAD(gain), b = LOAD(bias);
    for (size_t p = 0; p < pixels; p += 16) {
        float tile[16 * DK_B], out[DK_B * 16];
        const int n = pixels - p < 16 ? (int)(pixels - p) : 16;
        for (int q = 0; q < n; q++) {
            V y = LOAD(x + (p + (size_t)q) * DK_B);
            if (!add) {
                y = (y - c) * g + b;
                DK_NAME(activate_)(&y, a);
            }
            STORE(tile + q * DK_B, y);
            if (keep != NULL) STORE(keep + (p + (size_t)q) * DK_B, y);
        }
        if (n < 16) memset(tile + n * DK_B, 0, (size_t)(16 - n) * DK_B * sizeof *tile);
        DK_NAME(tile_rows_)(tile, out);
        for (int l = 0; l < rows; l++) {
            float *to = plain + (size_t)l * stride + p;
            const float *from = out + l * 16;
            if (n == 16 && add)
                *(dk_v16 *)to += *(const dk_v16 *)from;
            else if (n == 16)
                *(dk_v16 *)to = *(const dk_v16 *)from;
            else
                for (int q = 0; q < n; q++)
                    to[q] = add ? to[q] + from[q] : from[q];
        }
    }
}

/* part[0..B) = mean, part[B..2B) = sum of squared distances from it. */
DK_INLINE void DK_NAME(moments_)(const float *x, size_t pixels, float *part)
{
    V sum[4] = {{0}}, square[4] = {{0}};
    size_t p = 0;
    for (; p + 4 <= pixels; p += 4)
        for (size_t q = 0; q < 4; q++)
            sum[q] += LOAD(x + (p + q) * DK_B);
    for (; p < pixels; p++)
        sum[0] += LOAD(x + p * DK_B);
    const V mean = ((sum[0] + sum[1]) + (sum[2] + sum[3])) / (float)pixels;
    for (p = 0; p + 4 <= pixels; p += 4)
        for (size_t q = 0; q < 4; q++) {
            const V d = LOAD(x + (p + q) * DK_B) - mean;
            square[q] += d * d;
        }
    for (; p < pixels; p++) {
        const V d = LOAD(x + p * DK_B) - mean;
        square[0] += d * d;
    }
    STORE(part, mean);
    STORE(part + DK_B, (square[0] + square[1]) + (square[2] + square[3]));
}

DK_INLINE void DK_NAME(bias_gradient_)(const float *delta, const float *output, ACTIVATION a, size_t stride,
                                       int rows, size_t pixels, float *blocked, float *part)
{
    V sum = {0};
    for (size_t p = 0; p < pixels; p += 16) {
        float tile[16 * DK_B], out[16 * DK_B];
        const int n = pixels - p < 16 ? (int)(pixels - p) : 16;
        DK_NAME(load_tile_)(delta + p, stride, rows, pixels - p, tile);
        if (a != LINEAR) DK_NAME(load_tile_)(output + p, stride, rows, pixels - p, out);
        for (int q = 0; q < n; q++) {
            V d = LOAD(tile + q * DK_B);
            if (a != LINEAR) DK_NAME(gradient_)(&d, &LOAD(out + q * DK_B), a);
            sum += d;
            STORE(blocked + (p + (size_t)q) * DK_B, d);
        }
    }
    STORE(part, sum);
}

/* dx <- delta * activation'(f(x)); part = its sum and its sum times (x - center). */
DK_INLINE void DK_NAME(norm_sums_)(const float *delta, const float *x, const float *center, const float *gain,
                                   const float *bias, ACTIVATION a, size_t stride, int rows, size_t pixels,
                                   float *dx, float *part)
{
    const V c = LOAD(center), g = LOAD(gain), b = LOAD(bias);
    V sum_d = {0}, sum_dx = {0};
    for (size_t p = 0; p < pixels; p += 16) {
        float tile[16 * DK_B];
        const int n = pixels - p < 16 ? (int)(pixels - p) : 16;
        DK_NAME(load_tile_)(delta + p, stride, rows, pixels - p, tile);
        for (int q = 0; q < n; q++) {
            const V away = LOAD(x + (p + (size_t)q) * DK_B) - c;
            const V y = away * g + b;
            V d = LOAD(tile + q * DK_B);
            DK_NAME(gradient_)(&d, &y, a);
            sum_d += d;
            sum_dx += d * away;
            STORE(dx + (p + (size_t)q) * DK_B, d);
        }
    }
    STORE(part, sum_d);
    STORE(part + DK_B, sum_dx);
}

DK_INLINE void DK_NAME(norm_apply_)(const float *x, const float *center, const float *ka, const float *kb,
                                    const float *kc, size_t pixels, float *dx)
{
    const V c = LOAD(center), va = LOAD(ka), vb = LOAD(kb), vc = LOAD(kc);
    for (size_t p = 0; p < pixels; p++)
        STORE(dx + p * DK_B, va * LOAD(dx + p * DK_B) + (vb * (LOAD(x + p * DK_B) - c) + vc));
}

#undef V
#undef VI
#undef LOAD
#undef STORE
#undef DK_NAME
#undef DK_JOIN
#undef DK_JOIN_
#undef DK_B
