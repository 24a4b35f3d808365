/* winograd_lanes.h - patches of sixteen tiles or channels between plain planes and vectors. For winograd_pass.h alone;
 * compiled for AVX-512.
 *
 * DESIGN
 *   A lane has a pixel of its own in each of a patch's vectors, so sixteen planes or tiles are transposed on the way: four pixels of a
 * row at a time, as four vectors of sixteen. Where a patch reaches over the plane's border, its rows are first copied, with zeros
 * for what is outside, to where the rest reads them like any other. */
#ifndef DK_WINOGRAD_LANES_H
#define DK_WINOGRAD_LANES_H

#include "kernels/winograd_tile.h"

/* Sixteen patches: where the next row of each begins, and floats from one row to the next. */
typedef struct lanes {
    const float *at[DK_LANES];
    size_t step[DK_LANES];
    float border[DK_LANES][DK_PATCH * DK_LANES]; /* copies of those that reach over one */
} lanes;

/* A plane, h x w. */
typedef struct plane {
    const float *pixels;
    int h, w;
} plane;

/* Bits of the columns x to x + side - 1 that are inside [0, w). */
DK_INLINE __mmask16 columns_inside(int x, int side, int w)
{
    unsigned mask = (1u << side) - 1;
    if (x < 0) mask &= ~0u << -x;
    if (x + side > w) mask &= (1u << (w - x)) - 1;
    return (__mmask16)mask;
}

/* Patch of side x side pixels from (y, x). */
DK_WIDE_INLINE void set_lane(lanes *s, int lane, const plane *p, int y, int x, int side)
{
    if (y >= 0 && x >= 0 && y + side <= p->h && x + side <= p->w) {
        s->at[lane] = p->pixels + (size_t)(y * p->w + x);
        s->step[lane] = (size_t)p->w;
        return;
    }
    // cppcheck-suppress uninitvar; it is filled below
    float *copy = s->border[lane];
    const __mmask16 inside = columns_inside(x, side, p->w);
    s->at[lane] = copy;
    s->step[lane] = DK_LANES;
    for (int i = 0; i < side; i++, copy += DK_LANES) {
        __m512 row = _mm512_setzero_ps();
        if (y + i >= 0 && y + i < p->h) row = _mm512_maskz_loadu_ps(inside, p->pixels + ((y + i) * p->w + x));
        _mm512_storeu_ps(copy, row);
    }
}

DK_WIDE_INLINE void set_no_lane(lanes *s, int lane)
{
    static const float zeros[DK_PATCH];
    s->at[lane] = zeros;
    s->step[lane] = 0;
}

/* o[4] <- four pixels of each lane, `from` pixels behind its row's first. */
DK_WIDE_INLINE void load_quads(const float *const at[DK_LANES], size_t from, __m512 o[4])
{
    _Pragma("GCC unroll 4") for (int j = 0; j < 4; j++)
    {
        __m512 x = _mm512_broadcast_f32x4(_mm_loadu_ps(at[j] + from));
        x = _mm512_mask_broadcast_f32x4(x, 0x00f0, _mm_loadu_ps(at[j + 4] + from));
        x = _mm512_mask_broadcast_f32x4(x, 0x0f00, _mm_loadu_ps(at[j + 8] + from));
        o[j] = _mm512_mask_broadcast_f32x4(x, 0xf000, _mm_loadu_ps(at[j + 12] + from));
    }
    transpose_quads(o);
}

/* patch[side * side] <- the lanes' patches; side is 4 or 6, a constant. Moves the lanes on. */
DK_WIDE_INLINE void load_lanes(lanes *s, size_t side, v16 *patch)
{
    for (size_t i = 0; i < side; i++, patch += side) {
        __m512 q[4];
        load_quads(s->at, 0, q);
        for (int j = 0; j < 4; j++)
            patch[j] = (v16)q[j];
        if (side > 4) { /* the last four again: nothing beyond is read */
            load_quads(s->at, side - 4, q);
            for (size_t j = 4; j < side; j++)
                patch[j] = (v16)q[j - side + 4];
        }
        for (int lane = 0; lane < DK_LANES; lane++)
            s->at[lane] += s->step[lane];
    }
}

/* The way back, of `columns` (at most 4) vectors of a row: row[lane * apart] <- the lane's four pixels. */
DK_WIDE_INLINE void store_quads(const v16 *row, int columns, float *to, size_t apart)
{
    __m512 r[4];
    for (int j = 0; j < 4; j++)
        r[j] = j < columns ? (__m512)row[j] : _mm512_setzero_ps();
    transpose_quads(r);
    _Pragma("GCC unroll 4") for (size_t j = 0; j < 4; j++)
    {
        float *p = to + j * apart;
        _mm_storeu_ps(p, _mm512_castps512_ps128(r[j]));
        _mm_storeu_ps(p + 4 * apart, _mm512_extractf32x4_ps(r[j], 1));
        _mm_storeu_ps(p + 8 * apart, _mm512_extractf32x4_ps(r[j], 2));
        _mm_storeu_ps(p + 12 * apart, _mm512_extractf32x4_ps(r[j], 3));
    }
}

/* rows[lane][side][8] <- patch[side * side], which are patches of sixteen lanes. */
DK_WIDE_INLINE void store_lanes(const v16 *patch, size_t side, float *rows)
{
    for (size_t i = 0; i < side; i++) {
        store_quads(patch + i * side, 4, rows + i * 8, side * 8);
        if (side > 4) store_quads(patch + i * side + 4, (int)side - 4, rows + i * 8 + 4, side * 8);
    }
}

#endif
