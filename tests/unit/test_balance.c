/* test_balance.c - parts of a round for workers of different speeds: never later than any other way to give them, the case that
 * the documents promise, and images that change at the border they were planned for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

#include "server/balance.h"
#include "server/roster.h"

static uint64_t sum(const uint32_t *parts, int n)
{
    uint64_t all = 0;
    for (int i = 0; i < n; i++)
        all += parts[i];
    return all;
}

/* The earliest end of all ways to give `left` parts to workers from k on, each at least one. */
static double best(const dc__load *loads, int n, int k, uint64_t left, uint32_t *parts)
{
    double least = 1e300;
    if (k == n - 1) {
        parts[k] = (uint32_t)left;
        return dc__balance_s(loads, n, parts);
    }
    for (uint32_t p = 1; p + (uint64_t)(n - 1 - k) <= left; p++) {
        parts[k] = p;
        const double end = best(loads, n, k + 1, left - p, parts);
        if (end < least) least = end;
    }
    return least;
}

static void no_other_way_ends_earlier(void **state)
{
    (void)state;
    unsigned seed = 7;
    for (int t = 0; t < 300; t++) {
        dc__load loads[4];
        uint32_t parts[4], other[4];
        const int n = 2 + t % 3;
        for (int i = 0; i < n; i++)
            loads[i] = (dc__load){.part_s = .01 + rand_r(&seed) % 100 / 100.,
                                  .fixed_s = t % 2 ? rand_r(&seed) % 300 / 100. : 0};
        const uint64_t all = (uint64_t)n + (uint64_t)rand_r(&seed) % 14;
        dc__balance(loads, n, all, parts);
        assert_int_equal(sum(parts, n), all);
        for (int i = 0; i < n; i++)
            assert_true(parts[i] >= 1);
        assert_true(dc__balance_s(loads, n, parts) <= best(loads, n, 0, all, other) * (1 + 1e-12));
    }
}

static void one_of_four_is_four_times_as_slow(void **state)
{
    (void)state;
    for (uint32_t subdivisions = 4; subdivisions <= 64; subdivisions *= 2) {
        const dc__load loads[4] = {{.part_s = 1, .parts = subdivisions},
                                   {.part_s = 1, .parts = subdivisions},
                                   {.part_s = 4, .parts = subdivisions},
                                   {.part_s = 1, .parts = subdivisions}};
        uint32_t parts[4];
        dc__balance(loads, 4, 4 * subdivisions, parts);
        const double ideal_s = 4 * subdivisions / (1 + 1 + 1 + 1. / 4);
        assert_true(dc__balance_s(loads, 4, NULL) == 4 * subdivisions);
        if (dc__balance_s(loads, 4, parts) > 1.15 * ideal_s)
            fail_msg("%u subdivisions: %g of ideal %g", subdivisions, dc__balance_s(loads, 4, parts),
                     ideal_s);
    }
}

static void a_slow_link_is_not_hidden_by_fewer_images(void **state)
{
    (void)state;
    const dc__load loads[2] = {{.part_s = 1, .fixed_s = 6, .parts = 4}, {.part_s = 1, .parts = 4}};
    uint32_t parts[2];
    dc__balance(loads, 2, 8, parts);
    assert_int_equal(parts[0], 1);
    assert_true(dc__balance_s(loads, 2, parts) == 7);
}

static void images_change_at_their_border(void **state)
{
    (void)state;
    dc__roster r = {0};
    assert_int_equal(dc__roster_init(&r, 2, 2), DC_OK);
    for (int i = 0; i < 2; i++) {
        r.member[i].id = 7 + (uint64_t)i;
        r.member[i].number = i;
        r.member[i].images = 64;
        dc__roster_set(&r, i, DC__MEMBER_READY);
    }
    dc__roster_call(&r);
    assert_true(dc__roster_start(&r, 5, 2));
    dc__roster_plan_images(&r, 0, 8, 96);
    dc__roster_plan_images(&r, 1, 8, 32);
    assert_false(dc__roster_border(&r, 6));
    assert_false(dc__roster_border(&r, 7));
    assert_int_equal(dc__roster_crew(&r, 7)->member[0].images, 64);
    assert_true(dc__roster_border(&r, 8));
    assert_int_equal(dc__roster_crew(&r, 8)->member[0].images, 96);
    assert_int_equal(dc__roster_crew(&r, 8)->member[1].images, 32);
    assert_int_equal(dc__roster_crew(&r, 8)->images, 128);
    assert_int_equal(r.member[1].images_round, 8);
    assert_false(dc__roster_border(&r, 9));
    assert_int_equal(dc__roster_crew(&r, 9)->images, 128);
    dc__roster_destroy(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(no_other_way_ends_earlier),
                                       cmocka_unit_test(one_of_four_is_four_times_as_slow),
                                       cmocka_unit_test(a_slow_link_is_not_hidden_by_fewer_images),
                                       cmocka_unit_test(images_change_at_their_border)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
