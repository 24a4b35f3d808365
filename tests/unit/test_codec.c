/* test_codec.c - every codec: what it says of itself, what it decodes to against references in double, what it
 * keeps, and payloads that are none. A new codec is tested by being in the table. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/floatmode.h"
#include "codec/codec.h"
#include "codec/isa.h"
#include "codec_numbers.h"
#include "plan_cases.h"
#include "test_few.h"

#define MOST 3000

static float values[MOST], kept[MOST], keep[MOST], back[MOST];
static unsigned char payload[4 * MOST + 64];

/* Floats of every kind: any bits, small counts, runs of zeros, infinities, NANs. */
static void random_bits(uint64_t *s, float *to, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = (uint32_t)case_random(s);
        static const uint32_t special[] = {0, 0x80000000u, 0x7f800000u, 0xff800000u, 0x7fc00001u, 1u};
        if (case_below(s, 4) == 0) bits = special[case_below(s, 6)];
        memcpy(&to[i], &bits, sizeof bits);
    }
}

static double share_of(uint64_t *s)
{
    static const double shares[] = {1, 0.25, 0.1, 0.01, 0.001};
    return shares[case_below(s, 5)];
}

static void codecs_are_found_by_id(void **state)
{
    (void)state;
    for (unsigned id = 0; id < DC__CODEC_END; id++) {
        const dc__codec *c = dc__codec_of(id);
        assert_non_null(c);
        assert_int_equal(c->id, id);
    }
    assert_null(dc__codec_of(DC__CODEC_END));
    assert_null(dc__codec_of(255));
}

/* Exact codecs: the same bits, wherever the payload lies, and not a byte beyond it. */
static void exact_codecs_lose_nothing(void **state)
{
    (void)state;
    for (unsigned id = 0; id < DC__CODEC_END; id++) {
        const dc__codec *c = dc__codec_of(id);
        if (!c->exact) continue;
        for (uint64_t seed = 0; seed < test_few(2000); seed++) {
            uint64_t s = seed;
            const size_t n = (size_t)case_below(&s, MOST), at = (size_t)case_below(&s, 8);
            random_bits(&s, values, n);
            memset(payload, 0xa5, sizeof payload);
            const size_t bytes = c->encode(values, n, 1, NULL, NULL, payload + at);
            assert_true(bytes <= c->encoded_most(n, 1) && at + bytes < sizeof payload);
            assert_int_equal(payload[at + bytes], 0xa5);
            memset(back, 0x5a, sizeof back);
            assert_int_equal(dc__codec_decode(c, payload + at, bytes, back, n), DC_OK);
            assert_memory_equal(back, values, n * sizeof *values);
            if (!c->in_place) continue;
            memcpy(back, values, sizeof back);
            assert_int_equal(c->encode(back, n, 1, NULL, NULL, back), bytes);
            assert_int_equal(dc__codec_decode(c, back, bytes, back, n), DC_OK);
            assert_memory_equal(back, values, n * sizeof *values);
        }
    }
}

/* What is encoded plus what is kept is what was given plus what was kept, exactly; both in the mode that tests
 * and in the mode that training runs in. */
static void nothing_is_lost(const dc__codec *c, uint64_t seed)
{
    uint64_t s = seed;
    const size_t n = 1 + (size_t)case_below(&s, MOST - 1), at = (size_t)case_below(&s, 8);
    const double share = share_of(&s);
    const bool first = case_below(&s, 4) == 0, same = case_below(&s, 2) == 0;
    codec_numbers(&s, values, n);
    codec_numbers(&s, kept, n);
    memset(payload, 0xa5, sizeof payload);
    memcpy(keep, kept, sizeof keep);
    const float *before = first ? NULL : same ? keep : kept;
    const size_t bytes = c->encode(values, n, share, before, keep, payload + at);
    assert_true(bytes <= c->encoded_most(n, share));
    assert_int_equal(payload[at + c->encoded_most(n, share)], 0xa5);
    bool finite = false;
    assert_int_equal(c->check(payload + at, bytes + 1, n, &finite), bytes);
    assert_true(finite);
    c->decode(payload + at, back, n);
    for (size_t i = 0; i < n; i++) {
        const float given = first ? values[i] : values[i] + kept[i];
        if ((double)back[i] + (double)keep[i] != (double)given)
            fail_msg("%s, seed %llu, float %zu: %a + %a is not %a", c->name, (unsigned long long)seed, i,
                     (double)back[i], (double)keep[i], (double)given);
    }
    for (size_t i = 0; i < n; i++) /* add is decode and a sum */
        keep[i] = values[i] + back[i];
    c->add(payload + at, values, n);
    if (!c->picks) assert_memory_equal(values, keep, n * sizeof *values);
    for (size_t i = 0; i < n; i++)
        assert_true(values[i] == keep[i]);
}

