/* topk5.c - the floats of largest magnitude, as topk.c picks them, in 9 to 14 bits each instead of 32.
 *
 *   Head: k (2 bytes); how many lower bits the gaps between places have (4 bits), and the smallest value's step (12 bits). Then the picks
 * (pick_bits.h). A value is a sign and how many half octaves, 0 to 15, it is above the smallest one: 1, 1.5, 2, 3, 4, 6 .. 128, 192 times
 * a power of two. So each is rounded to two bits, as bf16 rounds to eight, and what is left of it is exact. What is larger is sent as 192
 * of them, and the rest of it the next times. Floats that are 2^22 times smaller than the largest are not picked: nothing would be left
 * of them beside it; nor are those below 2^-101 (isa.h). A run that is not finite is sent as one that says so, and kept. */
#include "base/error.h"
#include "codec/codec.h"
#include "codec/isa.h"
#include "codec/largest.h"
#include "codec/pick_bits.h"

#define HEAD_BYTES 4
#define STEP_SHIFT 22u /* a float's bits from here on, without the sign: its half octave */
#define STEP_LEAST 52u /* 2^-101 */
#define STEP_MOST 509u /* 1.5 * 2^127 */
#define STEP_NAN 510u
#define STEPS 15u /* above the smallest */
#define SIGN 16u  /* in a code */
#define APART (2 * 22u)

/* What a payload begins with. */
typedef struct head {
    size_t k;
    unsigned shift, step;
} head;

static size_t encoded_most(size_t n, double share)
{
    const size_t k = dc__largest_count(n, share);
    return HEAD_BYTES + dc__pick_bytes_most(n, k, dc__pick_shift(n, k));
}

static void put_head(unsigned char *to, head h)
{
    dc__put_half(to, (uint16_t)h.k);
    dc__put_half(to + 2, (uint16_t)(h.step | h.shift << 12));
}

static head get_head(const unsigned char *at)
{
    const unsigned second = dc__get_half(at + 2);
    return (head){.k = dc__get_half(at), .shift = second >> 12, .step = second & 0xfffu};
}

static uint32_t magnitude_of(float value)
{
    return dc__bits_of(value) & 0x7fffffffu;
}

/* Of a magnitude, rounded to the nearest half octave, to even between two; at most that of a finite float. */
static uint32_t step_of(uint32_t magnitude)
{
    const uint32_t rounded =
        (magnitude + ((1u << (STEP_SHIFT - 1)) - 1) + (magnitude >> STEP_SHIFT & 1)) >> STEP_SHIFT;
    return rounded < STEP_MOST ? rounded : STEP_MOST;
}

static float value_of(unsigned smallest, unsigned code)
{
    return dc__of_bits((code & SIGN) << 27 | (smallest + (code & STEPS)) << STEP_SHIFT);
}

static unsigned code_of(float sum, unsigned smallest)
{
    const uint32_t above = step_of(magnitude_of(sum)) - smallest, sign = dc__bits_of(sum) >> 31;
    return (sign ? SIGN : 0) | (above < STEPS ? above : STEPS);
}

/* Keeps those among the places that are large enough; how many, and the smallest one's step. */
static head sift(uint16_t *places, uint32_t k, const float *sums)
{
    uint32_t largest = 0, smallest = STEP_MOST;
    for (uint32_t j = 0; j < k; j++) {
        const uint32_t magnitude = magnitude_of(sums[places[j]]);
        largest = magnitude > largest ? magnitude : largest;
    }
    if (largest >= 0x7f800000u) return (head){.step = STEP_NAN};
    const uint32_t top = step_of(largest), least = top < STEP_LEAST + APART ? STEP_LEAST : top - APART;
    head h = {0};
    for (uint32_t j = 0; j < k; j++) {
        const uint32_t magnitude = magnitude_of(sums[places[j]]), step = step_of(magnitude);
        if (magnitude < least << STEP_SHIFT) continue;
        smallest = step < smallest ? step : smallest;
        places[h.k++] = places[j];
    }
    h.step = h.k ? smallest : 0;
    return h;
}

