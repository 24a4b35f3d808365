/* f32.c - the exact codec: IEEE 754 bits, little-endian. On a little-endian machine a copy, and nothing at all
 * in place. */
#include <stdint.h>
#include <string.h>

#include "base/error.h"
#include "codec/codec.h"

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

static size_t encoded_most(size_t n)
{
    return n * sizeof(float);
}

static size_t encode(const float *values, size_t n, float *const *residue, void *payload)
{
    (void)residue;
    copy(payload, values, n);
    return encoded_most(n);
}

static dc_error decode(const void *payload, size_t payload_bytes, float *values, size_t n)
{
    if (payload_bytes != encoded_most(n))
        return dc__fail(DC_EPROTO, "a payload of %zu bytes is not %zu floats", payload_bytes, n);
    copy(values, payload, n);
    return DC_OK;
}

const dc__codec dc__codec_f32 = {.id = DC__CODEC_F32,
                                 .name = "exact",
                                 .exact = true,
                                 .in_place = true,
                                 .encoded_most = encoded_most,
                                 .encode = encode,
                                 .decode = decode};