static void what_is_not_sent_is_kept(void **state)
{
    (void)state;
    for (int pass = 0; pass < 2; pass++) {
        for (unsigned id = 1; id < DC__CODEC_END; id++)
            for (uint64_t seed = 0; seed < test_few(3000); seed++)
                nothing_is_lost(dc__codec_of(id), seed);
        dc__flush_denormals();
    }
}

static void bf16_is_the_nearest(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 200000; seed++) {
        uint64_t s = seed;
        float x;
        uint32_t bits = (uint32_t)case_random(&s);
        if (case_below(&s, 4) == 0) bits = (bits & 0xffff0000u) | 0x8000u; /* between two */
        memcpy(&x, &bits, sizeof x);
        if (!isfinite(x) || fabsf(x) < ldexpf(1, -101) || fabsf(x) > 3e38f) continue;
        dc__codec_bf16.encode(&x, 1, 1, NULL, keep, payload);
        assert_int_equal(dc__codec_decode(&dc__codec_bf16, payload, 2, back, 1), DC_OK);
        const double step = ldexp(1, ilogbf(x) - 7), nearest = nearbyint((double)x / step) * step;
        assert_true((double)back[0] == nearest);
    }
}

/* Within half a scale, which is at most 1/127 of the largest and 1 % more. */
static void int8_is_near(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < test_few(2000); seed++) {
        uint64_t s = seed;
        codec_numbers(&s, values, MOST);
        const size_t bytes = dc__codec_int8.encode(values, MOST, 1, NULL, keep, payload);
        assert_int_equal(bytes, MOST + 2 * 12);
        assert_int_equal(dc__codec_decode(&dc__codec_int8, payload, bytes, back, MOST), DC_OK);
        for (size_t from = 0; from < MOST; from += 256) {
            double most = 0;
            for (size_t i = from; i < MOST && i < from + 256; i++)
                most = fmax(most, fabs((double)values[i]));
            const double step = fmax(most / 127 * (1 + 1.0 / 128), ldexp(1, -101));
            for (size_t i = from; i < MOST && i < from + 256; i++)
                assert_true(fabs((double)back[i] - (double)values[i]) <= step * 0.5000001 ||
                            (back[i] == 0 && most <= 127.5 * step));
        }
    }
}

static const float *sorted;

static int by_magnitude(const void *a, const void *b)
{
    const int i = *(const int *)a, j = *(const int *)b;
    const float x = fabsf(sorted[i]), y = fabsf(sorted[j]);
    return x > y ? -1 : x < y ? 1 : i - j;
}

