/* largest.c - see largest.h.
 *
 *   The choice is exact and costs little more than reading the run: a sample gives a magnitude that somewhat
 * more than k floats reach; those are collected, and the k-th of them is found by counting (three passes of
 * 11 bits each). If the sample was misleading, a lower magnitude is tried. Magnitudes are compared as whole
 * numbers, so no instruction set decides otherwise; what is not a number is largest. */
#include "codec/largest.h"

#include <math.h>

#include "codec/isa.h"

#define SAMPLES 512u
#define STEP 32u

size_t dc__largest_count(size_t n, double share)
{
    const size_t k = (size_t)floor((double)n * share);
    return k < 1 ? n > 0 : k < n ? k : n;
}

DC__CLONES static void sum(const float *restrict values, const float *kept, size_t n, float *keep)
{
#pragma GCC ivdep /* keep may be kept, float for float */
    for (size_t i = 0; i < n; i++)
        keep[i] = values[i] + kept[i];
}

void dc__largest_sum(const float *values, const float *kept, size_t n, float *keep)
{
    if (kept)
        sum(values, kept, n, keep);
    else if (keep != values)
        memcpy(keep, values, n * sizeof *keep);
}

/* The rank-th largest (from 1) of n magnitudes, which are changed. */
static uint32_t find_rank(uint32_t *magnitude, uint32_t n, uint32_t rank)
{
    static const struct {
        uint32_t shift, bits;
    } passes[] = {{20, 11}, {9, 11}, {0, 9}};
    for (int pass = 0; pass < 3; pass++) {
        uint32_t count[2048] = {0};
        const uint32_t shift = passes[pass].shift, mask = (1u << passes[pass].bits) - 1;
        for (uint32_t i = 0; i < n; i++)
            count[magnitude[i] >> shift & mask]++;
        uint32_t bin = mask;
        for (; count[bin] < rank; bin--)
            rank -= count[bin];
        uint32_t left = 0;
        for (uint32_t i = 0; i < n; i++)
            if ((magnitude[i] >> shift & mask) == bin) magnitude[left++] = magnitude[i];
        n = left;
    }
    return magnitude[0];
}

static uint32_t magnitude_of(float value)
{
    return dc__bits_of(value) & 0x7fffffffu;
}

/* How many of STEP floats reach a magnitude. */
DC__INLINE uint32_t reach(const float *values, uint32_t magnitude)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < STEP; i++)
        n += magnitude_of(values[i]) >= magnitude;
    return n;
}

DC__CLONES static void collect(dc__picks *p, const float *values, uint32_t n, uint32_t least)
{
    p->n = 0;
    for (uint32_t at = 0; at < n; at += STEP) {
        if (at + STEP <= n && reach(values + at, least) == 0) continue;
        for (uint32_t i = at; i < n && i < at + STEP; i++) {
            p->magnitude[p->n] = magnitude_of(values[i]);
            p->place[p->n] = (uint16_t)i;
            p->n += p->magnitude[p->n] >= least;
        }
    }
}

/* A magnitude that probably more than k of n floats reach. */
static uint32_t guess(const float *values, uint32_t n, uint32_t k, double more)
{
    uint32_t sample[SAMPLES];
    if (n <= SAMPLES) return 0;
    for (uint32_t i = 0; i < SAMPLES; i++)
        sample[i] = magnitude_of(values[(size_t)i * n / SAMPLES]);
    const double rank = more * ((double)k * SAMPLES / n + 2 * sqrt((double)k * SAMPLES / n) + 2);
    return rank >= SAMPLES ? 0 : find_rank(sample, SAMPLES, (uint32_t)rank);
}

void dc__largest(dc__picks *p, const float *values, uint32_t n, uint32_t k)
{
    double more = 1;
    do {
        collect(p, values, n, guess(values, n, k, more));
        more *= 4;
    } while (p->n < k);
    if (p->n == k) return;
    const uint32_t least = find_rank(p->magnitude, p->n, k);
    uint32_t over = 0;
    for (uint32_t i = 0; i < p->n; i++)
        over += magnitude_of(values[p->place[i]]) > least;
    uint32_t equal = k - over, taken = 0; /* the first of those that are equal to the k-th */
    for (uint32_t i = 0; i < p->n; i++) {
        const uint32_t magnitude = magnitude_of(values[p->place[i]]);
        if (magnitude < least || (magnitude == least && equal == 0)) continue;
        equal -= magnitude == least;
        p->place[taken++] = p->place[i];
    }
}
