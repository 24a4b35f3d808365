#include "server/clip.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

dc_error dc__clip_allocate(dc__clip *c, const dc_model *m, int members)
{
    const double factor = c->factor;
    if (factor == 0) return DC_OK;
    const size_t rows = (size_t)members;
    c->members = members;
    c->layers = m->n_layers;
    c->n_blocks = m->n_blocks;
    c->norms = calloc((DC__CLIP_ROUNDS + 1) * (size_t)m->n_layers * rows, sizeof *c->norms);
    c->waiting = calloc(rows * m->n_blocks, sizeof *c->waiting);
    c->squares = calloc(rows * m->n_blocks, sizeof *c->squares);
    c->came = calloc(rows * (size_t)m->n_layers, sizeof *c->came);
    if (c->norms && c->waiting && c->squares && c->came) return DC_OK;
    return dc__fail(DC_ENOMEM, "out of memory for the norms of %d workers' gradients", members);
}

void dc__clip_release(dc__clip *c)
{
    const double factor = c->factor;
    free(c->norms);
    free(c->waiting);
    free(c->squares);
    free(c->came);
    memset(c, 0, sizeof *c);
    c->factor = factor;
}

static float *norms_of(const dc__clip *c, int layer, uint64_t round)
{
    const size_t row = (size_t)(round % (DC__CLIP_ROUNDS + 1)) * (size_t)c->layers + (size_t)layer;
    return c->norms + row * (size_t)c->members;
}

void dc__clip_begin(dc__clip *c, uint64_t round)
{
    if (c->factor > 0)
        memset(norms_of(c, 0, round), 0, sizeof(float) * (size_t)c->layers * (size_t)c->members);
}

void dc__clip_omit(dc__clip *c, const dc_model *m, int member, uint64_t round, const uint64_t *counted)
{
    for (uint32_t b = 0; c->factor > 0 && b < m->n_blocks; b++)
        if (!(counted[b / 64] >> (b % 64) & 1)) norms_of(c, m->block_layer[b], round)[member] = 0;
}

static int ascending(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

double dc__clip_bound(const dc__clip *c, int layer, uint64_t round)
{
    float known[DC__CLIP_ROUNDS * DC__CREW_MOST];
    int n = 0;
    for (uint64_t back = 1; back <= DC__CLIP_ROUNDS && back <= round; back++) {
        const float *norm = norms_of(c, layer, round - back);
        for (int k = 0; k < c->members; k++)
            if (norm[k] > 0) known[n++] = norm[k];
    }
    if (n == 0) return INFINITY;
    qsort(known, (size_t)n, sizeof *known, ascending);
    return c->factor * ((double)known[(n - 1) / 2] + (double)known[n / 2]) / 2;
}

static double square_of(size_t n, const float *x)
{
    double sum[8] = {0};
    size_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (size_t k = 0; k < 8; k++)
            sum[k] += (double)x[i + k] * (double)x[i + k];
    for (; i < n; i++)
        sum[0] += (double)x[i] * (double)x[i];
    return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
}

/* The layer is complete: notes its norm, and scales it down if it is too long. The data lies in messages of ours. */
static void bound_layer(dc__clip *c, const dc_model *m, int member, int layer, uint64_t round, bool counts)
{
    const dc__layer *l = &m->layers[layer];
    const size_t row = (size_t)member * c->n_blocks + l->first_block;
    double square = 0;
    for (uint32_t i = 0; i < l->n_blocks; i++)
        square += c->squares[row + i];
    const double norm = sqrt(square), most = dc__clip_bound(c, layer, round);
    norms_of(c, layer, round)[member] = counts ? (float)fmin(fmin(norm, most), (double)FLT_MAX) : 0;
    if (!counts || norm <= most) return;
    const float scale = (float)(most / norm);
    for (uint32_t i = 0; i < l->n_blocks; i++) {
        float *x = (float *)(uintptr_t)c->waiting[row + i].data;
        const uint32_t b = l->first_block + i;
        for (uint64_t k = 0; k < m->block_offset[b + 1] - m->block_offset[b]; k++)
            x[k] *= scale;
    }
}

bool dc__clip_add(dc__clip *c, const dc_model *m, int member, uint32_t b, uint64_t round,
                  const dc__slot *slot, bool counts)
{
    const int layer = m->block_layer[b];
    const size_t at = (size_t)member * c->n_blocks + b;
    uint32_t *came = &c->came[(size_t)member * (size_t)c->layers + (size_t)layer];
    c->waiting[at] = *slot;
    c->squares[at] = square_of((size_t)(m->block_offset[b + 1] - m->block_offset[b]), slot->data);
    if (++*came < m->layers[layer].n_blocks) return false;
    *came = 0;
    bound_layer(c, m, member, layer, round, counts);
    return true;
}

const dc__slot *dc__clip_slots(const dc__clip *c, int member)
{
    return c->waiting + (size_t)member * c->n_blocks;
}

bool dc__clip_abandon(dc__clip *c, int member, int layer)
{
    uint32_t *came = &c->came[(size_t)member * (size_t)c->layers + (size_t)layer];
    const bool some = *came > 0;
    *came = 0;
    return some;
}