/* The k largest, of equal ones the first: as a sort says. */
static void topk_takes_the_largest(void **state)
{
    (void)state;
    static float many[DC__TOPK_FLOATS_MOST], rest[DC__TOPK_FLOATS_MOST];
    static int order[DC__TOPK_FLOATS_MOST];
    static unsigned char room[2 + 4 * DC__TOPK_FLOATS_MOST];
    static bool taken[DC__TOPK_FLOATS_MOST];
    for (uint64_t seed = 0; seed < test_few(150); seed++) {
        uint64_t s = seed;
        const size_t n = seed == 0 ? DC__TOPK_FLOATS_MOST : 1 + (size_t)case_below(&s, DC__TOPK_FLOATS_MOST);
        const double share = share_of(&s);
        codec_numbers(&s, many, n);
        if (case_below(&s, 4) == 0) /* where a sample sees little: all large ones lie together */
            for (size_t i = 0; i < n; i++)
                many[i] = i < n / 50 ? (float)i + 1 : 0;
        const size_t bytes = dc__codec_topk.encode(many, n, share, NULL, rest, room);
        const size_t k = (bytes - 2) / 4, asked = (size_t)((double)n * share);
        assert_int_equal(k, asked ? asked : 1);
        for (size_t i = 0; i < n; i++)
            order[i] = (int)i;
        sorted = many;
        qsort(order, n, sizeof *order, by_magnitude);
        memset(taken, 0, sizeof taken);
        for (size_t j = 0; j < k; j++)
            taken[order[j]] = true;
        size_t j = 0;
        for (size_t i = 0; i < n; i++) {
            if (!taken[i]) {
                assert_true(rest[i] == many[i]);
                continue;
            }
            assert_int_equal(dc__get_half(room + 2 + 2 * j), i);
            j++;
        }
        assert_int_equal(j, k);
        for (size_t i = 0; i < n; i++)
            rest[i] = 1;
        dc__codec_topk.mask(room, rest, n);
        for (size_t i = 0; i < n; i++)
            assert_true(rest[i] == (taken[i] ? 0 : 1));
    }
}

/* A payload that is cut short, too long, or of random bytes: refused, or decoded within its bounds. */
static void hostile_payloads(void **state)
{
    (void)state;
    for (unsigned id = 0; id < DC__CODEC_END; id++) {
        const dc__codec *c = dc__codec_of(id);
        for (uint64_t seed = 0; seed < test_few(4000); seed++) {
            uint64_t s = seed;
            const size_t n = 1 + (size_t)case_below(&s, 700);
            codec_numbers(&s, values, n);
            const size_t bytes = c->encode(values, n, share_of(&s), NULL, keep, payload);
            memset(back, 0x5a, sizeof back);
            memcpy(keep, back, sizeof keep);
            assert_int_equal(dc__codec_decode(c, payload, bytes + 1, back, n), DC_EPROTO);
            assert_int_equal(dc__codec_decode(c, payload, (size_t)case_below(&s, (int)bytes), back, n),
                             DC_EPROTO);
            assert_memory_equal(back, keep, sizeof back); /* nothing was written */
            for (int k = 0; k < 3; k++)
                payload[case_below(&s, (int)bytes)] = (unsigned char)case_random(&s);
            bool finite;
            const size_t said = c->check(payload, bytes, n, &finite);
            assert_true(said <= bytes);
            if (!said) continue;
            c->decode(payload, back, n);
            bool all = true;
            for (size_t i = 0; i < n; i++)
                all &= isfinite(back[i]) != 0;
            assert_int_equal(finite, all);
            assert_memory_equal(back + n, keep + n, sizeof back - n * sizeof *back);
        }
    }
}

static void topk_payloads_that_are_none(void **state)
{
    (void)state;
    const unsigned char twice[] = {2, 0, 5, 0, 5, 0, 0, 0x3f, 0, 0x3f},
                        down[] = {2, 0, 5, 0, 4, 0, 0, 0, 0, 0}, beyond[] = {1, 0, 9, 0, 0, 0x3f},
                        many[] = {10, 0};
    bool finite;
    assert_int_equal(dc__codec_topk.check(twice, sizeof twice, 9, &finite), 0);
    assert_int_equal(dc__codec_topk.check(down, sizeof down, 9, &finite), 0);
    assert_int_equal(dc__codec_topk.check(beyond, sizeof beyond, 9, &finite), 0);
    assert_int_equal(dc__codec_topk.check(beyond, sizeof beyond, 10, &finite), sizeof beyond);
    assert_int_equal(dc__codec_topk.check(many, sizeof many, 9, &finite), 0);
    unsigned char most[258] = {0x80, 0x3f};
    assert_int_equal(dc__codec_int8.check(most, 258, 256, &finite), 258);
    most[100] = 0x80; /* -128 */
    assert_int_equal(dc__codec_int8.check(most, 258, 256, &finite), 0);
    most[100] = 0;
    most[1] = 0xbf; /* a negative scale */
    assert_int_equal(dc__codec_int8.check(most, 258, 256, &finite), 0);
}

