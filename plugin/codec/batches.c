#include "codec/batches.h"

dc__batches dc__batches_always(uint32_t n)
{
    const dc__steps all = {.n = n};
    return (dc__batches){.before = all, .now = all};
}

/* The next stage while the number grows. */
static dc__steps grow(const dc__batches *b, dc__steps at, uint32_t stages)
{
    const uint32_t part = (b->warm + stages - 1) / stages, rounds = (part + at.n - 1) / at.n;
    at.round += rounds;
    at.batch += (uint64_t)rounds * at.n;
    at.n = 2 * at.n < b->now.n ? 2 * at.n : b->now.n;
    return at;
}

/* Rounds of as many batches each as the one with this number, or with this batch, from where on. */
static dc__steps stage_of(const dc__batches *b, uint64_t number, bool is_batch)
{
    if (!b->warm) return number >= (is_batch ? b->now.batch : b->now.round) ? b->now : b->before;
    uint32_t stages = 0;
    for (uint32_t n = 1; n < b->now.n; n *= 2)
        stages++;
    dc__steps at = {.n = 1};
    while (at.n < b->now.n) {
        const dc__steps next = grow(b, at, stages);
        if (number < (is_batch ? next.batch : next.round)) break;
        at = next;
    }
    return at;
}

dc__steps dc__batches_of(const dc__batches *b, uint64_t round)
{
    const dc__steps s = stage_of(b, round, false);
    return (dc__steps){.round = round, .batch = s.batch + (round - s.round) * s.n, .n = s.n};
}

uint64_t dc__batches_round(const dc__batches *b, uint64_t batch)
{
    const dc__steps s = stage_of(b, batch, true);
    return s.round + (batch - s.batch) / s.n;
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
