/* topk.c - the k floats of largest magnitude (Lin et al., Deep Gradient Compression, ICLR 2018), of equal ones
 * the first: k (2 bytes), k places in ascending order (2 bytes each), k values (bf16). All others, and what
 * bf16 leaves of those, are kept. */
#include "base/error.h"
#include "codec/codec.h"
#include "codec/isa.h"
#include "codec/largest.h"

static size_t encoded_most(size_t n, double share)
{
    return 2 + 4 * dc__largest_count(n, share);
}

static size_t encode(const float *values, size_t n, double share, const float *kept, float *keep,
                     void *payload)
{
    dc__picks p;
    dc__assert(n <= DC__TOPK_FLOATS_MOST);
    const uint32_t k = (uint32_t)dc__largest_count(n, share);
    unsigned char *places = (unsigned char *)payload + 2, *halves = places + 2 * (size_t)k;
    dc__largest_sum(values, kept, n, keep);
    dc__put_half(payload, (uint16_t)k);
    if (k > 0) dc__largest(&p, keep, (uint32_t)n, k);
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

static void mask(const void *payload, float *values, size_t n)
{
    const unsigned char *at = payload;
    const size_t k = dc__get_half(at);
    (void)n;
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
                                  .add = add,
                                  .mask = mask};
