#include "net/queue.h"

#include <stdlib.h>
#include <string.h>

#include "core/error.h"

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

void dc__queue_start(dc__queue *queue, uint32_t n, bool slices, uint32_t slice_bytes)
{
    uint32_t total = 0;
    for (uint32_t k = 0; k < n; k++)
        total += queue->segments[k].n;
    dc__assert(total == queue->model->n_blocks && queue->left == 0);
    memset(queue->ready, 0, words(queue->model) * sizeof *queue->ready);
    queue->n_segments = n;
    queue->slices = slices;
    queue->slice_floats = slice_bytes / sizeof(float);
    queue->left = total;
    queue->segment = 0;
    queue->cursor = queue->probe = n ? queue->segments[0].first : 0;
}

void dc__queue_ready(dc__queue *queue, uint32_t b)
{
    queue->ready[b / 64] |= (uint64_t)1 << (b % 64);
}

static bool is_ready(const dc__queue *queue, uint32_t b)
{
    return queue->ready[b / 64] >> (b % 64) & 1;
}

/* Where the next frame may begin and must end; false if nothing may be sent. */
static bool next_run(dc__queue *queue, uint32_t *begin, uint32_t *end)
{
    if (queue->slices) {
        size_t word = 0;
        while (word < words(queue->model) && queue->ready[word] == 0)
            word++;
        if (word == words(queue->model)) return false;
        *begin = (uint32_t)word * 64 + (uint32_t)__builtin_ctzll(queue->ready[word]);
        *end = queue->model->n_blocks;
        return true;
    }
    const dc__segment *segment = &queue->segments[queue->segment];
    *begin = queue->cursor;
    *end = segment->first + segment->n;
    while (queue->probe < *end && is_ready(queue, queue->probe))
        queue->probe++;
    return queue->probe == *end;
}

bool dc__queue_waits(dc__queue *queue)
{
    uint32_t b, end;
    return queue->left > 0 && next_run(queue, &b, &end);
}

bool dc__queue_next(dc__queue *queue, uint32_t *first, uint32_t *n, bool *last)
{
    uint32_t b, end;
    if (queue->left == 0 || !next_run(queue, &b, &end)) return false;
    const uint64_t *offset = queue->model->block_offset;
    *first = b;
    /* Never less than a block; further ones (those of small layers are small) while the frame has room. */
    do {
        queue->ready[b / 64] &= ~((uint64_t)1 << (b % 64));
        b++;
    } while (b < end && is_ready(queue, b) && offset[b + 1] - offset[*first] <= queue->slice_floats);
    *n = b - *first;
    queue->left -= *n;
    *last = queue->slices ? queue->left == 0 : b == end;
    queue->cursor = b;
    if (!queue->slices && b == end && ++queue->segment < queue->n_segments)
        queue->cursor = queue->probe = queue->segments[queue->segment].first;
    return true;
}
