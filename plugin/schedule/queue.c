#include "schedule/queue.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static uint32_t words(const dc__queue *queue)
{
    return (queue->pieces.n + 63) / 64;
}

dc_error dc__queue_init(dc__queue *queue, dc__pieces pieces)
{
    memset(queue, 0, sizeof *queue);
    queue->pieces = pieces;
    queue->ready = calloc((size_t)words(queue) + 1, sizeof *queue->ready);
    queue->segments = calloc((size_t)pieces.n + 1, sizeof *queue->segments);
    if (queue->ready && queue->segments) return DC_OK;
    dc__queue_free(queue);
    return dc__fail(DC_ENOMEM, "out of memory for a queue of %u pieces", pieces.n);
}

void dc__queue_free(dc__queue *queue)
{
    free(queue->ready);
    free(queue->segments);
    queue->ready = NULL;
    queue->segments = NULL;
}

uint32_t dc__queue_cut(dc__queue *queue, const dc_plan *plan, bool push)
{
    const dc__pieces *pieces = &queue->pieces;
    const int segments = push ? plan->n_push : plan->n_pull;
    uint32_t n = 0, low = 0, high = pieces->n; /* what is not in a segment yet */
    for (int k = 0; k < segments; k++) {
        const uint32_t from = low, to = high;
        if (push)
            while (high > low && pieces->layer[high - 1] >= plan->push_end[k])
                high--;
        else
            while (low < high && pieces->layer[low] <= plan->pull_end[k])
                low++;
        const dc__segment cut = push ? (dc__segment){high, to - high} : (dc__segment){from, low - from};
        if (cut.n > 0) queue->segments[n++] = cut;
    }
    dc__assert(low == high);
    return n;
}

dc__order dc__queue_order(const dc_plan *plan, bool push)
{
    if (plan->strategy != DC_DUPLEX) return DC__IN_SEGMENTS;
    return push && plan->n_push < plan->n_layers ? DC__IN_GROUPS : DC__IN_SLICES;
}

void dc__queue_start(dc__queue *queue, uint32_t n, dc__order order, uint64_t frame_most)
{
    uint32_t total = 0;
    for (uint32_t k = 0; k < n; k++)
        total += queue->segments[k].n;
    dc__assert(total == queue->pieces.n && queue->left == 0);
    memset(queue->ready, 0, words(queue) * sizeof *queue->ready);
    queue->low_word = words(queue);
    queue->n_segments = n;
    queue->order = order;
    queue->frame_most = frame_most;
    queue->left = queue->unready = total;
    queue->segment = 0;
    queue->cursor = queue->probe = n ? queue->segments[0].first : 0;
}

void dc__queue_clear(dc__queue *queue)
{
    queue->left = queue->unready = 0;
}

void dc__queue_ready(dc__queue *queue, uint32_t b)
{
    queue->ready[b / 64] |= (uint64_t)1 << (b % 64);
    if (b / 64 < queue->low_word) queue->low_word = b / 64;
    queue->unready--;
}

static bool is_ready(const dc__queue *queue, uint32_t b)
{
    return queue->ready[b / 64] >> (b % 64) & 1;
}

/* There is one. */
static uint32_t lowest(dc__queue *queue)
{
    while (queue->ready[queue->low_word] == 0)
        queue->low_word++;
    return queue->low_word * 64 + (uint32_t)__builtin_ctzll(queue->ready[queue->low_word]);
}

/* The highest one before end; there is one. */
static uint32_t highest(const dc__queue *queue, uint32_t end)
{
    uint32_t word = (end - 1) / 64;
    uint64_t bits = queue->ready[word] & (~(uint64_t)0 >> (63 - (end - 1) % 64));
    while (bits == 0)
        bits = queue->ready[--word];
    return word * 64 + 63 - (uint32_t)__builtin_clzll(bits);
}

/* The group of piece b; they run from the highest piece down. */
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

/* In the group of b, the lowest ready piece: its highest layer that has ready ones. */
static room room_in_group(const dc__queue *queue, uint32_t b)
{
    const dc__segment *group = group_of(queue, b);
    const int *layer = queue->pieces.layer;
    uint32_t at = highest(queue, group->first + group->n);
    room r = {.floor = group->first, .end = at + 1};
    while (at > group->first && is_ready(queue, at - 1) && layer[at - 1] == layer[at])
        at--;
    r.begin = at;
    return r;
}

/* False if nothing may be sent. */
static bool next_room(dc__queue *queue, room *r)
{
    if (queue->left == queue->unready) return false; /* all that is ready is sent */
    if (queue->order != DC__IN_SEGMENTS) {
        const uint32_t b = lowest(queue);
        const bool groups = queue->order == DC__IN_GROUPS && queue->unready > 0;
        *r = groups ? room_in_group(queue, b) : (room){b, b, queue->pieces.n};
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

bool dc__queue_lowest(dc__queue *queue, uint32_t *piece)
{
    if (queue->order == DC__IN_SEGMENTS || queue->left == queue->unready) return false;
    *piece = lowest(queue);
    return true;
}

static bool fits(const dc__queue *queue, uint32_t begin, uint32_t end)
{
    const uint64_t *offset = queue->pieces.offset;
    return offset[end] - offset[begin] <= queue->frame_most;
}

bool dc__queue_next(dc__queue *queue, uint32_t *first, uint32_t *n, bool *last)
{
    room r;
    if (!next_room(queue, &r)) return false;
    /* Never less than a piece; further ones (those of small layers are small) while the frame has room. */
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
