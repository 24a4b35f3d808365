/* f32.c - the exact codec: IEEE 754 bits, little-endian. On a little-endian machine a copy, and nothing at all
 * in place. */
#include <stdint.h>
#include <string.h>

#include "codec/codec.h"
#include "codec/isa.h"

#define STRIP 256

/* Copies n floats between this machine's byte order and the payload's; either may be the other. */
static void copy(void *to, const void *from, size_t n)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, (const char *)from + 4 * i, sizeof bits);
        bits = __builtin_bswap32(bits);
        memcpy((char *)to + 4 * i, &bits, sizeof bits);
    }
#else
    if (to != from) memcpy(to, from, n * sizeof(float));
#endif
}

static size_t encoded_most(size_t n, double share)
{
    (void)share;
    return n * sizeof(float);
}

static size_t encode(const float *values, size_t n, double share, const float *kept, float *keep,
                     void *payload)
{
    (void)share;
    (void)kept;
    (void)keep;
    copy(payload, values, n);
    return n * sizeof(float);
}

DC__CLONES static uint32_t any_infinite(const unsigned char *restrict payload, size_t n)
{
    uint32_t bad = 0;
    for (size_t i = 0; i < n; i++)
        bad |= (payload[4 * i + 3] & 0x7fu) == 0x7fu && payload[4 * i + 2] >= 0x80u;
    return bad;
}

static size_t check(const void *payload, size_t bytes, size_t n, bool *finite)
{
    if (bytes < n * sizeof(float)) return 0;
    if (finite) *finite = !any_infinite(payload, n);
    return n * sizeof(float);
}

static void decode(const void *payload, float *values, size_t n)
{
    copy(values, payload, n);
}

DC__CLONES static void add(const void *payload, float *values, size_t n)
{
    float strip[STRIP];
    for (size_t i = 0; i < n; i += STRIP) {
        const size_t m = n - i < STRIP ? n - i : STRIP;
        copy(strip, (const char *)payload + 4 * i, m);
        for (size_t j = 0; j < m; j++)
            values[i + j] += strip[j];
    }
}

const dc__codec dc__codec_f32 = {.id = DC__CODEC_F32,
                                 .name = "exact",
                                 .exact = true,
                                 .in_place = true,
                                 .run_most = DC__CODEC_FLOATS_MOST,
                                 .encoded_most = encoded_most,
                                 .encode = encode,
                                 .check = check,
                                 .decode = decode,
                                 .add = add};
