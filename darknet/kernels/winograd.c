/* winograd.c - which layers Winograd's method takes, and their forward pass. */
#include "kernels/winograd.h"

#include "kernels/extra.h"
#include "kernels/kernels.h"
#include "kernels/scratch.h"

#if defined(__x86_64__) && !defined(DK_NO_DNNL)
#include "kernels/winograd_pass.h"

#include <dnnl.h>
#include <omp.h>

/* The layers that gain: enough channels to repay the transformations of
 * tiles, four tiles to repay those of weights (measured: 32 channels lose
 * to oneDNN, one tile to gemm), and a block of weights for each thread. */
bool dk_winograd_takes(const layer *l)
{
    const dnnl_cpu_isa_t isa = dnnl_get_effective_cpu_isa(); /* obeys ONEDNN_MAX_CPU_ISA */
    const int least = 32 * (dk_threads() > 2 ? dk_threads() : 2);
    return (isa & dnnl_cpu_isa_avx512_core) == dnnl_cpu_isa_avx512_core && l->size == 3 &&
           dk_stride_x(l) == 1 && dk_stride_y(l) == 1 && dk_dilation(l) == 1 && l->pad == 1 &&
           l->groups == 1 && l->c % CHANNELS == 0 && l->n % FILTERS == 0 && l->c >= least && l->n >= least &&
           tiles_of(l) >= 4;
}

/* v[36][c][lanes] of one channel. */
DK_WIDE static void tiles_in(const plan *p, const float *in, int channel, float *v)
{
    v16 d[DK_POSITIONS], t[DK_POSITIONS];
    for (int first = 0; first < p->tiles; first += DK_LANES) {
        load_tiles(p, in, p->c, channel, first, DK_PATCH, 1, d);
        DK_TWICE(winograd_in, DK_PATCH, DK_PATCH, d, t);
        for (size_t i = 0; i < DK_POSITIONS; i++)
            *(v16 *)(v + i * apart((size_t)p->c, p->lanes) + (size_t)channel * p->lanes + first) = t[i];
    }
}

/* m[FILTERS][lanes] = or += u[FILTERS][DEPTH] v[count][lanes] */
DK_WIDE static void forward_product(const plan *p, const float *u, const float *v, int count, float *m,
                                    bool add)
{
    size_t g = 0;
    for (; g + 32 <= p->lanes; g += 32)
        for (size_t o = 0; o < FILTERS; o += 8)
            block_product(8, 2, count, u + o * DEPTH, DEPTH, 1, v + g, p->lanes, m + o * p->lanes + g,
                          p->lanes, add);
    for (; g < p->lanes; g += 16)
        for (size_t o = 0; o < FILTERS; o += 16)
            block_product(16, 1, count, u + o * DEPTH, DEPTH, 1, v + g, p->lanes, m + o * p->lanes + g,
                          p->lanes, add);
}

/* Tile `tile` of out, of one filter, from its rows, 8 floats apart. */
DK_WIDE_INLINE void store_tile(const plan *p, const float *rows, int tile, int filter, float *out)
{
    int image, row, col;
    tile_at(p, tile, &image, &row, &col);
    float *to =
        out + ((size_t)image * (size_t)p->n + (size_t)filter) * (size_t)(p->h * p->w) + row * p->w + col;
    const int count = min_int(DK_TILE, p->h - row);
    const __mmask16 inside = columns_inside(col, DK_TILE, p->w);
    for (int i = 0; i < count; i++)
        if (inside == 0xf)
            _mm_storeu_ps(to + i * p->w, _mm_loadu_ps(rows + i * 8));
        else
            _mm512_mask_storeu_ps(to + i * p->w, inside, _mm512_castps128_ps512(_mm_loadu_ps(rows + i * 8)));
}

/* out's tiles of one filter from m[36][FILTERS][lanes] (apart) at that filter. */
DK_WIDE static void tiles_out(const plan *p, const float *m, int filter, float *out)
{
    v16 x[DK_POSITIONS], y[DK_TILE * DK_TILE];
    float rows[DK_LANES][DK_TILE * 8];
    for (int first = 0; first < p->tiles; first += DK_LANES) {
        for (size_t i = 0; i < DK_POSITIONS; i++)
            x[i] = *(const v16 *)(m + i * apart(FILTERS, p->lanes) + first);
        DK_TWICE(winograd_out, DK_PATCH, DK_TILE, x, y);
        store_lanes(y, DK_TILE, rows[0]);
        for (int lane = 0; lane < min_int(DK_LANES, p->tiles - first); lane++)
            store_tile(p, rows[lane], first + lane, filter, out);
    }
}

/* Four tiles in all: products run along the channels, four filters at a time. v[36][4][c] (apart); u: room
 * for [36][4][c] (apart). */
