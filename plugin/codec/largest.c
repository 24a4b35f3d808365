/* largest.c - see largest.h.
 *
 *   The choice is exact and costs little more than reading the run: a sample gives a magnitude that somewhat
 * more than k floats reach; those are collected, and the k-th of them is found by counting how many there are in each
 * part of their range, then in each part of that one's. If the sample was misleading, a lower magnitude is tried.
 * Magnitudes are compared as whole numbers, so no instruction set decides otherwise; what is not a number is largest.
 * Which float is picked cannot be foreseen, so the loops here have no branch that asks for it. */
#include "codec/largest.h"

#include <math.h>

#include "codec/isa.h"

#define SAMPLES 512u
#define STEP 32u /* a bit of a word for each */
#define BINS_LOG 10
#define BINS (1u << BINS_LOG)

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

/* Bits to shift a range of magnitudes by, for at most BINS parts. */
static uint32_t shift_of(uint32_t range)
{
    const int bits = range ? 32 - __builtin_clz(range) : 0;
    return bits > BINS_LOG ? (uint32_t)(bits - BINS_LOG) : 0;
}

DC__CLONES static void find_range(const uint32_t *magnitude, uint32_t n, uint32_t *least, uint32_t *most)
{
    uint32_t low = UINT32_MAX, high = 0;
    for (uint32_t i = 0; i < n; i++) {
        low = magnitude[i] < low ? magnitude[i] : low;
        high = magnitude[i] > high ? magnitude[i] : high;
    }
    *least = low;
    *most = high;
}

/* The rank-th largest (from 1) of n magnitudes, which are changed. */
static uint32_t find_rank(uint32_t *magnitude, uint32_t n, uint32_t rank)
{
    for (;;) {
        uint32_t least, most, count[BINS] = {0};
        find_range(magnitude, n, &least, &most);
        if (least == most) return least;
        const uint32_t shift = shift_of(most - least);
        for (uint32_t i = 0; i < n; i++)
            count[(magnitude[i] - least) >> shift]++;
        uint32_t bin = (most - least) >> shift;
        for (; count[bin] < rank; bin--)
            rank -= count[bin];
        uint32_t left = 0;
        for (uint32_t i = 0; i < n; i++) {
            const uint32_t one = magnitude[i];
            magnitude[left] = one;
            left += (one - least) >> shift == bin;
        }
        n = left;
    }
}

static uint32_t magnitude_of(float value)
{
    return dc__bits_of(value) & 0x7fffffffu;
}

/* Which of STEP floats reach a magnitude. */
DC__INLINE uint32_t reach(const float *values, uint32_t magnitude)
{
    uint32_t bits = 0;
    for (uint32_t i = 0; i < STEP; i++)
        bits |= (uint32_t)(magnitude_of(values[i]) >= magnitude) << i;
    return bits;
}

DC__CLONES static void collect(dc__picks *p, const float *values, uint32_t n, uint32_t least)
{
    uint32_t found = 0, at = 0;
    for (; at + STEP <= n; at += STEP)
        for (uint32_t bits = reach(values + at, least); bits; bits &= bits - 1) {
            const uint32_t i = at + (uint32_t)__builtin_ctz(bits);
            p->magnitude[found] = magnitude_of(values[i]);
            p->place[found++] = (uint16_t)i;
        }
    for (; at < n; at++)
        if (magnitude_of(values[at]) >= least) {
            p->magnitude[found] = magnitude_of(values[at]);
            p->place[found++] = (uint16_t)at;
        }
    p->n = found;
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
    uint32_t over = 0, taken = 0;
    for (uint32_t i = 0; i < p->n; i++)
        over += magnitude_of(values[p->place[i]]) > least;
    uint32_t equal = k - over; /* the first of those that are equal to the k-th */
    for (uint32_t i = 0; i < p->n; i++) {
        const uint16_t place = p->place[i];
        const uint32_t magnitude = magnitude_of(values[place]), tie = (magnitude == least) & (equal > 0);
        equal -= tie;
        p->place[taken] = place;
        taken += (magnitude > least) | tie;
    }
}
