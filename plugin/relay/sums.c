#include "relay/sums.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

dc_error dc__summing_allocate(dc__summing *s, const dc_model *model, int slots)
{
    s->model = model;
    s->round = UINT64_MAX;
    s->sum = calloc(model->n_blocks, sizeof *s->sum);
    s->reduce.codec = &dc__codec_f32;
    return s->sum ? dc__reduce_allocate(&s->reduce, slots, model->n_blocks)
                  : dc__fail(DC_ENOMEM, "out of memory for a relay");
}

void dc__summing_free(dc__summing *s)
{
    dc__reduce_release(&s->reduce);
    for (uint32_t b = 0; s->sum && b < s->model->n_blocks; b++)
        free(s->sum[b]);
    free(s->sum);
    s->sum = NULL;
}

dc_error dc__summing_put(dc__summing *s, uint32_t b, int slot, const dc__slot *gradient, bool *whole,
                         float *rate)
{
    dc__addends a;
    const size_t n = (size_t)(s->model->block_offset[b + 1] - s->model->block_offset[b]);
    *whole = dc__reduce_put(&s->reduce, b, s->crew.n, slot, gradient->held, gradient->data, gradient->rate);
    if (!*whole) return DC_OK;
    float *sum = malloc(n * sizeof *sum);
    if (!sum) return dc__fail(DC_ENOMEM, "out of memory for a sum of %d gradients", s->crew.n);
    dc__reduce_collect(&s->reduce, &s->crew, b, 0, &a);
    dc__assert(a.n == s->crew.n);
    dc__reduce_sum(&a, n, NULL, sum);
    *rate = a.rate;
    s->sum[b] = sum;
    dc__reduce_free(&s->reduce, &s->crew, b);
    return DC_OK;
}

void dc__summing_give(dc__summing *s, uint32_t first, uint32_t end, float *to)
{
    const uint64_t *offset = s->model->block_offset;
    for (uint32_t b = first; b < end; b++) {
        memcpy(to + (offset[b] - offset[first]), s->sum[b], (size_t)(offset[b + 1] - offset[b]) * sizeof *to);
        free(s->sum[b]);
        s->sum[b] = NULL;
    }
}
