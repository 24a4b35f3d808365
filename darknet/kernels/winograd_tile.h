/* winograd_tile.h - F(4x4, 3x3)'s transformations, sixteen at a time, and the product of blocks. For
 * winograd_pass.h alone; compiled for AVX-512.
 *
 * DESIGN
 *   Y = A' [(G g G') * (B' d B)] A for a tile of 4x4 outputs Y, its 6x6 inputs d and a filter g, with the
 * interpolation points 0, 1, -1, 2, -2 and infinity (matrices as in Lavin and Gray). Each function below is
 * one of the matrices or its transpose, applied to a column of vectors `step` apart; DK_TWICE applies it to
 * columns and then rows. Lanes of a vector are 16 tiles or 16 channels. */
#ifndef DK_WINOGRAD_TILE_H
#define DK_WINOGRAD_TILE_H

#include "kernels/isa.h"

#include <immintrin.h>
#include <stdbool.h>
#include <stddef.h>

#define DK_WIDE DK_INNER __attribute__((target("avx512f")))
#define DK_WIDE_INLINE static inline __attribute__((always_inline, target("avx512f")))

enum { DK_PATCH = 6, DK_TILE = 4, DK_POSITIONS = 36, DK_FILTER = 9 };

typedef dk_v16 v16;

/* B': inputs, 6 to 6. */
DK_WIDE_INLINE void winograd_in(const v16 *d, size_t step, v16 *o, size_t to)
{
    const v16 a = d[4 * step] - 4 * d[2 * step], b = d[3 * step] - 4 * d[step];
    const v16 c = d[4 * step] - d[2 * step], e = 2 * (d[3 * step] - d[step]);
    o[0] = 4 * d[0] - 5 * d[2 * step] + d[4 * step];
    o[to] = a + b;
    o[2 * to] = a - b;
    o[3 * to] = c + e;
    o[4 * to] = c - e;
    o[5 * to] = 4 * d[step] - 5 * d[3 * step] + d[5 * step];
}

/* B: gradients of inputs, 6 to 6. */
DK_WIDE_INLINE void winograd_in_back(const v16 *x, size_t step, v16 *o, size_t to)
{
    const v16 p = x[step] + x[2 * step], m = x[step] - x[2 * step];
    const v16 q = x[3 * step] + x[4 * step], n = x[3 * step] - x[4 * step];
    o[0] = 4 * x[0];
    o[to] = 4 * (x[5 * step] - m) - 2 * n;
    o[2 * to] = -5 * x[0] - 4 * p - q;
    o[3 * to] = m + 2 * n - 5 * x[5 * step];
    o[4 * to] = x[0] + p + q;
    o[5 * to] = x[5 * step];
}

/* G: filters, 3 to 6. */
DK_WIDE_INLINE void winograd_filter(const v16 *g, size_t step, v16 *o, size_t to)
{
    const v16 s = (g[0] + g[2 * step]) * (-1.f / 6), t = g[step] * (1.f / 6);
    const v16 r = g[0] * (1.f / 24) + g[2 * step] * (1.f / 6), u = g[step] * (1.f / 12);
    o[0] = g[0] * .25f;
    o[to] = s - t;
    o[2 * to] = s + t;
    o[3 * to] = r + u;
    o[4 * to] = r - u;
    o[5 * to] = g[2 * step];
}

/* G': gradients of filters, 6 to 3. */
DK_WIDE_INLINE void winograd_filter_back(const v16 *x, size_t step, v16 *o, size_t to)
{
    const v16 p = (x[step] + x[2 * step]) * (1.f / 6), m = (x[2 * step] - x[step]) * (1.f / 6);
    const v16 q = x[3 * step] + x[4 * step], n = x[3 * step] - x[4 * step];
    o[0] = x[0] * .25f - p + q * (1.f / 24);
    o[to] = m + n * (1.f / 12);
    o[2 * to] = q * (1.f / 6) - p + x[5 * step];
}

/* A': outputs, 6 to 4. */
DK_WIDE_INLINE void winograd_out(const v16 *x, size_t step, v16 *o, size_t to)
{
    const v16 p = x[step] + x[2 * step], m = x[step] - x[2 * step];
    const v16 q = x[3 * step] + x[4 * step], n = x[3 * step] - x[4 * step];
    o[0] = x[0] + p + q;
    o[to] = m + 2 * n;
    o[2 * to] = p + 4 * q;
    o[3 * to] = m + 8 * n + x[5 * step];
}

