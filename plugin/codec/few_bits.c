/* few_bits.c - int4, int3: groups of 256 floats, a scale, bf16, and for each float a whole number from -M to M of 4 or 3 bits
 * (M = 7, 3) that it is to be multiplied with.
 *
 *   Of so few numbers most floats would be 0 if the largest magnitude had to be one of them, for it is three or four times the usual one. So
 * the scale is smaller, about what makes the least error of normally distributed floats, and what is beyond M scales is
 * kept like any other remainder: it goes with the next ones. Each product is exact, and so is what is left of a float (int8.c).
 *   A number travels with M added to it. Its two lower bits lie in bytes of four numbers, a quarter of the group apart, its third in
 * bytes of eight, an eighth apart; those of 4 bits in bytes of two, half a group apart: so all of it is loops over vectors. A group
 * that is cut short has zeros for the numbers that it lacks. */
#include "codec/codec.h"
#include "codec/scales.h"

typedef struct few {
    int bits, most; /* M */
    float parts;    /* of the largest magnitude: a scale */
} few;

static const few int4 = {4, 7, 9.f}, int3 = {3, 3, 5.f};

DC__INLINE size_t packed(int bits, size_t n)
{
    return bits == 4 ? (n + 1) / 2 : (n + 3) / 4 + (n + 7) / 8;
}

static size_t bytes_of(int bits, size_t n)
{
    const size_t rest = n % DC__SCALE_FLOATS;
    return n / DC__SCALE_FLOATS * (2 + packed(bits, DC__SCALE_FLOATS)) + (rest ? 2 + packed(bits, rest) : 0);
}

DC__CLONES static void quantize(const float *restrict sums, size_t n, float scale, float inverse, float most,
                                float *restrict keep, unsigned char *restrict codes)
{
    for (size_t i = 0; i < n; i++) {
        float number = (sums[i] * inverse + DC__ROUNDER) - DC__ROUNDER;
        number = number > most ? most : number;
        number = number < -most ? -most : number;
        codes[i] = (unsigned char)(int32_t)(number + most);
        keep[i] = sums[i] - number * scale;
    }
}

DC__INLINE void join(const unsigned char *restrict codes, size_t each, int count, int bits, int shift,
                     unsigned char *restrict to)
{
    for (size_t j = 0; j < each; j++) {
        unsigned byte = 0;
        for (int k = 0; k < count; k++)
            byte |= ((unsigned)codes[j + (size_t)k * each] >> shift & ((1u << bits) - 1)) << (k * bits);
        to[j] = (unsigned char)byte;
    }
}

DC__INLINE void pack_bits(const unsigned char *codes, size_t n, int bits, unsigned char *to)
{
    if (bits == 4) {
        join(codes, (n + 1) / 2, 2, 4, 0, to);
        return;
    }
    join(codes, (n + 3) / 4, 4, 2, 0, to);
    join(codes, (n + 7) / 8, 8, 1, 2, to + (n + 3) / 4);
}

/* Whole groups are most of them: their loops' lengths are constants. */
DC__CLONES static void pack(const unsigned char *restrict codes, size_t n, int bits,
                            unsigned char *restrict to)
{
    if (n < DC__SCALE_FLOATS)
        pack_bits(codes, n, bits, to);
    else if (bits == 4)
        pack_bits(codes, DC__SCALE_FLOATS, 4, to);
    else
        pack_bits(codes, DC__SCALE_FLOATS, 3, to);
}

DC__INLINE void part(const unsigned char *restrict from, size_t each, int count, int bits, int shift,
                     unsigned char *restrict codes)
{
    for (int k = 0; k < count; k++)
        for (size_t j = 0; j < each; j++) {
            const unsigned low = shift ? codes[j + (size_t)k * each] : 0;
            codes[j + (size_t)k * each] =
                (unsigned char)(low | ((unsigned)from[j] >> (k * bits) & ((1u << bits) - 1)) << shift);
        }
}

DC__INLINE void unpack_bits(const unsigned char *from, size_t n, int bits, unsigned char *codes)
{
    if (bits == 4) {
        part(from, (n + 1) / 2, 2, 4, 0, codes);
        return;
    }
    part(from, (n + 3) / 4, 4, 2, 0, codes);
    part(from + (n + 3) / 4, (n + 7) / 8, 8, 1, 2, codes);
}

/* codes: zeros before, for eighths of a group that is cut short may reach beyond its quarters. */
DC__CLONES static void unpack(const unsigned char *restrict from, size_t n, int bits,
                              unsigned char *restrict codes)
{
    if (n < DC__SCALE_FLOATS)
        unpack_bits(from, n, bits, codes);
    else if (bits == 4)
        unpack_bits(from, DC__SCALE_FLOATS, 4, codes);
    else
        unpack_bits(from, DC__SCALE_FLOATS, 3, codes);
}

DC__CLONES static void scale_up(const unsigned char *restrict codes, size_t n, int most, float scale,
                                float *restrict values)
{
    for (size_t i = 0; i < n; i++)
        values[i] = (float)((int)codes[i] - most) * scale;
}