DK_WIDE static void forward_four(const plan *p, const float *weights, const float *v, int filter, float *u,
                                 float *out)
{
    v16 m[DK_POSITIONS], y[DK_TILE * DK_TILE];
    float rows[DK_LANES][DK_TILE * 8];
    const size_t c = (size_t)p->c;
    filters_in(weights + (size_t)filter * c * DK_FILTER, p->c, 4, p->c, c, u);
    for (size_t i = 0; i < DK_POSITIONS; i++)
        dot_products(u + i * apart(4, c), c, v + i * apart(4, c), c, p->c, (float *)(m + i));
    DK_TWICE(winograd_out, DK_PATCH, DK_TILE, m, y);
    store_lanes(y, DK_TILE, rows[0]);
    for (int lane = 0; lane < DK_LANES; lane++)
        store_tile(p, rows[lane], lane % 4, filter + lane / 4, out);
}

static void forward_block(const plan *p, const float *weights, const float *v, int filter, float *work,
                          float *out)
{
    float *u = work, *m = work + DK_POSITIONS * apart(FILTERS, DEPTH);
    for (int k = 0; k < p->c; k += DEPTH) {
        const int count = min_int(DEPTH, p->c - k);
        filters_in(weights + ((size_t)filter * (size_t)p->c + (size_t)k) * DK_FILTER, p->c, FILTERS, count,
                   DEPTH, u);
        const size_t half = (size_t)(FILTERS / 2) * (size_t)p->c * DK_FILTER;
        const bool more = k + count < p->c;
        const float *next = weights + ((size_t)(more ? filter : filter + FILTERS) * (size_t)p->c +
                                       (size_t)(more ? k + count : 0)) *
                                          DK_FILTER;
        for (size_t i = 0; i < DK_POSITIONS; i++) {
            fetch_lines(next + i % 2 * half, p->c, FILTERS / 2, i / 2, false);
            forward_product(p, u + i * apart(FILTERS, DEPTH),
                            v + i * apart((size_t)p->c, p->lanes) + (size_t)k * p->lanes, count,
                            m + i * apart(FILTERS, p->lanes), k > 0);
        }
    }
    for (int o = 0; o < FILTERS; o++)
        tiles_out(p, m + (size_t)o * p->lanes, filter + o, out);
}

static void forward_pass(const layer *l, const plan *p, const float *in, float *out)
{
    const int threads = dk_threads();
    const size_t each = DK_POSITIONS * (apart(FILTERS, DEPTH) + apart(FILTERS, p->lanes));
    float *v = dk_scratch(DK_SCRATCH_DATA, DK_POSITIONS * apart((size_t)p->c, p->lanes) * sizeof *v);
    float *work = dk_scratch(DK_SCRATCH_INNER, (size_t)threads * each * sizeof *work);
#pragma omp parallel num_threads(threads)
    {
#pragma omp for schedule(static)
        for (int c = 0; c < p->c; c++)
            tiles_in(p, in, c, v);
#pragma omp for schedule(static)
        for (int filter = 0; filter < p->n; filter += FILTERS)
            forward_block(p, l->weights, v, filter, work + (size_t)omp_get_thread_num() * each, out);
    }
}

static void forward_pass_four(const layer *l, const plan *p, const float *in, float *out)
{
    const int threads = dk_threads();
    const size_t each = DK_POSITIONS * apart(4, (size_t)p->c);
    float *v = dk_scratch(DK_SCRATCH_DATA, each * sizeof *v);
    float *work = dk_scratch(DK_SCRATCH_INNER, (size_t)threads * each * sizeof *work);
#pragma omp parallel num_threads(threads)
    {
#pragma omp for schedule(static)
        for (int k = 0; k < p->c; k += DK_LANES)
            for (int tile = 0; tile < 4; tile++)
                channels_in(p, in, tile, k, v);
#pragma omp for schedule(static)
        for (int filter = 0; filter < p->n; filter += 4)
            forward_four(p, l->weights, v, filter, work + (size_t)omp_get_thread_num() * each, out);
    }
}

void dk_winograd_forward(const layer *l, const float *in, float *out)
{
    for (int first = 0; first < tiles_of(l); first += tiles_per_pass(l)) {
        const plan p = plan_of(l, first);
        if (p.tiles == 4)
            forward_pass_four(l, &p, in, out);
        else
            forward_pass(l, &p, in, out);
    }
}

#else
#include <stdlib.h>

bool dk_winograd_takes(const layer *l)
{
    (void)l;
    return false;
}

void dk_winograd_forward(const layer *l, const float *in, float *out)
{
    (void)l, (void)in, (void)out;
    abort(); /* dk_winograd_takes took nothing */
}

void dk_winograd_backward(const layer *l, const float *in, const float *delta, float *to)
{
    (void)l, (void)in, (void)delta, (void)to;
    abort();
}
#endif
