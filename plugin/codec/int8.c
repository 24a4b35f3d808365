/* int8.c - groups of 256 floats: a scale, bf16, and for each float a whole number from -127 to 127 that it is
 * to be multiplied with.
 *
 *   A scale of 8 significant bits makes every product exact, and the nearest product is so close that what is
 * left is a float, too: nothing is lost by rounding (test_codec.c). The scale is the largest magnitude / 127,
 * rounded up, so that no number needs more than 127. A group without a number, or with an infinity, has a
 * scale that is not a number, and so has one whose products would be too large for floats. Magnitudes so small that the quotient would lose bits are kept, and sent when
 * they have grown. */
#include "codec/codec.h"
#include "codec/scales.h"

static size_t bytes_of(size_t n)
{
    return n + 2 * ((n + DC__SCALE_FLOATS - 1) / DC__SCALE_FLOATS);
}

static size_t encoded_most(size_t n, double share)
{
    (void)share;
    return bytes_of(n);
}

DC__CLONES static void quantize(const float *restrict sums, size_t n, float scale, float inverse, float *keep,
                                signed char *restrict numbers)
{
#pragma GCC ivdep
    for (size_t i = 0; i < n; i++) {
        const float rounded = (sums[i] * inverse + DC__ROUNDER) - DC__ROUNDER;
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

static void encode_group(const float *values, size_t n, const float *kept, float *keep,
                         unsigned char *payload)
{
    float sums[DC__SCALE_FLOATS];
    signed char *numbers = (signed char *)payload + 2;
    const uint16_t half = dc__scale_of(dc__sum_and_most(values, kept, n, sums), 127.f);
    dc__put_half(payload, half);
    if (half == 0 || half == DC__NAN_HALF) {
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
    static const float zeros[DC__SCALE_FLOATS];
    unsigned char *to = payload;
    (void)share;
    for (size_t i = 0; i < n; i += DC__SCALE_FLOATS) {
        const size_t m = n - i < DC__SCALE_FLOATS ? n - i : DC__SCALE_FLOATS;
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
    for (size_t i = 0; i < n; i += DC__SCALE_FLOATS) {
        const size_t m = n - i < DC__SCALE_FLOATS ? n - i : DC__SCALE_FLOATS;
        const uint16_t half = dc__get_half(at);
        if (!dc__is_scale(half)) return 0;
        if (!in_range((const signed char *)at + 2, m)) return 0;
        all &= half != DC__NAN_HALF;
        at += 2 + m;
    }
    if (finite) *finite = all;
    return bytes_of(n);
}

static void each(const void *payload, float *values, size_t n,
                 void (*take)(const signed char *restrict, size_t, float, float *restrict))
{
    const unsigned char *at = payload;
    for (size_t i = 0; i < n; i += DC__SCALE_FLOATS) {
        const size_t m = n - i < DC__SCALE_FLOATS ? n - i : DC__SCALE_FLOATS;
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
