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
    r->refused = calloc((size_t)members, sizeof *r->refused);
    if (r->arrived && r->slots && r->held && r->refused) return DC_OK;
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
    free(r->refused);
    memset(r, 0, sizeof *r);
}

dc__held *dc__reduce_hold(dc__reduce *r, int member, uint32_t first, uint32_t n, void *message)
{
    dc__held *held = &r->held[(size_t)member * r->n_blocks + first];
    held->message = message;
    held->blocks_left = n;
    return held;
}

void dc__held_release(dc__held *held)
{
    if (atomic_fetch_sub(&held->blocks_left, 1) > 1) return;
    void *message = held->message;
    held->message = NULL;
    dc__link_discard(message);
}

static dc__slot *slots_of(const dc__reduce *r, uint32_t b)
{
    return &r->slots[(size_t)b * (size_t)r->members];
}

/* n is read before the count is raised: with the last one a new round may begin, of another crew. */
static bool is_last(dc__reduce *r, uint32_t b, uint32_t n)
{
    if (atomic_fetch_add(&r->arrived[b], 1) + 1 < n) return false;
    r->arrived[b] = 0;
    return true;
}

bool dc__reduce_put(dc__reduce *r, uint32_t b, int n, int member, dc__held *held, const void *data,
                    float rate)
{
    slots_of(r, b)[member] = (dc__slot){.data = data, .held = held, .rate = rate};
    return is_last(r, b, (uint32_t)n);
}

bool dc__reduce_skip(dc__reduce *r, uint32_t b, int n)
{
    return is_last(r, b, (uint32_t)n);
}

void dc__reduce_unskip(dc__reduce *r, uint32_t b)
{
    r->arrived[b]--;
}

void dc__reduce_refuse(dc__reduce *r, int member, uint64_t round)
{
    uint64_t known = r->refused[member];
    while (known <= round && !atomic_compare_exchange_weak(&r->refused[member], &known, round + 1)) {
    }
}

void dc__reduce_collect(const dc__reduce *r, const dc__crew *crew, uint32_t b, uint64_t round, dc__addends *a)
{
    const dc__slot *slots = slots_of(r, b);
    a->n = 0;
    a->images = 0;
    a->codec = r->codec;
    for (int k = 0; k < crew->n; k++) {
        const int member = crew->member[k].slot;
        const dc__slot *slot = &slots[member];
        if (!slot->data || r->refused[member] == round + 1) continue;
        if (a->n == 0) a->rate = slot->rate;
        a->images += (uint64_t)crew->member[k].images + crew->member[k].behind;
        a->member[a->n] = member;
        a->data[a->n++] = slot->data;
    }
}

/* The first onto nothing is a value as it came: a zero may be negative. */
static void sum_coded(const dc__addends *a, size_t n, const float *start, float *sum)
{
    if (start)
        memcpy(sum, start, n * sizeof *sum);
    else
        a->codec->decode(a->data[0], sum, n);
    for (int k = start ? 0 : 1; k < a->n; k++)
        a->codec->add(a->data[k], sum, n);
}

void dc__reduce_sum(const dc__addends *a, size_t n, const float *start, float *sum)
{
    if (!a->codec->exact) {
        sum_coded(a, n, start, sum);
        return;
    }
    int k = 0;
    const float *first = start ? start : a->data[k++];
    if (k + 1 < a->n) {
        dc__add_both(n, sum, first, a->data[k], a->data[k + 1]);
        k += 2;
    } else if (k < a->n)
        dc__add_to(n, sum, first, a->data[k++]);
    else
        memcpy(sum, first, n * sizeof *sum);
    for (; k < a->n; k++)
        dc__add(n, sum, a->data[k]);
}

void dc__reduce_free(dc__reduce *r, const dc__crew *crew, uint32_t b)
{
    for (int k = 0; k < crew->n; k++) {
        dc__slot *slot = &slots_of(r, b)[crew->member[k].slot];
        dc__held *held = slot->held;
        slot->data = NULL;
        slot->held = NULL;
        if (held) dc__held_release(held);
    }
}
