/* topk.c - the k floats of largest magnitude (Lin et al., Deep Gradient Compression, ICLR 2018), of equal ones
 * the first: k (2 bytes), k places in ascending order (2 bytes each), k values (bf16). All others, and what
 * bf16 leaves of those, are kept.
 *
 *   The choice is exact and costs little more than reading the run: a sample gives a magnitude that somewhat
 * more than k floats reach; those are collected, and the k-th of them is found by counting (three passes of
 * 11 bits each). If the sample was misleading, a lower magnitude is tried. Magnitudes are compared as whole
 * numbers, so no instruction set decides otherwise; what is not a number is largest. */
#include <math.h>

#include "base/error.h"
#include "codec/codec.h"
#include "codec/isa.h"

#define SAMPLES 512u
#define STEP 32u

/* Collects at most every float of a run. */
typedef struct pick {
    uint32_t n;
    uint32_t magnitude[DC__TOPK_FLOATS_MOST];
    uint16_t place[DC__TOPK_FLOATS_MOST];
} pick;

static size_t count_of(size_t n, double share)
{
    const size_t k = (size_t)floor((double)n * share);
    return k < 1 ? n > 0 : k < n ? k : n;
}

static size_t encoded_most(size_t n, double share)
{
    return 2 + 4 * count_of(n, share);
}

DC__CLONES static void sum(const float *restrict values, const float *kept, size_t n, float *keep)
{
#pragma GCC ivdep /* keep may be kept, float for float */
    for (size_t i = 0; i < n; i++)
        keep[i] = values[i] + kept[i];
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

DC__CLONES static void collect(pick *p, const float *values, uint32_t n, uint32_t least)
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

/* Puts the places of the k largest first into p->place, in ascending order. */
static void choose(pick *p, const float *values, uint32_t n, uint32_t k)
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

static size_t encode(const float *values, size_t n, double share, const float *kept, float *keep,
                     void *payload)
{
    pick p;
    dc__assert(n <= DC__TOPK_FLOATS_MOST);
    const uint32_t k = (uint32_t)count_of(n, share);
    unsigned char *places = (unsigned char *)payload + 2, *halves = places + 2 * (size_t)k;
    if (kept)
        sum(values, kept, n, keep);
    else if (keep != values)
        memcpy(keep, values, n * sizeof *keep);
    dc__put_half(payload, (uint16_t)k);
    if (k > 0) choose(&p, keep, (uint32_t)n, k);
    for (uint32_t j = 0; j < k; j++) {
        const uint16_t place = p.place[j], half = dc__to_bf16(keep[place]);
        keep[place] -= dc__from_bf16(half);
        dc__put_half(places + 2 * (size_t)j, place);
        dc__put_half(halves + 2 * (size_t)j, half);
    }
    return 2 + 4 * (size_t)k;
}

static size_t check(const void *payload, size_t bytes, size_t n, bool *finite)
{
    const unsigned char *at = payload;
    if (bytes < 2 || n > DC__TOPK_FLOATS_MOST) return 0;
    const size_t k = dc__get_half(at);
    if (k > n || bytes < 2 + 4 * k) return 0;
    long before = -1;
    uint32_t bad = 0;
    for (size_t j = 0; j < k; j++) {
        const uint16_t place = dc__get_half(at + 2 + 2 * j), half = dc__get_half(at + 2 + 2 * (k + j));
        if (place >= n || place <= before) return 0;
        before = place;
        bad |= (half & 0x7f80u) == 0x7f80u;
    }
    if (finite) *finite = !bad;
    return 2 + 4 * k;
}

static void add(const void *payload, float *values, size_t n)
{
    const unsigned char *at = payload;
    const size_t k = dc__get_half(at);
    (void)n;
    for (size_t j = 0; j < k; j++)
        values[dc__get_half(at + 2 + 2 * j)] += dc__from_bf16(dc__get_half(at + 2 + 2 * (k + j)));
}

static void decode(const void *payload, float *values, size_t n)
{
    memset(values, 0, n * sizeof *values);
    add(payload, values, n);
}

void dc__topk_mask(const void *payload, float *values)
{
    const unsigned char *at = payload;
    const size_t k = dc__get_half(at);
    for (size_t j = 0; j < k; j++)
        values[dc__get_half(at + 2 + 2 * j)] = 0;
}

const dc__codec dc__codec_topk = {.id = DC__CODEC_TOPK,
                                  .name = "topk",
                                  .picks = true,
                                  .run_most = DC__TOPK_FLOATS_MOST,
                                  .encoded_most = encoded_most,
                                  .encode = encode,
                                  .check = check,
                                  .decode = decode,
                                  .add = add};
