/* dots.c - see dots.h.
 *
 * DESIGN
 *   Four rows of the side that has more of them (outer) meet all rows of the other (inner), four at a time: sixteen sums in registers.
 * A run of pixels is as long as lets the inner rows stay in the L2 cache; the outer ones stay in L1. A thread has outer
 * rows of its own. */
#include "kernels/dots.h"

#include "kernels/kernels.h"

#if defined(__x86_64__) && !defined(DK_NO_DNNL)
#include "kernels/winograd_tile.h"

#include <dnnl.h>

/* Where it gains (measured): fewer pixels or more rows lose to gemm. */
enum { LEAST_PIXELS = 2048, MOST_ROWS = 64 };
enum { LONGEST = 1024, CACHED = 1 << 17 /* floats of inner rows */ };

bool dk_dots_takes(int m, int k, int pixels)
{
    const dnnl_cpu_isa_t isa = dnnl_get_effective_cpu_isa(); /* obeys ONEDNN_MAX_CPU_ISA */
    return (isa & dnnl_cpu_isa_avx512_core) == dnnl_cpu_isa_avx512_core && m >= 4 && k >= 4 &&
           (m <= MOST_ROWS || k <= MOST_ROWS) && pixels >= LEAST_PIXELS;
}

/* m[16] = the 16 products u[i] . v[j], i and j from 0 to 3, i first, of rows `row` floats apart. */
DK_WIDE static void sixteen(const float *u, const float *v, size_t row, int depth, float *m)
{
    __m512 sum[16];
    _Pragma("GCC unroll 16") for (int i = 0; i < 16; i++) sum[i] = _mm512_setzero_ps();
    for (int k = 0; k < depth; k += DK_LANES, u += DK_LANES, v += DK_LANES) {
        const __mmask16 mask =
            depth - k >= DK_LANES ? (__mmask16)0xffff : (__mmask16)((1u << (depth - k)) - 1);
        __m512 b[4];
        _Pragma("GCC unroll 4") for (size_t j = 0; j < 4; j++) b[j] =
            _mm512_maskz_loadu_ps(mask, v + j * row);
        _Pragma("GCC unroll 4") for (size_t i = 0; i < 4; i++)
        {
            const __m512 a = _mm512_maskz_loadu_ps(mask, u + i * row);
            _Pragma("GCC unroll 4") for (size_t j = 0; j < 4; j++) sum[4 * i + j] =
                _mm512_fmadd_ps(a, b[j], sum[4 * i + j]);
        }
    }
    sums_across(sum, m);
}

/* Rows of both sides, of one image from its run of pixels on. */
typedef struct sides {
    const float *outer, *inner;
    int outers, inners;
    size_t row;                    /* floats from one to the next */
    int depth;                     /* pixels of the run */
    size_t outer_step, inner_step; /* floats of updates */
} sides;

/* Four outer rows from `first` on. The last four of a side may begin before what is left: those are not added twice. */
static void four_rows(const sides *s, int first, float *updates)
{
    const int o0 = first + 4 <= s->outers ? first : s->outers - 4;
    for (int n = 0; n < s->inners; n += 4) {
        const int i0 = n + 4 <= s->inners ? n : s->inners - 4;
        float m[16];
        sixteen(s->outer + (size_t)o0 * s->row, s->inner + (size_t)i0 * s->row, s->row, s->depth, m);
        for (int o = first - o0; o < 4; o++)
            for (int i = n - i0; i < 4; i++)
                updates[(size_t)(o0 + o) * s->outer_step + (size_t)(i0 + i) * s->inner_step] += m[4 * o + i];
    }
}

void dk_dots_add(const dk_dots *d, float *updates)
{
    const bool wide = d->k >= d->m; /* more rows of input */
    const size_t row = (size_t)d->pixels;
    sides all = {.outers = wide ? d->k : d->m, .inners = wide ? d->m : d->k, .row = row};
    all.outer_step = wide ? 1 : (size_t)d->k;
    all.inner_step = wide ? (size_t)d->k : 1;
    const int most = CACHED / all.inners / DK_LANES * DK_LANES;
    const int run = most < DK_LANES ? DK_LANES : most > LONGEST ? LONGEST : most;
    const int threads = dk_threads(), fours = (all.outers + 3) / 4;
#pragma omp parallel for num_threads(threads) schedule(static) if (threads > 1)
    for (int part = 0; part < threads; part++)
        for (int image = 0; image < d->images; image++)
            for (int from = 0; from < d->pixels; from += run) {
                const float *delta = d->delta + (size_t)(image * d->m) * row + from;
                const float *input = d->input + (size_t)(image * d->k) * row + from;
                sides s = all;
                s.outer = wide ? input : delta;
                s.inner = wide ? delta : input;
                s.depth = d->pixels - from < run ? d->pixels - from : run;
                for (int four = fours * part / threads; four < fours * (part + 1) / threads; four++)
                    four_rows(&s, 4 * four, updates);
            }
}

#else
#include <stdlib.h>

bool dk_dots_takes(int m, int k, int pixels)
{
    (void)m, (void)k, (void)pixels;
    return false;
}

void dk_dots_add(const dk_dots *d, float *updates)
{
    (void)d, (void)updates;
    abort(); /* dk_dots_takes took nothing */
}
#endif