/* A: gradients of outputs, 4 to 6. */
DK_WIDE_INLINE void winograd_out_back(const v16 *y, size_t step, v16 *o, size_t to)
{
    const v16 even = y[0] + y[2 * step], odd = y[step] + y[3 * step];
    const v16 even2 = y[0] + 4 * y[2 * step], odd2 = 2 * y[step] + 8 * y[3 * step];
    o[0] = y[0];
    o[to] = even + odd;
    o[2 * to] = even - odd;
    o[3 * to] = even2 + odd2;
    o[4 * to] = even2 - odd2;
    o[5 * to] = y[3 * step];
}

/* out[M][M] <- the transformation `one` of in[N][N], along columns, then rows. */
#define DK_TWICE(one, N, M, in, out)                                                                \
    do {                                                                                            \
        v16 half[M * N];                                                                            \
        _Pragma("GCC unroll 8") for (int i = 0; i < N; i++) one((in) + i, N, half + i, N);          \
        _Pragma("GCC unroll 8") for (int i = 0; i < M; i++) one(half + i * N, 1, (out) + i * M, 1); \
    } while (0)

/* Four vectors as four 4x4 matrices, each transposed. */
DK_WIDE_INLINE void transpose_quads(__m512 r[4])
{
    const __m512 a = _mm512_unpacklo_ps(r[0], r[1]), b = _mm512_unpackhi_ps(r[0], r[1]);
    const __m512 c = _mm512_unpacklo_ps(r[2], r[3]), d = _mm512_unpackhi_ps(r[2], r[3]);
    r[0] = _mm512_shuffle_ps(a, c, 0x44);
    r[1] = _mm512_shuffle_ps(a, c, 0xee);
    r[2] = _mm512_shuffle_ps(b, d, 0x44);
    r[3] = _mm512_shuffle_ps(b, d, 0xee);
}

/* g[9] <- the filters of 16 channels, channels in lanes. w: [16][9]. */
DK_WIDE_INLINE void load_filters(const float *w, v16 g[9])
{
    static const int first[] = {0, 4, 5}; /* the last four again: nothing beyond is read */
    _Pragma("GCC unroll 3") for (int f = 0; f < 3; f++)
    {
        __m512 r[4];
        _Pragma("GCC unroll 4") for (int j = 0; j < 4; j++)
        {
            const float *p = w + 9 * j + first[f];
            __m512 x = _mm512_broadcast_f32x4(_mm_loadu_ps(p));
            x = _mm512_mask_broadcast_f32x4(x, 0x00f0, _mm_loadu_ps(p + 36));
            x = _mm512_mask_broadcast_f32x4(x, 0x0f00, _mm_loadu_ps(p + 72));
            r[j] = _mm512_mask_broadcast_f32x4(x, 0xf000, _mm_loadu_ps(p + 108));
        }
        transpose_quads(r);
        if (f < 2)
            for (int j = 0; j < 4; j++)
                g[4 * f + j] = (v16)r[j];
        else
            g[8] = (v16)r[3];
    }
}

/* The way back: w[16][9] <- g[9]. */
DK_WIDE_INLINE void store_filters(const v16 g[9], float *w)
{
    float last[DK_LANES];
    _Pragma("GCC unroll 2") for (int f = 0; f < 2; f++)
    {
        __m512 r[4] = {(__m512)g[4 * f], (__m512)g[4 * f + 1], (__m512)g[4 * f + 2], (__m512)g[4 * f + 3]};
        transpose_quads(r);
        _Pragma("GCC unroll 4") for (int j = 0; j < 4; j++)
        {
            float *p = w + 9 * j + 4 * f;
            _mm_storeu_ps(p, _mm512_castps512_ps128(r[j]));
            _mm_storeu_ps(p + 36, _mm512_extractf32x4_ps(r[j], 1));
            _mm_storeu_ps(p + 72, _mm512_extractf32x4_ps(r[j], 2));
            _mm_storeu_ps(p + 108, _mm512_extractf32x4_ps(r[j], 3));
        }
    }
    *(v16 *)last = g[8];
    for (int i = 0; i < DK_LANES; i++)
        // cppcheck-suppress uninitvar; the store above fills it
        w[9 * i + 8] = last[i];
}

