/* winograd_backward.c - the gradients of winograd.h. */
#include "kernels/kernels.h"
#include "kernels/scratch.h"
#include "kernels/winograd.h"

#if defined(__x86_64__) && !defined(DK_NO_DNNL)
#include "kernels/winograd_pass.h"

#include <omp.h>

/* A block of weights for the gradient of the input: ROWS filters of RUN channels, or of CHANNELS if that
 * divides better over threads. */
enum { ROWS = 16, RUN = 64 };

/* dm[36][n][fours] of one filter. */
DK_WIDE static void gradient_in(const plan *p, const float *delta, int filter, float *dm)
{
    v16 y[DK_TILE * DK_TILE], t[DK_POSITIONS];
    for (int first = 0; first < p->tiles; first += DK_LANES) {
        const size_t left = p->fours - (size_t)first;
        const __mmask16 mask = (__mmask16)(left >= DK_LANES ? 0xffffu : (1u << left) - 1);
        load_tiles(p, delta, p->n, filter, first, DK_TILE, 0, y);
        DK_TWICE(winograd_out_back, DK_TILE, DK_PATCH, y, t);
        for (size_t i = 0; i < DK_POSITIONS; i++)
            _mm512_mask_storeu_ps(dm + i * apart((size_t)p->n, p->fours) + (size_t)filter * p->fours + first,
                                  mask, (__m512)t[i]);
    }
}

/* weight_updates += gradient, for 16 filters and `count` channels. d: room for [36][16][WIDTH]. */
DK_WIDE static void weights_block(const plan *p, const float *dm, const float *v, int filter, int channel,
                                  int count, float *d, float *updates)
{
    float *first = updates + ((size_t)filter * (size_t)p->c + (size_t)channel) * DK_FILTER;
    for (size_t i = 0; i < DK_POSITIONS; i++) {
        fetch_lines(first, p->c, 16, i, true);
        for (int o = 0; o < 16; o += 8)
            for (int k = 0; k < count; k += 32)
                block_product(8, 2, p->tiles,
                              dm + i * apart((size_t)p->n, p->fours) + (size_t)(filter + o) * p->fours,
                              p->fours, 1, v + i * apart((size_t)p->tiles, (size_t)p->c) + channel + k,
                              (size_t)p->c, d + i * apart(16, WIDTH) + o * WIDTH + k, WIDTH, false);
    }
    for (int o = 0; o < 16; o++) {
        float rows[WIDTH * DK_FILTER];
        for (int k = 0; k < count; k += DK_LANES) {
            v16 x[DK_POSITIONS], g[DK_FILTER];
            for (size_t i = 0; i < DK_POSITIONS; i++)
                x[i] = *(const v16 *)(d + i * apart(16, WIDTH) + o * WIDTH + k);
            DK_TWICE(winograd_filter_back, DK_PATCH, 3, x, g);
            store_filters(g, rows + k * DK_FILTER);
        }
        float *to = first + (size_t)o * (size_t)p->c * DK_FILTER;
        for (int i = 0; i < count * DK_FILTER; i += DK_LANES)
            *(v16 *)(to + i) += *(const v16 *)(rows + i);
    }
}

/* A range of filters goes through the channels together: their part of v stays in the cache. */
static void weights_range(const plan *p, const float *dm, const float *v, int from, int to, float *work,
                          float *updates)
{
    for (int k = 0; k < p->c; k += WIDTH)
        for (int filter = from; filter < to; filter += 16)
            weights_block(p, dm, v, filter, k, min_int(WIDTH, p->c - k), work, updates);
}

/* to += gradient of the input, 16 channels of one tile; x: [36][fours][RUN] at them. */
DK_WIDE static void add_tile(const plan *p, const float *x, int tile, int channel, float *to)
{
    v16 d[DK_POSITIONS], t[DK_POSITIONS];
    float rows[DK_LANES][DK_PATCH * 8];
    int image, y, col;
    for (size_t i = 0; i < DK_POSITIONS; i++)
        d[i] = *(const v16 *)(x + i * apart(p->fours, RUN));
    DK_TWICE(winograd_in_back, DK_PATCH, DK_PATCH, d, t);
    tile_at(p, tile, &image, &y, &col);
    store_lanes(t, DK_PATCH, rows[0]);
    const size_t pixels = (size_t)(p->h * p->w);
    const __mmask16 inside = columns_inside(col - 1, DK_PATCH, p->w);
    const int first = y == 0, last = min_int(DK_PATCH, p->h - y + 1);
    for (size_t lane = 0; lane < DK_LANES; lane++) {
        float *at = to + ((size_t)image * (size_t)p->c + (size_t)channel + lane) * pixels;
        for (int i = first; i < last; i++) {
            float *row = at + ((y + i - 1) * p->w + col - 1);
            const __m512 sum = _mm512_add_ps(_mm512_maskz_loadu_ps(inside, row),
                                             _mm512_maskz_loadu_ps(inside, rows[lane] + i * 8));
            _mm512_mask_storeu_ps(row, inside, sum);
        }
    }
}

