#include "codec/batches.h"

dc__batches dc__batches_always(uint32_t n)
{
    const dc__steps all = {.n = n};
    return (dc__batches){.before = all, .now = all};
}

dc__steps dc__batches_of(const dc__batches *b, uint64_t round)
{
    const dc__steps *s = round >= b->now.round ? &b->now : &b->before;
    return (dc__steps){.round = round, .batch = s->batch + (round - s->round) * s->n, .n = s->n};
}

void dc__batches_change(dc__batches *b, dc__steps next)
{
    if (next.round != b->now.round) b->before = b->now;
    b->now = next;
}

bool dc__steps_possible(const dc__steps *s)
{
    return s->n >= 1 && s->n <= DC__STEPS_MOST && s->round <= UINT32_MAX && s->batch >= s->round &&
           s->batch <= s->round * DC__STEPS_MOST;
}

bool dc__batches_possible(const dc__batches *b, uint64_t round)
{
    if (!dc__steps_possible(&b->before) || !dc__steps_possible(&b->now)) return false;
    if (b->before.round > round || b->before.round > b->now.round) return false;
    return b->before.batch + (b->now.round - b->before.round) * b->before.n == b->now.batch;
}