/* c[I][J vectors] = or += sum over k of a[i][k] * b[k][J vectors]. Strides in floats; I and J are constants
 * where it is used, the sums stay in registers. */
DK_WIDE_INLINE void block_product(int I, int J, int depth, const float *a, size_t a_row, size_t a_k,
                                  const float *b, size_t b_k, float *c, size_t c_row, bool add)
{
    __m512 sum[16];
    _Pragma("GCC unroll 16") for (int i = 0; i < I * J; i++) sum[i] = _mm512_setzero_ps();
    for (int k = 0; k < depth; k++, a += a_k, b += b_k) {
        __m512 row[2];
        _Pragma("GCC unroll 2") for (int j = 0; j < J; j++) row[j] = _mm512_loadu_ps(b + j * DK_LANES);
        _Pragma("GCC unroll 16") for (int i = 0; i < I; i++)
        {
            const __m512 x = _mm512_set1_ps(a[(size_t)i * a_row]);
            _Pragma("GCC unroll 2") for (int j = 0; j < J; j++) sum[i * J + j] =
                _mm512_fmadd_ps(x, row[j], sum[i * J + j]);
        }
    }
    _Pragma("GCC unroll 16") for (int i = 0; i < I; i++) _Pragma("GCC unroll 2") for (int j = 0; j < J; j++)
    {
        float *to = c + (size_t)i * c_row + j * DK_LANES;
        _mm512_storeu_ps(to, add ? _mm512_add_ps(_mm512_loadu_ps(to), sum[i * J + j]) : sum[i * J + j]);
    }
}

/* m[16] <- 16 sums across lanes at once: halves are added while they are brought together. Uses up sum. */
DK_WIDE_INLINE void sums_across(__m512 sum[16], float *m)
{
    _Pragma("GCC unroll 4") for (int i = 0; i < 4; i++)
    {
        const __m512 *s = sum + 4 * i;
        const __m512 a = _mm512_add_ps(_mm512_unpacklo_ps(s[0], s[1]), _mm512_unpackhi_ps(s[0], s[1]));
        const __m512 b = _mm512_add_ps(_mm512_unpacklo_ps(s[2], s[3]), _mm512_unpackhi_ps(s[2], s[3]));
        sum[i] = _mm512_add_ps(_mm512_shuffle_ps(a, b, 0x44), _mm512_shuffle_ps(a, b, 0xee));
    }
    const __m512 a =
        _mm512_add_ps(_mm512_shuffle_f32x4(sum[0], sum[1], 0x88), _mm512_shuffle_f32x4(sum[0], sum[1], 0xdd));
    const __m512 b =
        _mm512_add_ps(_mm512_shuffle_f32x4(sum[2], sum[3], 0x88), _mm512_shuffle_f32x4(sum[2], sum[3], 0xdd));
    _mm512_storeu_ps(m, _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xdd)));
}

/* m[16] = the 16 products u[i] . v[j], i and j from 0 to 3, i first: rows of depth floats. */
DK_WIDE_INLINE void dot_products(const float *u, size_t u_row, const float *v, size_t v_row, int depth,
                                 float *m)
{
    __m512 sum[16];
    _Pragma("GCC unroll 16") for (int i = 0; i < 16; i++) sum[i] = _mm512_setzero_ps();
    for (int k = 0; k < depth; k += DK_LANES, u += DK_LANES, v += DK_LANES) {
        __m512 row[4];
        _Pragma("GCC unroll 4") for (size_t j = 0; j < 4; j++) row[j] = _mm512_loadu_ps(v + j * v_row);
        _Pragma("GCC unroll 4") for (size_t i = 0; i < 4; i++)
        {
            const __m512 x = _mm512_loadu_ps(u + i * u_row);
            _Pragma("GCC unroll 4") for (size_t j = 0; j < 4; j++) sum[4 * i + j] =
                _mm512_fmadd_ps(x, row[j], sum[4 * i + j]);
        }
    }
    sums_across(sum, m);
}

#endif