/* What is not finite stays so, whatever else is in its group. */
static void what_is_not_finite_is_seen(void **state)
{
    (void)state;
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    for (unsigned id = 0; id < DC__CODEC_END; id++)
        for (uint64_t seed = 0; seed < test_few(600); seed++) {
            uint64_t s = seed;
            const dc__codec *c = dc__codec_of(id);
            codec_numbers(&s, values, 1000);
            values[case_below(&s, 1000)] = bad[seed % 3];
            bool finite = true;
            const size_t bytes = c->encode(values, 1000, 0.01, NULL, keep, payload);
            assert_int_equal(c->check(payload, bytes, 1000, &finite), bytes);
            assert_false(finite);
        }
}

/* What lies in a frame is the same on every machine. */
static void payloads_are_little_endian(void **state)
{
    (void)state;
    const float two[] = {1.f, -2.5f};
    const unsigned char f32[] = {0, 0, 0x80, 0x3f, 0, 0, 0x20, 0xc0}, bf16[] = {0x80, 0x3f, 0x20, 0xc0},
                        int8[] = {0xa2, 0x3c, 51, 0x82}, topk[] = {1, 0, 1, 0, 0x20, 0xc0};
    assert_int_equal(dc__codec_f32.encode(two, 2, 1, NULL, NULL, payload), 8);
    assert_memory_equal(payload, f32, 8);
    assert_int_equal(dc__codec_bf16.encode(two, 2, 1, NULL, keep, payload), 4);
    assert_memory_equal(payload, bf16, 4);
    assert_int_equal(dc__codec_int8.encode(two, 2, 1, NULL, keep, payload), 4);
    assert_memory_equal(payload, int8, 4);
    assert_int_equal(dc__codec_topk.encode(two, 2, 0.5, NULL, keep, payload), 6);
    assert_memory_equal(payload, topk, 6);
}

/* All payloads and all that is kept, as one number: the same on every instruction set. */
static void bits_are_the_same_everywhere(void **state)
{
    (void)state;
    uint64_t hash = 0xcbf29ce484222325u;
    for (unsigned id = 1; id < DC__CODEC_END; id++)
        for (uint64_t seed = 0; seed < 500; seed++) {
            uint64_t s = seed;
            const size_t n = 1 + (size_t)case_below(&s, MOST - 1);
            const double share = share_of(&s);
            codec_numbers(&s, values, n);
            codec_numbers(&s, kept, n);
            const size_t bytes = dc__codec_of(id)->encode(values, n, share, kept, keep, payload);
            for (size_t i = 0; i < bytes; i++)
                hash = (hash ^ payload[i]) * 0x100000001b3u;
            for (size_t i = 0; i < n; i++)
                hash = (hash ^ dc__bits_of(keep[i])) * 0x100000001b3u;
        }
    assert_true(hash == 0x0a1e5d6dada45d1bu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codecs_are_found_by_id),      cmocka_unit_test(exact_codecs_lose_nothing),
        cmocka_unit_test(bf16_is_the_nearest),         cmocka_unit_test(int8_is_near),
        cmocka_unit_test(topk_takes_the_largest),      cmocka_unit_test(hostile_payloads),
        cmocka_unit_test(topk_payloads_that_are_none), cmocka_unit_test(what_is_not_finite_is_seen),
        cmocka_unit_test(payloads_are_little_endian),  cmocka_unit_test(bits_are_the_same_everywhere),
        cmocka_unit_test(what_is_not_sent_is_kept)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
