/* test_meter.c - goodput from frames whose times are known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>

#include "net/meter.h"

static int64_t feed(dc__meter *m, int64_t now, int frames, double Bps, const uint64_t sizes[2])
{
    for (int i = 0; i < frames; i++) {
        const uint64_t n = sizes[i % 2];
        now += (int64_t)(1e9 * (double)n / Bps);
        dc__meter_frame(m, now, n, i > 0);
    }
    return now;
}

static void a_known_link_is_found(void **state)
{
    (void)state;
    dc__meter m = {0};
    assert_true(dc__meter_Bps(&m) == 0);
    int64_t now = feed(&m, 1000, 100, 12.5e6, (const uint64_t[]){100000, 20000});
    assert_true(fabs(dc__meter_Bps(&m) / 12.5e6 - 1) < 1e-3);
    now += 5000000000; /* a pause says nothing */
    (void)feed(&m, now, 400, 50e6, (const uint64_t[]){100000, 100000});
    assert_true(fabs(dc__meter_Bps(&m) / 50e6 - 1) < 2e-2); /* the old link is forgotten */
}

static void absurd_times_stay_numbers(void **state)
{
    (void)state;
    dc__meter m = {0};
    for (int i = 0; i < 50; i++)
        dc__meter_frame(&m, 5, UINT32_MAX, true); /* no time passes */
    assert_true(dc__meter_Bps(&m) >= 0 && isfinite(dc__meter_Bps(&m)));
    for (int i = 0; i < 50; i++)
        dc__meter_frame(&m, 5 + i, i % 2 ? 48 : 1u << 20, true);
    assert_true(dc__meter_Bps(&m) > 0 && isfinite(dc__meter_Bps(&m)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_known_link_is_found),
                                       cmocka_unit_test(absurd_times_stay_numbers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