DC__CLONES static void scale_onto(const unsigned char *restrict codes, size_t n, int most, float scale,
                                  float *restrict values)
{
    for (size_t i = 0; i < n; i++)
        values[i] += (float)((int)codes[i] - most) * scale;
}

static void encode_group(const few *f, const float *values, size_t n, const float *kept, float *keep,
                         unsigned char *payload)
{
    float sums[DC__SCALE_FLOATS];
    unsigned char codes[DC__SCALE_FLOATS] = {0};
    const uint16_t half = dc__scale_of(dc__sum_and_most(values, kept, n, sums), f->parts);
    dc__put_half(payload, half);
    if (half == 0 || half == DC__NAN_HALF) {
        memset(codes, f->most, n);
        memcpy(keep, sums, n * sizeof *keep);
    } else {
        const float scale = dc__from_bf16(half);
        quantize(sums, n, scale, 1.f / scale, (float)f->most, keep, codes);
    }
    pack(codes, n, f->bits, payload + 2);
}

static size_t encode(const few *f, const float *values, size_t n, const float *kept, float *keep,
                     void *payload)
{
    static const float zeros[DC__SCALE_FLOATS];
    unsigned char *to = payload;
    for (size_t i = 0; i < n; i += DC__SCALE_FLOATS) {
        const size_t m = n - i < DC__SCALE_FLOATS ? n - i : DC__SCALE_FLOATS;
        encode_group(f, values + i, m, kept ? kept + i : zeros, keep + i, to);
        to += 2 + packed(f->bits, m);
    }
    return bytes_of(f->bits, n);
}

DC__CLONES static unsigned largest(const unsigned char *codes, size_t n)
{
    unsigned char most = 0;
    for (size_t i = 0; i < n; i++)
        most = codes[i] > most ? codes[i] : most;
    return most;
}

/* What is not there is zeros. */
static bool is_group(const few *f, const unsigned char *at, size_t n)
{
    unsigned char codes[DC__SCALE_FLOATS] = {0};
    unpack(at + 2, n, f->bits, codes);
    return dc__is_scale(dc__get_half(at)) && largest(codes, n) <= 2u * (unsigned)f->most &&
           largest(codes + n, DC__SCALE_FLOATS - n) == 0;
}

static size_t check(const few *f, const void *payload, size_t bytes, size_t n, bool *finite)
{
    const unsigned char *at = payload;
    if (bytes < bytes_of(f->bits, n)) return 0;
    bool all = true;
    for (size_t i = 0; i < n; i += DC__SCALE_FLOATS) {
        const size_t m = n - i < DC__SCALE_FLOATS ? n - i : DC__SCALE_FLOATS;
        if (!is_group(f, at, m)) return 0;
        all &= dc__get_half(at) != DC__NAN_HALF;
        at += 2 + packed(f->bits, m);
    }
    if (finite) *finite = all;
    return bytes_of(f->bits, n);
}

static void each(const few *f, const void *payload, float *values, size_t n,
                 void (*take)(const unsigned char *restrict, size_t, int, float, float *restrict))
{
    const unsigned char *at = payload;
    for (size_t i = 0; i < n; i += DC__SCALE_FLOATS) {
        const size_t m = n - i < DC__SCALE_FLOATS ? n - i : DC__SCALE_FLOATS;
        unsigned char codes[DC__SCALE_FLOATS] = {0};
        unpack(at + 2, m, f->bits, codes);
        take(codes, m, f->most, dc__from_bf16(dc__get_half(at)), values + i);
        at += 2 + packed(f->bits, m);
    }
}

/* A codec is a table of functions: these name the bits. */
#define CODEC(word, number)                                                                                  \
    static size_t word##_most(size_t n, double share)                                                        \
    {                                                                                                        \
        (void)share;                                                                                         \
        return bytes_of(word.bits, n);                                                                       \
    }                                                                                                        \
    static size_t word##_encode(const float *values, size_t n, double share, const float *kept, float *keep, \
                                void *payload)                                                               \
    {                                                                                                        \
        (void)share;                                                                                         \
        return encode(&word, values, n, kept, keep, payload);                                                \
    }                                                                                                        \
    static size_t word##_check(const void *payload, size_t bytes, size_t n, bool *finite)                    \
    {                                                                                                        \
        return check(&word, payload, bytes, n, finite);                                                      \
    }                                                                                                        \
    static void word##_decode(const void *payload, float *values, size_t n)                                  \
    {                                                                                                        \
        each(&word, payload, values, n, scale_up);                                                           \
    }                                                                                                        \
    static void word##_add(const void *payload, float *values, size_t n)                                     \
    {                                                                                                        \
        each(&word, payload, values, n, scale_onto);                                                         \
    }                                                                                                        \
    const dc__codec dc__codec_##word = {.id = number,                                                        \
                                        .name = #word,                                                       \
                                        .run_most = DC__CODEC_FLOATS_MOST,                                   \
                                        .encoded_most = word##_most,                                         \
                                        .encode = word##_encode,                                             \
                                        .check = word##_check,                                               \
                                        .decode = word##_decode,                                             \
                                        .add = word##_add}

CODEC(int4, DC__CODEC_INT4);
CODEC(int3, DC__CODEC_INT3);
