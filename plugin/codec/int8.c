/* int8.c - groups of 256 floats: a scale, bf16, and for each float a whole number from -127 to 127 that it is
 * to be multiplied with.
 *
 *   A scale of 8 significant bits makes every product exact, and the nearest product is so close that what is
 * left is a float, too: nothing is lost by rounding (test_codec.c). The scale is the largest magnitude / 127,
 * rounded up, so that no number needs more than 127. A group without a number, or with an infinity, has a
 * scale that is not a number, and so has one whose products would be too large for floats. Magnitudes so small that the quotient would lose bits are kept, and sent when
 * they have grown. */
#include "codec/codec.h"
#include "codec/isa.h"

#define GROUP 256u
#define NAN_HALF 0x7fc0u
#define SCALE_LEAST 0x0d00u /* as bf16: 2^-101, so that what is left is no denormal */
#define SCALE_MOST 0x7c01u  /* 127 times as much is still a float */
/* Adding and subtracting it rounds to the nearest whole number, to even between two: below 2^22. */
#define ROUNDER 12582912.f

static size_t bytes_of(size_t n)
{
    return n + 2 * ((n + GROUP - 1) / GROUP);
}

static size_t encoded_most(size_t n, double share)
{
    (void)share;
    return bytes_of(n);
}

/* sums[i] = values + kept; returns the bits of the largest magnitude. */
DC__CLONES static uint32_t sum_and_most(const float *restrict values, const float *restrict kept, size_t n,
                                        float *restrict sums)
{
    int32_t most = 0; /* magnitudes' bits are in order, as whole numbers with a sign too */
    for (size_t i = 0; i < n; i++) {
        sums[i] = values[i] + kept[i];
        const int32_t bits = (int32_t)(dc__bits_of(sums[i]) & 0x7fffffffu);
        most = bits > most ? bits : most;
    }
    return (uint32_t)most;
}

DC__CLONES static void quantize(const float *restrict sums, size_t n, float scale, float inverse, float *keep,
                                signed char *restrict numbers)
{
#pragma GCC ivdep
    for (size_t i = 0; i < n; i++) {
        const float rounded = (sums[i] * inverse + ROUNDER) - ROUNDER;
        numbers[i] = (signed char)(int32_t)rounded;
        keep[i] = sums[i] - rounded * scale;
    }
}

DC__CLONES static void scale_up(const signed char *restrict numbers, size_t n, float scale,
                                float *restrict values)
{
    for (size_t i = 0; i < n; i++)
        values[i] = (float)numbers[i] * scale;
}

DC__CLONES static void scale_onto(const signed char *restrict numbers, size_t n, float scale,
                                  float *restrict values)
{
    for (size_t i = 0; i < n; i++)
        values[i] += (float)numbers[i] * scale;
}

/* The scale for a group with a largest magnitude of these bits, as bf16; 0: nothing is sent. */
static uint16_t scale_of(uint32_t most)
{
    if (most >= 0x7f800000u) return NAN_HALF;
    const float exact = dc__of_bits(most) / 127.f;
    const uint32_t up = (dc__bits_of(exact) + 0xffffu) >> 16;
    return up < SCALE_LEAST ? 0 : up > SCALE_MOST ? NAN_HALF : (uint16_t)up;
}

static void encode_group(const float *values, size_t n, const float *kept, float *keep,
                         unsigned char *payload)
{
    float sums[GROUP];
    signed char *numbers = (signed char *)payload + 2;
    const uint16_t half = scale_of(sum_and_most(values, kept, n, sums));
    dc__put_half(payload, half);
    if (half == 0 || half == NAN_HALF) {
        memset(numbers, 0, n);
        memcpy(keep, sums, n * sizeof *keep);
        return;
    }
    const float scale = dc__from_bf16(half);
    quantize(sums, n, scale, 1.f / scale, keep, numbers);
}

static size_t encode(const float *values, size_t n, double share, const float *kept, float *keep,
                     void *payload)
{
    static const float zeros[GROUP];
    unsigned char *to = payload;
    (void)share;
    for (size_t i = 0; i < n; i += GROUP) {
        const size_t m = n - i < GROUP ? n - i : GROUP;
        encode_group(values + i, m, kept ? kept + i : zeros, keep + i, to);
        to += 2 + m;
    }
    return bytes_of(n);
}

DC__CLONES static bool in_range(const signed char *restrict numbers, size_t n)
{
    signed char bad = 0;
    for (size_t i = 0; i < n; i++)
        bad |= (signed char)(numbers[i] == -128);
    return !bad;
}

static size_t check(const void *payload, size_t bytes, size_t n, bool *finite)
{
    const unsigned char *at = payload;
    if (bytes < bytes_of(n)) return 0;
    bool all = true;
    for (size_t i = 0; i < n; i += GROUP) {
        const size_t m = n - i < GROUP ? n - i : GROUP;
        const uint16_t half = dc__get_half(at);
        const bool number = half >= SCALE_LEAST && half <= SCALE_MOST;
        if (!number && half != 0 && half != NAN_HALF) return 0;
        if (!in_range((const signed char *)at + 2, m)) return 0;
        all &= half != NAN_HALF;
        at += 2 + m;
    }
    if (finite) *finite = all;
    return bytes_of(n);
}

static void each(const void *payload, float *values, size_t n,
                 void (*take)(const signed char *restrict, size_t, float, float *restrict))
{
    const unsigned char *at = payload;
    for (size_t i = 0; i < n; i += GROUP) {
        const size_t m = n - i < GROUP ? n - i : GROUP;
        take((const signed char *)at + 2, m, dc__from_bf16(dc__get_half(at)), values + i);
        at += 2 + m;
    }
}

static void decode(const void *payload, float *values, size_t n)
{
    each(payload, values, n, scale_up);
}

static void add(const void *payload, float *values, size_t n)
{
    each(payload, values, n, scale_onto);
}

const dc__codec dc__codec_int8 = {.id = DC__CODEC_INT8,
                                  .name = "int8",
                                  .run_most = DC__CODEC_FLOATS_MOST,
                                  .encoded_most = encoded_most,
                                  .encode = encode,
                                  .check = check,
                                  .decode = decode,
                                  .add = add};
