/* test_meter.c - goodput and overhead from frames whose times are known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>

#include "net/meter.h"

static int64_t feed(dc__meter *m, int64_t now, int frames, double Bps, double overhead_s,
                    const uint64_t sizes[2])
{
    for (int i = 0; i < frames; i++) {
        const uint64_t n = sizes[i % 2];
        now += (int64_t)(1e9 * (overhead_s + (double)n / Bps));
        dc__meter_frame(m, now, n, i > 0);
    }
    return now;
}

static void a_known_link_is_found(void **state)
{
    (void)state;
    dc__meter m = {0};
    double goodput, overhead;
    assert_false(dc__meter_read(&m, &goodput, &overhead));
    int64_t now = feed(&m, 1000, 100, 12.5e6, 1e-3, (const uint64_t[]){100000, 20000});
    assert_true(dc__meter_read(&m, &goodput, &overhead));
    assert_true(fabs(goodput / 12.5e6 - 1) < 1e-3 && fabs(overhead / 1e-3 - 1) < 1e-2);
    now += 5000000000; /* a pause says nothing */
    now = feed(&m, now, 400, 50e6, 0, (const uint64_t[]){100000, 100000});
    assert_true(dc__meter_read(&m, &goodput, &overhead));
    assert_true(fabs(goodput / 50e6 - 1) < 2e-2); /* the old link is forgotten */
    assert_true(overhead >= 0 && isfinite(overhead));
}

static void absurd_times_stay_numbers(void **state)
{
    (void)state;
    dc__meter m = {0};
    double goodput = 1, overhead = 1;
    for (int i = 0; i < 50; i++)
        dc__meter_frame(&m, 5, UINT32_MAX, true); /* no time passes */
    assert_false(dc__meter_read(&m, &goodput, &overhead));
    for (int i = 0; i < 50; i++)
        dc__meter_frame(&m, 5 + i, i % 2 ? 48 : 1u << 20, true);
    if (dc__meter_read(&m, &goodput, &overhead))
        assert_true(goodput > 0 && isfinite(goodput) && overhead >= 0 && isfinite(overhead));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_known_link_is_found),
                                       cmocka_unit_test(absurd_times_stay_numbers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
