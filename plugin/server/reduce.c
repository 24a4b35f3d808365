#include "server/reduce.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "net/link.h"

dc_error dc__reduce_allocate(dc__reduce *r, int members, uint32_t n_blocks)
{
    const size_t slots = (size_t)n_blocks * (size_t)members;
    r->members = members;
    r->n_blocks = n_blocks;
    r->arrived = calloc(n_blocks, sizeof *r->arrived);
    r->slots = calloc(slots, sizeof *r->slots);
    r->held = calloc(slots, sizeof *r->held);
    if (r->arrived && r->slots && r->held) return DC_OK;
    return dc__fail(DC_ENOMEM, "out of memory for the gradients of %d workers", members);
}

void dc__reduce_release(dc__reduce *r)
{
    if (r->held)
        for (size_t i = 0; i < (size_t)r->n_blocks * (size_t)r->members; i++)
            if (r->held[i].message && r->held[i].blocks_left > 0) dc__link_discard(r->held[i].message);
    free(r->arrived);
    free(r->slots);
    free(r->held);
    memset(r, 0, sizeof *r);
}

dc__held *dc__reduce_hold(dc__reduce *r, int member, uint32_t first, uint32_t n, void *message)
{
    dc__held *held = &r->held[(size_t)member * r->n_blocks + first];
    held->message = message;
    held->blocks_left = n;
    return held;
}

static dc__slot *slots_of(const dc__reduce *r, uint32_t b)
{
    return &r->slots[(size_t)b * (size_t)r->members];
}

bool dc__reduce_put(dc__reduce *r, uint32_t b, int member, dc__held *held, const float *data, float rate)
{
    slots_of(r, b)[member] = (dc__slot){.data = data, .held = held, .rate = rate};
    if (atomic_fetch_add(&r->arrived[b], 1) + 1 < (uint32_t)r->members) return false;
    r->arrived[b] = 0;
    return true;
}

void dc__reduce_sum(const dc__reduce *r, uint32_t b, size_t n, const float *start, float *sum)
{
    const dc__slot *slot = slots_of(r, b);
    if (start)
        dc__add_to(n, sum, start, slot[0].data);
    else
        memcpy(sum, slot[0].data, n * sizeof *sum);
    for (int k = 1; k < r->members; k++)
        dc__add(n, sum, slot[k].data);
}

float dc__reduce_rate(const dc__reduce *r, uint32_t b)
{
    return slots_of(r, b)[0].rate;
}

void dc__reduce_free(dc__reduce *r, uint32_t b)
{
    for (int k = 0; k < r->members; k++) {
        dc__slot *slot = &slots_of(r, b)[k];
        dc__held *held = slot->held;
        slot->data = NULL;
        slot->held = NULL;
        if (atomic_fetch_sub(&held->blocks_left, 1) == 1) {
            void *message = held->message;
            held->message = NULL;
            dc__link_discard(message);
        }
    }
}
