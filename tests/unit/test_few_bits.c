/* test_few_bits.c - int4 and int3: how near they come, and payloads that are none. What holds for every codec is in test_codec.c. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "codec/codec.h"
#include "codec/isa.h"
#include "codec_numbers.h"
#include "test_few.h"

#define MOST 3000

static float values[MOST], keep[MOST], back[MOST];
static unsigned char payload[4 * MOST + 64];

/* The nearest of the numbers from -M to M times a scale, which is at least 1 / parts of the largest magnitude and at most 1 % more. */
static void few_bits_are_near(void **state)
{
    (void)state;
    static const struct {
        const dc__codec *codec;
        double most, parts;
        size_t group, bytes; /* of a whole group, and of MOST floats: eleven of them, and 184 */
    } all[] = {{&dc__codec_int4, 7, 9, 130, 11 * 130 + 94}, {&dc__codec_int3, 3, 5, 98, 11 * 98 + 71}};
    for (size_t k = 0; k < 2; k++)
        for (uint64_t seed = 0; seed < test_few(2000); seed++) {
            uint64_t s = seed;
            codec_numbers(&s, values, MOST);
            const size_t bytes = all[k].codec->encode(values, MOST, 1, NULL, keep, payload);
            assert_int_equal(bytes, all[k].bytes);
            assert_int_equal(dc__codec_decode(all[k].codec, payload, bytes, back, MOST), DC_OK);
            for (size_t from = 0; from < MOST; from += 256) {
                const double scale = (double)dc__from_bf16(dc__get_half(payload + from / 256 * all[k].group));
                double largest = 0;
                for (size_t i = from; i < MOST && i < from + 256; i++)
                    largest = fmax(largest, fabs((double)values[i]));
                if (scale > 0)
                    assert_true(scale >= largest / all[k].parts * 0.9999999 &&
                                scale <= largest / all[k].parts * (1 + 1.0 / 128));
                else
                    assert_true(largest / all[k].parts <= ldexp(1, -101));
                for (size_t i = from; i < MOST && i < from + 256; i++) {
                    const double x = (double)values[i], y = (double)back[i];
                    const bool beyond =
                        fabs(x) > all[k].most * scale && fabs(y) == all[k].most * scale && x * y > 0;
                    assert_true(scale == 0 ? y == 0 : beyond || fabs(x - y) <= scale * 0.5000001);
                }
            }
        }
}

/* Codes that no number has, and bits where there is no number. */
static void payloads_that_are_none(void **state)
{
    (void)state;
    bool finite;
    unsigned char few[5] = {0x80, 0x3f, 0x15, 0x05,
                            0}; /* int3: of five floats three, two apart, and two; and their third bits */
    assert_int_equal(dc__codec_int3.check(few, 5, 5, &finite), 5);
    few[3] = 0x15; /* a number where there is none */
    assert_int_equal(dc__codec_int3.check(few, 5, 5, &finite), 0);
    few[3] = 0x05;
    assert_int_equal(dc__codec_int3.check(few, 5, 5, &finite), 5);
    few[2] = 0x17;
    assert_int_equal(dc__codec_int3.check(few, 5, 5, &finite), 5);
    few[4] = 1; /* 7: of 3 bits */
    assert_int_equal(dc__codec_int3.check(few, 5, 5, &finite), 0);
    few[4] = 0;
    assert_int_equal(dc__codec_int4.check(few, 5, 5, &finite), 5);
    few[3] = 0x0f; /* 15: of 4 bits */
    assert_int_equal(dc__codec_int4.check(few, 5, 5, &finite), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(few_bits_are_near),
                                       cmocka_unit_test(payloads_that_are_none)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
