/* winograd_pass.h - what forward and backward passes of winograd.h share: sizes of blocks, tiles of a layer,
 * and the ways of inputs and weights into transformed form. For winograd.c and winograd_backward.c alone.
 *
 * DESIGN
 *   Position: one of the 36 elements of a transformed tile; each is a matrix product of its own. Lanes are
 * tiles where sums run over channels (forward), channels where they run over filters or tiles (gradients), so
 * that no weight is ever moved between lanes but once, when it is read. A layer of many tiles takes several
 * passes over its weights. */
#ifndef DK_WINOGRAD_PASS_H
#define DK_WINOGRAD_PASS_H

#include "kernels/winograd_lanes.h"
#include "kernels/winograd_tile.h"

#include <darknet.h>
#include <string.h>

/* A block of weights is FILTERS filters of DEPTH channels forward, of CHANNELS for the
 * gradient of the input, and 16 filters of WIDTH channels for their own: transformed,
 * it stays in the L2 cache beside what it is multiplied with. AHEAD: floats between a
 * weight's use and the request for it, where weights are read in one run. */
enum { AHEAD = 576, FILTERS = 32, DEPTH = 32, CHANNELS = 32, WIDTH = 64, MOST_TILES = 128 };

/* Floats from one position's matrix to the next: a line more than it holds, or 36 stores in a row would fall
 * on the same set of the cache. */
DK_INLINE size_t apart(size_t rows, size_t row)
{
    return rows * row + DK_LANES;
}

DK_INLINE int min_int(int a, int b)
{
    return a < b ? a : b;
}

/* What one pass over the weights computes: tiles [first, first + tiles) of all images of the batch. */
typedef struct plan {
    int batch, c, n, h, w, across, per_image;
    int first, tiles;
    size_t lanes; /* tiles rounded up to whole vectors */
    size_t fours; /* tiles rounded up to a multiple of 4 */
} plan;

DK_INLINE int tiles_of(const layer *l)
{
    return l->batch * ((l->out_w + DK_TILE - 1) / DK_TILE) * ((l->out_h + DK_TILE - 1) / DK_TILE);
}

/* Tiles per pass: so many that transforming the weights is a small part of the work, so few that transformed
 * inputs take a few megabytes. */
DK_INLINE int tiles_per_pass(const layer *l)
{
    const int all = tiles_of(l), most = 65536 / (l->c + l->n) & ~15;
    const int cap = most < DK_LANES ? DK_LANES : most > MOST_TILES ? MOST_TILES : most;
    const int passes = (all + cap - 1) / cap;
    return ((all + passes - 1) / passes + 15) & ~15;
}

DK_INLINE plan plan_of(const layer *l, int first)
{
    plan p = {.batch = l->batch, .c = l->c, .n = l->n, .h = l->h, .w = l->w, .first = first};
    p.across = (l->out_w + DK_TILE - 1) / DK_TILE;
    p.per_image = tiles_of(l) / l->batch;
    p.tiles = min_int(tiles_per_pass(l), tiles_of(l) - first);
    p.lanes = (size_t)(p.tiles + 15) & ~(size_t)15;
    p.fours = (size_t)(p.tiles + 3) & ~(size_t)3;
    return p;
}

/* Asks for one line of each of `rows` rows of weights or their gradient, c * 9 floats
 * apart. The processor's own prefetching does not follow runs this short, so the next
 * block's lines are fetched a few at a time beside the products of this one: without it,
 * half of the time is waiting. Past the last block it asks for what nobody reads. */
DK_INLINE void fetch_lines(const float *weights, int c, int rows, size_t line, bool to_write)
{
    const float *p = weights + line * DK_LANES;
    for (int o = 0; o < rows; o++, p += (size_t)c * DK_FILTER)
        if (to_write)
            __builtin_prefetch(p, 1, 3);
        else
            __builtin_prefetch(p, 0, 3);
}

/* Where tile t of the pass starts in a plane of its image. */
DK_INLINE void tile_at(const plan *p, int t, int *image, int *y, int *x)
{
    const int q = (p->first + t) % p->per_image;
    *image = (p->first + t) / p->per_image;
    *y = q / p->across * DK_TILE;
    *x = q % p->across * DK_TILE;
}

/* Sixteen tiles from `first` on, of one channel of `channels`, in lanes; zeros beyond the last. */
DK_WIDE_INLINE void load_tiles(const plan *p, const float *plain, int channels, int channel, int first,
                               size_t side, int before, v16 *patch)
{
    const int count = min_int(DK_LANES, p->tiles - first);
    lanes s;
    for (int i = 0; i < DK_LANES; i++) {
        if (i >= count) {
            set_no_lane(&s, i);
            continue;
        }
        int image, y, x;
        tile_at(p, first + i, &image, &y, &x);
        const size_t at = ((size_t)image * (size_t)channels + (size_t)channel) * (size_t)(p->h * p->w);
        set_lane(&s, i, &(plane){plain + at, p->h, p->w}, y - before, x - before, (int)side);
    }
    load_lanes(&s, side, patch);
}

/* v[36][tiles][c] of one tile, 16 channels. */
DK_WIDE static inline void channels_in(const plan *p, const float *in, int tile, int channel, float *v)
{
    v16 d[DK_POSITIONS], t[DK_POSITIONS];
    int image, y, x;
    tile_at(p, tile, &image, &y, &x);
    const size_t pixels = (size_t)(p->h * p->w);
    const float *from = in + ((size_t)image * (size_t)p->c + (size_t)channel) * pixels;
    lanes s;
    for (int i = 0; i < DK_LANES; i++)
        set_lane(&s, i, &(plane){from + (size_t)i * pixels, p->h, p->w}, y - 1, x - 1, DK_PATCH);
    load_lanes(&s, DK_PATCH, d);
    DK_TWICE(winograd_in, DK_PATCH, DK_PATCH, d, t);
    for (size_t i = 0; i < DK_POSITIONS; i++)
        *(v16 *)(v + i * apart((size_t)p->tiles, (size_t)p->c) + (size_t)tile * (size_t)p->c + channel) =
            t[i];
}

/* u[36][rows][row] (apart) <- the filters of `rows` rows of
 * weights, c floats x 9 apart, `count` channels each. */
DK_WIDE static inline void filters_in(const float *weights, int c, int rows, int count, size_t row, float *u)
{
    for (int o = 0; o < rows; o++)
        for (int k = 0; k < count; k += DK_LANES) {
            v16 g[DK_FILTER], t[DK_POSITIONS];
            const float *at = weights + ((size_t)o * (size_t)c + (size_t)k) * DK_FILTER;
            if (count == c) /* one run, as the weights lie */
                for (int i = 0; i < DK_LANES * DK_FILTER; i += DK_LANES)
                    __builtin_prefetch(at + AHEAD + i, 0, 3);
            load_filters(at, g);
            DK_TWICE(winograd_filter, 3, DK_PATCH, g, t);
            for (size_t i = 0; i < DK_POSITIONS; i++)
                *(v16 *)(u + i * apart((size_t)rows, row) + (size_t)o * row + k) = t[i];
        }
}

#endif
