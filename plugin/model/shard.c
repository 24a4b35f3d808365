#include "model/shard.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

dc__shares dc__shares_even(int n, bool mesh)
{
    dc__shares shares = {.n = n, .mesh = mesh};
    for (int k = 0; k < n; k++)
        shares.weight[k] = 1;
    return shares;
}

/* All links in [1, n) that hold anything take t_s seconds for each byte of the parameters: parts (rate t_s - 1) / (N - 2) sum to 1. The
 * slowest ones of all may be too slow to hold anything. */
static double seconds_each(const dc__shares *shares, const double *Bps, double least_Bps)
{
    double all_Bps = 0;
    int n = 0;
    for (int k = 1; k < shares->n; k++)
        if (Bps[k] >= least_Bps) {
            all_Bps += Bps[k];
            n++;
        }
    return n ? (shares->n - 3 + n) / all_Bps : 0;
}

void dc__shares_of_links(dc__shares *shares, const double *Bps)
{
    double t_s = INFINITY, most = 0;
    *shares = dc__shares_even(shares->n, true);
    for (int k = 1; k < shares->n; k++)
        if (!(Bps[k] > 0)) return;
    if (shares->n < 4) return;
    for (int k = 1; k < shares->n; k++) { /* down to the slowest that still holds something */
        const double its_s = seconds_each(shares, Bps, Bps[k]);
        if (Bps[k] * its_s >= 1 && its_s < t_s) t_s = its_s;
    }
    for (int k = 1; k < shares->n; k++)
        most = Bps[k] * t_s - 1 > most ? Bps[k] * t_s - 1 : most;
    for (int k = 1; most > 0 && k < shares->n; k++) {
        const double weight = DC__SHARE_MOST * (Bps[k] * t_s - 1) / most + 0.5;
        shares->weight[k] = weight > 1 ? (uint16_t)weight : 1;
    }
}

/* Those that blocks are spread over are all from here on. */
static int first_of(const dc__shares *shares)
{
    return shares->mesh ? 1 : 0;
}

/* The shards that have least of their share so far first. How many. */
static int rank(const dc__shares *shares, const uint64_t *load, int *order)
{
    int n = 0;
    for (int k = first_of(shares); k < shares->n; k++) {
        int at = n++;
        for (; at > 0 && load[order[at - 1]] * shares->weight[k] > load[k] * shares->weight[order[at - 1]];
             at--)
            order[at] = order[at - 1];
        order[at] = k;
    }
    return n;
}

static dc_error add_piece(dc_model *part, const dc__arena_tensor *tensor, uint64_t from, uint64_t count)
{
    dc_tensor piece = tensor->t;
    piece.name = tensor->name;
    piece.count = (size_t)count;
    if (piece.value) piece.value += from;
    if (piece.gradient) piece.gradient += from;
    return dc_model_add_tensor(part, &piece);
}

/* The tensors of a layer, as far as they are trained in [begin, end); the others if they are this shard's, too. */
static dc_error add_layer(dc_model *part, const dc_model *whole, int layer, int *next, uint64_t begin,
                          uint64_t end, bool others)
{
    dc_error err = dc_model_add_layer(part, whole->layers[layer].type);
    for (; !err && *next < whole->n_tensors && whole->tensors[*next].layer == layer; ++*next) {
        const dc__arena_tensor *tensor = &whole->tensors[*next];
        const uint64_t first = tensor->offset, last = first + tensor->t.count;
        const uint64_t from = first > begin ? first : begin, to = last < end ? last : end;
        if (tensor->t.role != DC_TRAINED)
            err = others ? add_piece(part, tensor, 0, tensor->t.count) : DC_OK;
        else if (from < to)
            err = add_piece(part, tensor, from - first, to - from);
    }
    return err;
}

/* The layer whose first block is the meeting server's: the smallest, and of those the last, which is pushed first and
 * needed last. -1: there is none. */
static int meeting_layer(const dc_model *whole, const dc__shares *shares)
{
    int found = -1;
    uint64_t least = UINT64_MAX;
    for (int i = 0; shares->mesh && i < whole->n_layers; i++) {
        const dc__layer *l = &whole->layers[i];
        if (!l->n_blocks) continue;
        const uint64_t floats = whole->block_offset[l->first_block + 1] - whole->block_offset[l->first_block];
        if (floats > least) continue;
        least = floats;
        found = i;
    }
    return found;
}

typedef struct spreading {
    const dc_model *whole;
    const dc__shares *shares;
    int index, meeting;
    uint64_t load[DC__PARTS_MOST];
} spreading;

/* This shard's blocks of a layer are [*begin, *end) of the whole model's arena: each shard has what its share makes whole
 * blocks of, those with least so far one more as long as some are left over. The last block may be short: it is of the one with most. */
static void take_layer(spreading *x, int layer, uint64_t *begin, uint64_t *end)
{
    const dc_model *whole = x->whole;
    const dc__layer *l = &whole->layers[layer];
    const uint32_t last = l->first_block + l->n_blocks;
    uint32_t block = l->first_block, more, each[DC__PARTS_MOST];
    int order[DC__PARTS_MOST];
    uint64_t all = 0;
    *begin = *end = l->offset;
    if (layer == x->meeting) {
        if (x->index == 0) *end = whole->block_offset[block + 1];
        block++;
    }
    const int n = rank(x->shares, x->load, order);
    for (int k = 0; k < n; k++)
        all += x->shares->weight[order[k]];
    more = last - block;
    for (int k = 0; k < n; k++) {
        each[k] = (uint32_t)((uint64_t)(last - block) * x->shares->weight[order[k]] / all);
        more -= each[k];
    }
    for (int k = 0; k < n && block < last; k++) {
        const uint32_t next = block + each[k] + ((uint32_t)k < more);
        const uint64_t from = whole->block_offset[block],
                       to = next < last ? whole->block_offset[next] : l->offset + l->count;
        x->load[order[k]] += to - from;
        block = next;
        if (order[k] != x->index) continue;
        *begin = from;
        *end = to;
    }
}

