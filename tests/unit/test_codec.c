/* test_codec.c - every codec: what it says of itself, round trips, state, and payloads that are none. A new
 * codec is tested by being in the table; what it loses, by its own test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codec/codec.h"
#include "plan_cases.h"

#define MOST 3000

/* Floats of every kind: any bits, small counts, runs of zeros, infinities, NANs. */
static void random_floats(uint64_t *s, float *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = (uint32_t)case_random(s);
        static const uint32_t special[] = {0, 0x80000000u, 0x7f800000u, 0xff800000u, 0x7fc00001u, 1u};
        if (case_below(s, 4) == 0) bits = special[case_below(s, 6)];
        memcpy(&values[i], &bits, sizeof bits);
    }
}

static void codecs_are_found_by_id_and_name(void **state)
{
    (void)state;
    for (unsigned id = 0; id < DC__CODEC_END; id++) {
        const dc__codec *c = dc__codec_of(id), *named = NULL;
        assert_non_null(c);
        assert_int_equal(c->id, id);
        assert_int_equal(dc__codec_named(c->name, &named), DC_OK);
        assert_ptr_equal(named, c);
    }
    assert_null(dc__codec_of(DC__CODEC_END));
    assert_null(dc__codec_of(255));
    const dc__codec *none = NULL;
    assert_int_equal(dc__codec_named("zip", &none), DC_EINVAL);
    assert_non_null(strstr(dc_last_error(), "'zip'"));
    assert_non_null(strstr(dc_last_error(), "exact"));
    assert_int_equal(dc__codec_named(NULL, &none), DC_EINVAL);
}

/* Exact codecs: the same bits, wherever the payload lies, and not a byte beyond it. */
static void exact_codecs_lose_nothing(void **state)
{
    (void)state;
    static float values[MOST], back[MOST];
    static unsigned char payload[4 * MOST + 16];
    for (unsigned id = 0; id < DC__CODEC_END; id++) {
        const dc__codec *c = dc__codec_of(id);
        if (!c->exact) continue;
        assert_int_equal(c->residues, 0);
        for (uint64_t seed = 0; seed < 2000; seed++) {
            uint64_t s = seed;
            const size_t n = (size_t)case_below(&s, MOST), at = (size_t)case_below(&s, 8);
            random_floats(&s, values, n);
            memset(payload, 0xa5, sizeof payload);
            const size_t bytes = c->encode(values, n, NULL, payload + at);
            assert_true(bytes <= c->encoded_most(n) && at + bytes < sizeof payload);
            assert_int_equal(payload[at + bytes], 0xa5);
            memset(back, 0x5a, sizeof back);
            assert_int_equal(c->decode(payload + at, bytes, back, n), DC_OK);
            assert_memory_equal(back, values, n * sizeof *values);
            for (size_t wrong = 0; wrong < 2; wrong++) { /* longer, shorter */
                if (wrong && bytes == 0) continue;
                memcpy(back, values, sizeof back);
                assert_int_equal(c->decode(payload + at, wrong ? bytes - 1 : bytes + 1, back, n), DC_EPROTO);
                assert_memory_equal(back, values, sizeof back); /* nothing was written */
            }
        }
    }
}

static void codecs_in_place(void **state)
{
    (void)state;
    static float values[MOST], memory[MOST];
    for (unsigned id = 0; id < DC__CODEC_END; id++) {
        const dc__codec *c = dc__codec_of(id);
        if (!c->in_place) continue;
        uint64_t s = id;
        random_floats(&s, values, MOST);
        memcpy(memory, values, sizeof memory);
        const size_t bytes = c->encode(memory, MOST, NULL, memory);
        assert_int_equal(c->decode(memory, bytes, memory, MOST), DC_OK);
        assert_memory_equal(memory, values, sizeof memory);
    }
}

/* What lies in a frame is the same on every machine. */
static void f32_is_little_endian(void **state)
{
    (void)state;
    const float values[] = {1.f, -2.5f};
    const unsigned char expected[] = {0, 0, 0x80, 0x3f, 0, 0, 0x20, 0xc0};
    unsigned char payload[8];
    assert_int_equal(dc__codec_f32.encode(values, 2, NULL, payload), 8);
    assert_memory_equal(payload, expected, 8);
    assert_int_equal(dc__codec_f32.encoded_most(7), 28);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codecs_are_found_by_id_and_name), cmocka_unit_test(exact_codecs_lose_nothing),
        cmocka_unit_test(codecs_in_place), cmocka_unit_test(f32_is_little_endian)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
