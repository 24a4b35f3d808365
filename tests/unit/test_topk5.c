/* test_topk5.c - topk5: which floats it picks, how near their values come, in how many bytes, and payloads that are none. What holds for
 * every codec is in test_codec.c. */
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
#include "codec/largest.h"
#include "codec/pick_bits.h"
#include "codec_numbers.h"
#include "test_few.h"

#define MOST DC__TOPK_FLOATS_MOST

static float values[MOST], keep[MOST], back[MOST], ones[MOST];
static uint16_t places[MOST];
static unsigned char payload[4 * MOST + 64];
static dc__picks picks;

/* The nearest of 1 and 1.5 times a power of two; of what is more than 192 times the smallest, that. */
static bool is_near(double x, double y, double smallest)
{
    if (x * y <= 0) return false;
    if (fabs(y) == 192 * smallest && fabs(x) > fabs(y)) return true;
    const double octave = ldexp(1, ilogb(x)), error = fabs(fabs(x) - fabs(y));
    return error <= octave / 4 && (fabs(y) == octave || fabs(y) == 1.5 * octave || fabs(y) == 2 * octave);
}

static double least_of(size_t n)
{
    double least = INFINITY;
    for (size_t i = 0; i < n; i++)
        if (back[i] != 0) least = fmin(least, fabs((double)back[i]));
    return least;
}

/* Of those that topk takes, all that are not 2^22 times smaller than the largest, or next to nothing. */
static void the_largest_are_sent_nearly(void **state)
{
    (void)state;
    static const double shares[] = {0.25, 0.1, 0.01, 0.001};
    for (uint64_t seed = 0; seed < test_few(300); seed++) {
        uint64_t s = seed;
        const size_t n = seed == 0 ? MOST : 1 + (size_t)case_below(&s, (int)MOST);
        const double share = shares[case_below(&s, 4)];
        codec_numbers(&s, values, n);
        const uint32_t k = (uint32_t)dc__largest_count(n, share);
        dc__largest(&picks, values, (uint32_t)n, k);
        const size_t bytes = dc__codec_topk5.encode(values, n, share, NULL, keep, payload);
        assert_int_equal(dc__codec_decode(&dc__codec_topk5, payload, bytes, back, n), DC_OK);
        double largest = 0;
        for (uint32_t j = 0; j < k; j++)
            largest = fmax(largest, fabs((double)values[picks.place[j]]));
        const double smallest = least_of(n);
        for (size_t i = 0; i < n; i++)
            ones[i] = 1;
        dc__codec_topk5.mask(payload, ones, n);
        uint32_t j = 0;
        for (size_t i = 0; i < n; i++) {
            const bool picked = j < k && picks.place[j] == i;
            const double x = (double)values[i], y = (double)back[i];
            const bool small = fabs(x) < largest * ldexp(1, -21) || fabs(x) < ldexp(1, -100);
            j += picked;
            assert_true(picked ? small || is_near(x, y, smallest) : y == 0);
            assert_true(ones[i] == (y != 0 ? 0 : 1));
        }
    }
}

/* 14 bits of each at one in a hundred, eleven at one in ten, nine at one in four. */
static void it_takes_few_bits(void **state)
{
    (void)state;
    static const double shares[] = {0.25, 0.1, 0.01}, bits[] = {9.1, 10.6, 13.8};
    for (int i = 0; i < 3; i++) {
        uint64_t s = 7;
        for (size_t j = 0; j < MOST; j++)
            values[j] = (float)((double)(int64_t)case_random(&s) / 9.3e18);
        const size_t bytes = dc__codec_topk5.encode(values, MOST, shares[i], NULL, keep, payload);
        assert_true(8.0 * (double)bytes <= bits[i] * shares[i] * MOST);
    }
}

/* Any places and codes, in the room that is said, and read again whatever lies behind them. */
static void picks_are_read_as_written(void **state)
{
    (void)state;
    static unsigned char codes[MOST];
    for (uint64_t seed = 0; seed < test_few(4000); seed++) {
        uint64_t s = seed;
        const size_t n = 1 + (size_t)case_below(&s, 5000);
        const int one_in = 1 + case_below(&s, 300);
        size_t k = 0;
        for (size_t i = 0; i < n; i++)
            if (case_below(&s, one_in) == 0) places[k++] = (uint16_t)i;
        dc__pick_writer w = {.to = payload, .shift = dc__pick_shift(n, k)};
        if (case_below(&s, 3) == 0) w.shift = (unsigned)case_below(&s, 16);
        const size_t room = dc__pick_bytes_most(n, k, w.shift);
        w.end = payload + room;
        memset(payload, 0xa5, sizeof payload);
        for (size_t j = 0; j < k; j++)
            dc__pick_put(&w, places[j], codes[j] = (unsigned char)case_below(&s, 32));
        const size_t bytes = (size_t)(dc__pick_end(&w) - payload);
        assert_true(bytes <= room);
        assert_int_equal(payload[room], 0xa5);
        dc__pick_reader r = {.at = payload, .end = payload + bytes + 9, .shift = w.shift};
        for (size_t j = 0; j < k; j++) {
            unsigned code;
            assert_int_equal(dc__pick_get(&r, n, &code), places[j]);
            assert_int_equal(code, codes[j]);
        }
        assert_ptr_equal(r.at, payload + bytes);
        assert_true(r.bits == 0);
    }
}

/* k; the smallest value's half octave, and of gaps the lower bits; a pick. */
static void payloads_that_are_none(void **state)
{
    (void)state;
    bool finite;
    /* minus 2 at place 7, where the smallest is 1 and gaps have two lower bits: 0 1 11, and 01001 */
    unsigned char good[] = {1, 0, 254, 2 << 4, 0x2e, 1};
    assert_int_equal(dc__codec_topk5.check(good, sizeof good, 10, &finite), sizeof good);
    assert_true(finite);
    dc__codec_topk5.decode(good, back, 10);
    assert_true(back[7] == -2.f && back[6] == 0 && back[8] == 0);
    assert_int_equal(dc__codec_topk5.check(good, sizeof good, 7, &finite), 0); /* beyond */
    assert_int_equal(dc__codec_topk5.check(good, sizeof good - 1, 10, &finite), 0);
    good[5] = 3; /* bits behind the last one */
    assert_int_equal(dc__codec_topk5.check(good, sizeof good, 10, &finite), 0);
    good[5] = 1;
    good[2] = 51; /* smaller than any */
    assert_int_equal(dc__codec_topk5.check(good, sizeof good, 10, &finite), 0);
    good[2] = 252;
    good[3] |= 1; /* 508 is, 2 above it not */
    assert_int_equal(dc__codec_topk5.check(good, sizeof good, 10, &finite), 0);
    good[2] = 251;
    assert_int_equal(dc__codec_topk5.check(good, sizeof good, 10, &finite), sizeof good);
    unsigned char nothing[] = {0, 0, 0xfe, 0x01};
    assert_int_equal(dc__codec_topk5.check(nothing, 4, 10, &finite), 4);
    assert_false(finite);
    nothing[0] = 11; /* of ten */
    assert_int_equal(dc__codec_topk5.check(nothing, 4, 10, &finite), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_largest_are_sent_nearly), cmocka_unit_test(it_takes_few_bits),
        cmocka_unit_test(picks_are_read_as_written), cmocka_unit_test(payloads_that_are_none)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