static dc_error fill(dc__shard *s, const dc_model *whole, int index, const dc__shares *shares)
{
    spreading x = {.whole = whole, .shares = shares, .index = index, .meeting = meeting_layer(whole, shares)};
    uint64_t at = 0;
    dc_error err = DC_OK;
    int next = 0;
    for (int i = 0; !err && i < whole->n_layers; i++) {
        uint64_t begin, end;
        take_layer(&x, i, &begin, &end);
        err = add_layer(s->model, whole, i, &next, begin, end, index == 0);
        if (begin == end) continue;
        s->runs[s->n_runs++] = (dc__shard_run){.part = at, .whole = begin, .count = end - begin};
        at += end - begin;
    }
    for (int k = first_of(shares); !err && k < shares->n; k++)
        if (x.load[k] == 0)
            err =
                dc__fail(DC_EINVAL, "%s has only %u blocks to spread: of its share shard %d would have none",
                         whole->name, whole->n_blocks, k + 1);
    s->model->block_floats = whole->block_floats;
    if (!err) err = dc__model_seal(s->model);
    const uint64_t rest = dc__model_floats(whole) - whole->start[DC_FROZEN];
    if (!err && index == 0 && rest > 0)
        s->runs[s->n_runs++] = (dc__shard_run){.part = at, .whole = whole->start[DC_FROZEN], .count = rest};
    return err;
}

dc_error dc__shard_init(dc__shard *s, const dc_model *whole, int index, const dc__shares *shares)
{
    const int n = shares->n;
    dc__assert(whole->sealed && index >= 0 && index < n && n <= DC__PARTS_MOST);
    memset(s, 0, sizeof *s);
    if (whole->n_blocks < (uint32_t)n && shares->mesh)
        return dc__fail(DC_EINVAL,
                        "%s has only %u blocks to spread over %d workers and where they meet: use one server",
                        whole->name, whole->n_blocks, n - 1);
    if (whole->n_blocks < (uint32_t)n)
        return dc__fail(DC_EINVAL, "%s has only %u blocks to spread: give it %u shards at most", whole->name,
                        whole->n_blocks, whole->n_blocks);
    s->runs = calloc((size_t)whole->n_layers + 1, sizeof *s->runs);
    if (!s->runs) return dc__fail(DC_ENOMEM, "out of memory for a shard of %d layers", whole->n_layers);
    dc_error err = dc_model_new(&s->model, whole->name, &whole->optimizer, whole->images_per_round);
    if (!err) err = fill(s, whole, index, shares);
    if (err) dc__shard_free(s);
    return err;
}

void dc__shard_free(dc__shard *s)
{
    dc_model_free(s->model);
    free(s->runs);
    memset(s, 0, sizeof *s);
}

/* The run that holds an offset of the shard's arena. */
static int run_at(const dc__shard *s, uint64_t offset)
{
    int low = 0, high = s->n_runs - 1;
    while (low < high) {
        const int middle = low + (high - low + 1) / 2;
        if (s->runs[middle].part <= offset)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

void dc__shard_take(const dc__shard *s, uint64_t offset, uint64_t count, const float *from, float *whole)
{
    for (int k = count ? run_at(s, offset) : 0; count > 0; k++) {
        const dc__shard_run *run = &s->runs[k];
        const uint64_t skip = offset - run->part, left = run->count - skip, n = left < count ? left : count;
        memcpy(whole + run->whole + skip, from, n * sizeof *from);
        from += n;
        offset += n;
        count -= n;
    }
}

void dc__shard_give(const dc__shard *s, uint64_t end, const float *whole, float *to)
{
    for (int k = 0; k < s->n_runs && s->runs[k].part < end; k++) {
        const dc__shard_run *run = &s->runs[k];
        const uint64_t left = end - run->part, n = left < run->count ? left : run->count;
        memcpy(to + run->part, whole + run->whole, n * sizeof *to);
    }
}

/* Both cut a layer at the same floats: a run of the shard's is one of whole blocks. */
void dc__shard_blocks(const dc__shard *s, const dc_model *whole, const uint64_t *its, uint64_t *blocks)
{
    const dc_model *part = s->model;
    memset(blocks, 0xff, ((size_t)whole->n_blocks + 63) / 64 * sizeof *blocks);
    uint32_t to = 0;
    for (uint32_t b = 0; b < part->n_blocks; b++) {
        const dc__shard_run *run = &s->runs[run_at(s, part->block_offset[b])];
        const uint64_t offset = run->whole + (part->block_offset[b] - run->part);
        while (whole->block_offset[to] < offset)
            to++;
        dc__assert(to < whole->n_blocks && whole->block_offset[to] == offset);
        if (!(its[b / 64] >> (b % 64) & 1)) blocks[to / 64] &= ~((uint64_t)1 << (to % 64));
    }
}
