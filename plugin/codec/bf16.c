/* bf16.c - the upper half of each float, rounded to nearest even: 2 bytes, little-endian. The rest of its
 * mantissa is what is kept, which a float holds exactly. */
#include "codec/codec.h"
#include "codec/isa.h"

#define STRIP 512 /* floats at a time, so that halves lie in the cache between two loops */

static size_t encoded_most(size_t n, double share)
{
    (void)share;
    return 2 * n;
}

DC__CLONES static void halve(const float *restrict values, size_t n, const float *kept, float *keep,
                             uint16_t *restrict halves)
{
#pragma GCC ivdep /* keep may be kept, float for float */
    for (size_t i = 0; i < n; i++) {
        const float value = values[i] + kept[i];
        const uint16_t half = dc__to_bf16(value);
        halves[i] = half;
        keep[i] = value - dc__from_bf16(half);
    }
}

DC__CLONES static void widen(const uint16_t *restrict halves, size_t n, float *restrict values)
{
    for (size_t i = 0; i < n; i++)
        values[i] = dc__from_bf16(halves[i]);
}

DC__CLONES static void widen_onto(const uint16_t *restrict halves, size_t n, float *restrict values)
{
    for (size_t i = 0; i < n; i++)
        values[i] += dc__from_bf16(halves[i]);
}

/* Between this machine's halves and the payload's, which may lie anywhere. */
static void put_halves(unsigned char *payload, const uint16_t *halves, size_t n)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    for (size_t i = 0; i < n; i++)
        dc__put_half(payload + 2 * i, halves[i]);
#else
    memcpy(payload, halves, 2 * n);
#endif
}

static void get_halves(uint16_t *halves, const unsigned char *payload, size_t n)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    for (size_t i = 0; i < n; i++)
        halves[i] = dc__get_half(payload + 2 * i);
#else
    memcpy(halves, payload, 2 * n);
#endif
}

static size_t encode(const float *values, size_t n, double share, const float *kept, float *keep,
                     void *payload)
{
    static const float zeros[STRIP];
    uint16_t halves[STRIP];
    (void)share;
    for (size_t i = 0; i < n; i += STRIP) {
        const size_t m = n - i < STRIP ? n - i : STRIP;
        halve(values + i, m, kept ? kept + i : zeros, keep + i, halves);
        put_halves((unsigned char *)payload + 2 * i, halves, m);
    }
    return 2 * n;
}

DC__CLONES static bool all_finite(const uint16_t *restrict halves, size_t n)
{
    uint16_t bad = 0;
    for (size_t i = 0; i < n; i++)
        bad |= (uint16_t)((halves[i] & 0x7f80u) == 0x7f80u);
    return bad == 0;
}

static size_t check(const void *payload, size_t bytes, size_t n, bool *finite)
{
    uint16_t halves[STRIP];
    if (bytes < 2 * n) return 0;
    if (!finite) return 2 * n;
    *finite = true;
    for (size_t i = 0; i < n; i += STRIP) {
        const size_t m = n - i < STRIP ? n - i : STRIP;
        get_halves(halves, (const unsigned char *)payload + 2 * i, m);
        *finite &= all_finite(halves, m);
    }
    return 2 * n;
}

static void each(const void *payload, float *values, size_t n,
                 void (*take)(const uint16_t *restrict, size_t, float *restrict))
{
    uint16_t halves[STRIP];
    for (size_t i = 0; i < n; i += STRIP) {
        const size_t m = n - i < STRIP ? n - i : STRIP;
        get_halves(halves, (const unsigned char *)payload + 2 * i, m);
        take(halves, m, values + i);
    }
}

static void decode(const void *payload, float *values, size_t n)
{
    each(payload, values, n, widen);
}

static void add(const void *payload, float *values, size_t n)
{
    each(payload, values, n, widen_onto);
}

const dc__codec dc__codec_bf16 = {.id = DC__CODEC_BF16,
                                  .name = "bf16",
                                  .run_most = DC__CODEC_FLOATS_MOST,
                                  .encoded_most = encoded_most,
                                  .encode = encode,
                                  .check = check,
                                  .decode = decode,
                                  .add = add};