static size_t encode(const float *values, size_t n, double share, const float *kept, float *keep,
                     void *payload)
{
    dc__picks p;
    dc__assert(n <= DC__TOPK_FLOATS_MOST);
    put_head(payload, (head){0});
    if (n == 0) return HEAD_BYTES;
    const uint32_t asked = (uint32_t)dc__largest_count(n, share);
    dc__largest_sum(values, kept, n, keep);
    dc__largest(&p, keep, (uint32_t)n, asked);
    head h = sift(p.place, asked, keep);
    if (h.k > 0) h.shift = dc__pick_shift(n, asked); /* not h.k: encoded_most counts on it */
    put_head(payload, h);
    unsigned char *picks = (unsigned char *)payload + HEAD_BYTES,
                  *end = (unsigned char *)payload + encoded_most(n, share);
    dc__pick_writer w = {.to = picks, .end = end, .shift = h.shift};
    for (size_t j = 0; j < h.k; j++) {
        float *sum = &keep[p.place[j]];
        const unsigned code = code_of(*sum, h.step);
        *sum -= value_of(h.step, code);
        dc__pick_put(&w, p.place[j], code);
    }
    return (size_t)(dc__pick_end(&w) - (unsigned char *)payload);
}

/* Without picks there is nothing to be smallest, and nothing between. */
static bool is_head(head h, size_t n)
{
    if (h.k == 0) return h.shift == 0 && (h.step == 0 || h.step == STEP_NAN);
    return h.k <= n && h.step >= STEP_LEAST && h.step <= STEP_MOST;
}

static size_t check(const void *payload, size_t bytes, size_t n, bool *finite)
{
    const unsigned char *at = payload;
    if (bytes < HEAD_BYTES || n > DC__TOPK_FLOATS_MOST) return 0;
    const head h = get_head(at);
    if (!is_head(h, n)) return 0;
    dc__pick_reader r = {.at = at + HEAD_BYTES, .end = at + bytes, .shift = h.shift};
    for (size_t j = 0; j < h.k; j++) {
        unsigned code;
        if (dc__pick_get(&r, n, &code) == UINT32_MAX || h.step + (code & STEPS) > STEP_MOST) return 0;
    }
    if (r.bits) return 0;
    if (finite) *finite = h.step != STEP_NAN;
    return (size_t)(r.at - at);
}

/* A reader of a payload that has been checked: so it ends where its last pick does. */
static dc__pick_reader begin(const void *payload, size_t n, head *h)
{
    const unsigned char *picks = (const unsigned char *)payload + HEAD_BYTES;
    *h = get_head(payload);
    return (dc__pick_reader){
        .at = picks, .end = picks + dc__pick_bytes_most(n, h->k, h->shift), .shift = h->shift};
}

static void add(const void *payload, float *values, size_t n)
{
    head h;
    unsigned code;
    dc__pick_reader r = begin(payload, n, &h);
    for (size_t j = 0; j < h.k; j++) {
        const uint32_t place = dc__pick_get(&r, n, &code);
        values[place] += value_of(h.step, code);
    }
    for (size_t i = 0; h.step == STEP_NAN && i < n; i++)
        values[i] = dc__of_bits(0x7fc00000u);
}

static void decode(const void *payload, float *values, size_t n)
{
    memset(values, 0, n * sizeof *values);
    add(payload, values, n);
}

static void mask(const void *payload, float *values, size_t n)
{
    head h;
    unsigned code;
    dc__pick_reader r = begin(payload, n, &h);
    for (size_t j = 0; j < h.k; j++)
        values[dc__pick_get(&r, n, &code)] = 0;
}

const dc__codec dc__codec_topk5 = {.id = DC__CODEC_TOPK5,
                                   .name = "topk5",
                                   .picks = true,
                                   .run_most = DC__TOPK_FLOATS_MOST,
                                   .encoded_most = encoded_most,
                                   .encode = encode,
                                   .check = check,
                                   .decode = decode,
                                   .add = add,
                                   .mask = mask};