DK_WIDE static void data_block(const plan *p, const float *weights, const float *dm, int channel, int run,
                               float *work, float *to)
{
    float *u = work, *x = work + DK_POSITIONS * apart(ROWS, RUN);
    for (int o = 0; o < p->n; o += ROWS) {
        filters_in(weights + ((size_t)o * (size_t)p->c + (size_t)channel) * DK_FILTER, p->c, ROWS, run, RUN,
                   u);
        const bool more = o + ROWS < p->n;
        const float *next = weights + ((size_t)(more ? o + ROWS : 0) * (size_t)p->c +
                                       (size_t)(more ? channel : channel + run)) *
                                          DK_FILTER;
        for (size_t i = 0; i < DK_POSITIONS; i++) {
            const float *a = dm + i * apart((size_t)p->n, p->fours) + (size_t)o * p->fours;
            if ((int)i * DK_LANES < run * DK_FILTER) fetch_lines(next, p->c, ROWS, i, false);
            for (int k = 0; k < run; k += 32) {
                const float *b = u + i * apart(ROWS, RUN) + k;
                float *c = x + i * apart(p->fours, RUN) + k;
                size_t t = 0;
                for (; t + 8 <= p->fours; t += 8)
                    block_product(8, 2, ROWS, a + t, 1, p->fours, b, RUN, c + t * RUN, RUN, o > 0);
                if (t < p->fours)
                    block_product(4, 2, ROWS, a + t, 1, p->fours, b, RUN, c + t * RUN, RUN, o > 0);
            }
        }
    }
    for (int tile = 0; tile < p->tiles; tile++)
        for (int k = 0; k < run; k += DK_LANES)
            add_tile(p, x + tile * RUN + k, tile, channel + k, to);
}

static void backward_pass(const layer *l, const plan *p, const float *in, const float *delta, float *to)
{
    const int threads = dk_threads(), parts = min_int(threads, p->n / 16);
    const int run = p->c % (RUN * threads) == 0 ? RUN : CHANNELS;
    const size_t for_weights = DK_POSITIONS * apart(16, WIDTH);
    const size_t for_data = DK_POSITIONS * (apart(ROWS, RUN) + apart(p->fours, RUN));
    const size_t each = for_weights > for_data ? for_weights : for_data;
    float *v = dk_scratch(DK_SCRATCH_DATA, DK_POSITIONS * apart((size_t)p->tiles, (size_t)p->c) * sizeof *v);
    float *dm = dk_scratch(DK_SCRATCH_DELTA, DK_POSITIONS * apart((size_t)p->n, p->fours) * sizeof *dm);
    float *work = dk_scratch(DK_SCRATCH_INNER, (size_t)threads * each * sizeof *work);
#pragma omp parallel num_threads(threads)
    {
        float *mine = work + (size_t)omp_get_thread_num() * each;
#pragma omp for schedule(static) nowait
        for (int filter = 0; filter < p->n; filter++)
            gradient_in(p, delta, filter, dm);
#pragma omp for schedule(static)
        for (int k = 0; k < p->c; k += DK_LANES)
            for (int tile = 0; tile < p->tiles; tile++)
                channels_in(p, in, tile, k, v);
#pragma omp for schedule(static) nowait
        for (int part = 0; part < parts; part++)
            weights_range(p, dm, v, p->n / 16 * part / parts * 16, p->n / 16 * (part + 1) / parts * 16, mine,
                          l->weight_updates);
        if (to != NULL) {
#pragma omp for schedule(static)
            for (int k = 0; k < p->c; k += run)
                data_block(p, l->weights, dm, k, min_int(run, p->c - k), mine, to);
        }
    }
}

void dk_winograd_backward(const layer *l, const float *in, const float *delta, float *to)
{
    for (int first = 0; first < tiles_of(l); first += tiles_per_pass(l)) {
        const plan p = plan_of(l, first);
        backward_pass(l, &p, in, delta, to);
    }
}
#endif
