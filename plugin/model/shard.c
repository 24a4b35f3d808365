#include "model/shard.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* The shards that have least so far first. */
static void rank(const uint64_t *load, int n, int *order)
{
    for (int k = 0; k < n; k++) {
        int at = k;
        for (; at > 0 && load[order[at - 1]] > load[k]; at--)
            order[at] = order[at - 1];
        order[at] = k;
    }
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

/* This shard's blocks of a layer are [*begin, *end) of the whole model's arena: each shard has equally many, those with
 * least so far one more as long as some are left over. The last block may be short: it is of the one with most. */
static void take_layer(const dc_model *whole, int layer, int index, int n, uint64_t *load, uint64_t *begin,
                       uint64_t *end)
{
    const dc__layer *l = &whole->layers[layer];
    const uint32_t each = l->n_blocks / (uint32_t)n, more = l->n_blocks % (uint32_t)n,
                   last = l->first_block + l->n_blocks;
    int order[DC__SHARDS_MOST];
    uint32_t block = l->first_block;
    *begin = *end = l->offset;
    rank(load, n, order);
    for (int k = 0; k < n && block < last; k++) {
        const uint32_t next = block + each + ((uint32_t)k < more);
        const uint64_t from = whole->block_offset[block],
                       to = next < last ? whole->block_offset[next] : l->offset + l->count;
        load[order[k]] += to - from;
        block = next;
        if (order[k] != index) continue;
        *begin = from;
        *end = to;
    }
}

static dc_error fill(dc__shard *s, const dc_model *whole, int index, int n)
{
    uint64_t load[DC__SHARDS_MOST] = {0}, at = 0;
    dc_error err = DC_OK;
    int next = 0;
    for (int i = 0; !err && i < whole->n_layers; i++) {
        uint64_t begin, end;
        take_layer(whole, i, index, n, load, &begin, &end);
        err = add_layer(s->model, whole, i, &next, begin, end, index == 0);
        if (begin == end) continue;
        s->runs[s->n_runs++] = (dc__shard_run){.part = at, .whole = begin, .count = end - begin};
        at += end - begin;
    }
    s->model->block_floats = whole->block_floats;
    if (!err) err = dc__model_seal(s->model);
    const uint64_t rest = dc__model_floats(whole) - whole->start[DC_FROZEN];
    if (!err && index == 0 && rest > 0)
        s->runs[s->n_runs++] = (dc__shard_run){.part = at, .whole = whole->start[DC_FROZEN], .count = rest};
    return err;
}

dc_error dc__shard_init(dc__shard *s, const dc_model *whole, int index, int n)
{
    dc__assert(whole->sealed && index >= 0 && index < n && n <= DC__SHARDS_MOST);
    memset(s, 0, sizeof *s);
    if (whole->n_blocks < (uint32_t)n)
        return dc__fail(DC_EINVAL, "%s has only %u blocks to spread: give it %u shards at most", whole->name,
                        whole->n_blocks, whole->n_blocks);
    s->runs = calloc((size_t)whole->n_layers + 1, sizeof *s->runs);
    if (!s->runs) return dc__fail(DC_ENOMEM, "out of memory for a shard of %d layers", whole->n_layers);
    dc_error err = dc_model_new(&s->model, whole->name, &whole->optimizer, whole->images_per_round);
    if (!err) err = fill(s, whole, index, n);
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
