#include "schedule/queue.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static size_t words(const dc_model *model)
{
    return ((size_t)model->n_blocks + 63) / 64;
}

dc_error dc__queue_init(dc__queue *queue, const dc_model *model)
{
    memset(queue, 0, sizeof *queue);
    queue->model = model;
    queue->ready = calloc(words(model) + 1, sizeof *queue->ready);
    queue->segments = calloc((size_t)model->n_blocks + 1, sizeof *queue->segments);
    if (queue->ready && queue->segments) return DC_OK;
    dc__queue_free(queue);
    return dc__fail(DC_ENOMEM, "out of memory for a queue of %u blocks", model->n_blocks);
}

void dc__queue_free(dc__queue *queue)
{
    free(queue->ready);
    free(queue->segments);
    queue->ready = NULL;
    queue->segments = NULL;
}

void dc__queue_start(dc__queue *queue, uint32_t n, dc__order order, uint32_t slice_bytes)
{
    uint32_t total = 0;
    for (uint32_t k = 0; k < n; k++)
        total += queue->segments[k].n;
    dc__assert(total == queue->model->n_blocks && queue->left == 0);
    memset(queue->ready, 0, words(queue->model) * sizeof *queue->ready);
    queue->n_segments = n;
    queue->order = order;
    queue->slice_floats = slice_bytes / sizeof(float);
    queue->left = queue->unready = total;
    queue->segment = 0;
    queue->cursor = queue->probe = n ? queue->segments[0].first : 0;
}

void dc__queue_ready(dc__queue *queue, uint32_t b)
{
    queue->ready[b / 64] |= (uint64_t)1 << (b % 64);
    queue->unready--;
}

static bool is_ready(const dc__queue *queue, uint32_t b)
{
    return queue->ready[b / 64] >> (b % 64) & 1;
}

static bool lowest(const dc__queue *queue, uint32_t *b)
{
    for (size_t word = 0; word < words(queue->model); word++) {
        if (queue->ready[word] == 0) continue;
        *b = (uint32_t)word * 64 + (uint32_t)__builtin_ctzll(queue->ready[word]);
        return true;
    }
    return false;
}

/* The group of block b; they run from the highest block down. */
static const dc__segment *group_of(const dc__queue *queue, uint32_t b)
{
    uint32_t low = 0, high = queue->n_segments - 1;
    while (low < high) {
        const uint32_t middle = (low + high) / 2;
        if (queue->segments[middle].first <= b)
            high = middle;
        else
            low = middle + 1;
    }
    return &queue->segments[low];
}

/* Where a frame begins, and what it must not go below or reach. */
typedef struct room {
    uint32_t begin, floor, end;
} room;

/* In the group of b, the lowest ready block: its highest layer that has ready ones. */
static room room_in_group(const dc__queue *queue, uint32_t b)
{
    const dc__segment *group = group_of(queue, b);
    const int *layer = queue->model->block_layer;
    uint32_t at = group->first + group->n - 1;
    while (!is_ready(queue, at))
        at--;
    room r = {.floor = group->first, .end = at + 1};
    while (at > group->first && is_ready(queue, at - 1) && layer[at - 1] == layer[at])
        at--;
    r.begin = at;
    return r;
}

/* False if nothing may be sent. */
static bool next_room(dc__queue *queue, room *r)
{
    if (queue->left == 0) return false;
    if (queue->order != DC__IN_SEGMENTS) {
        uint32_t b;
        if (!lowest(queue, &b)) return false;
        const bool groups = queue->order == DC__IN_GROUPS && queue->unready > 0;
        *r = groups ? room_in_group(queue, b) : (room){b, b, queue->model->n_blocks};
        return true;
    }
    const dc__segment *segment = &queue->segments[queue->segment];
    *r = (room){queue->cursor, queue->cursor, segment->first + segment->n};
    while (queue->probe < r->end && is_ready(queue, queue->probe))
        queue->probe++;
    return queue->probe == r->end;
}

bool dc__queue_waits(dc__queue *queue)
{
    room r;
    return next_room(queue, &r);
}

static bool fits(const dc__queue *queue, uint32_t begin, uint32_t end)
{
    const uint64_t *offset = queue->model->block_offset;
    return offset[end] - offset[begin] <= queue->slice_floats;
}

bool dc__queue_next(dc__queue *queue, uint32_t *first, uint32_t *n, bool *last)
{
    room r;
    if (!next_room(queue, &r)) return false;
    /* Never less than a block; further ones (those of small layers are small) while the frame has room. */
    uint32_t begin = r.begin, end = begin + 1;
    while (end < r.end && is_ready(queue, end) && fits(queue, begin, end + 1))
        end++;
    if (end == r.end)
        while (begin > r.floor && is_ready(queue, begin - 1) && fits(queue, begin - 1, end))
            begin--;
    for (uint32_t b = begin; b < end; b++)
        queue->ready[b / 64] &= ~((uint64_t)1 << (b % 64));
    *first = begin;
    *n = end - begin;
    queue->left -= *n;
    *last = queue->order == DC__IN_SEGMENTS ? end == r.end : queue->left == 0;
    queue->cursor = end;
    if (queue->order == DC__IN_SEGMENTS && *last && ++queue->segment < queue->n_segments)
        queue->cursor = queue->probe = queue->segments[queue->segment].first;
    return true;
}
