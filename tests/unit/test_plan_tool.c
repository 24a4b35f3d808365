/* test_plan_tool.c - quantities with units, and the chart: well-formed, complete, safe against odd labels. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tool/gantt.h"
#include "base/quantity.h"

static void is_close(double got, double expected)
{
    if (fabs(got - expected) > 1e-12 * expected) fail_msg("%.17g where %.17g is right", got, expected);
}

static void test_rates(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double Bps;
    } right[] = {{"100mbit", 12.5e6}, {"1gbit", 125e6},     {"1.5Gbit/s", 187.5e6}, {"20kbit", 2500},
                 {"800bit", 100},     {"12.5mb/s", 12.5e6}, {"1GB/s", 1e9},         {"3b/s", 3}};
    for (size_t k = 0; k < sizeof right / sizeof *right; k++) {
        double Bps;
        assert_int_equal(dc__parse_rate("--up", right[k].text, &Bps), DC_OK);
        is_close(Bps, right[k].Bps);
    }
    static const char *const wrong[] = {
        "",       "100",    "mbit",  "-1mbit",  "1.2.3mbit", "1e3mbit",
        "1 mbit", "1mbits", "0mbit", "nanmbit", "12.5mb",    "99999999999999999999999999999999999gbit"};
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        double Bps;
        if (dc__parse_rate("--up", wrong[k], &Bps) != DC_EINVAL)
            fail_msg("'%s' was taken for a rate", wrong[k]);
        assert_non_null(strstr(dc_last_error(), "--up"));
    }
}

static void test_times(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double seconds;
    } right[] = {{"10ms", 0.01}, {"250us", 250e-6}, {"1.5s", 1.5}, {"5ns", 5e-9}, {"0", 0},
                 {"0ms", 0},     {".5S", .5},       {"30m", 1800}, {"1h", 3600}};
    for (size_t k = 0; k < sizeof right / sizeof *right; k++) {
        double seconds;
        assert_int_equal(dc__parse_time("--rtt", right[k].text, &seconds), DC_OK);
        is_close(seconds, right[k].seconds);
    }
    static const char *const wrong[] = {"", "10", "ms", "-1ms", "1d", "1 ms", "."};
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        double seconds;
        if (dc__parse_time("--rtt", wrong[k], &seconds) != DC_EINVAL)
            fail_msg("'%s' was taken for a time", wrong[k]);
        assert_non_null(strstr(dc_last_error(), "--rtt"));
    }
}

static void test_integers(void **state)
{
    (void)state;
    int n;
    assert_int_equal(dc__parse_integer("--workers", "16", 1, 16, &n), DC_OK);
    assert_int_equal(n, 16);
    static const char *const wrong[] = {"", "0", "17", "-1", "+1", "1x", "0x1", " 1", "99999999999999999999"};
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++)
        if (dc__parse_integer("--workers", wrong[k], 1, 16, &n) != DC_EINVAL)
            fail_msg("'%s' was taken", wrong[k]);
}

static int count(const char *text, const char *what)
{
    int n = 0;
    for (const char *at = text; (at = strstr(at, what)); at++)
        n++;
    return n;
}

static char *drawn(const char *title, const dc__gantt_group *groups, int n)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    assert_int_equal(dc__gantt_svg(out, title, groups, n), DC_OK);
    (void)fclose(out);
    return text;
}

static void test_chart_draws_bars_labels_and_legend(void **state)
{
    (void)state;
    static const char *const lanes[] = {"compute", "up", "down"};
    const dc__bar bars[] = {
        {0, DC_EVENT_FORWARD, 0.0, 0.4, 0, 0, 0, NULL},
        {0, DC_EVENT_WAIT, 0.4, 0.6, 1, 1, 0, NULL},
        {0, DC_EVENT_BACKWARD, 0.6, 1.0, 1, 1, 0, NULL},
        {1, DC_EVENT_PUSH, 0.7, 1.2, 0, 1, 2000000, "a<b&\x01"},
        {2, DC_EVENT_PULL, -0.2, 0.3, 1, 1, 10, NULL},
        {2, DC_EVENT_PULL, 1.1, 1.3, 1, 1, 10, NULL},
    };
    const dc__gantt_group groups[] = {{"one <round>", lanes, 3, bars, 6, 1.0}};
    char *svg = drawn("a & b", groups, 1);
    assert_int_equal(count(svg, "<svg "), 1);
    assert_int_equal(count(svg, "</svg>"), 1);
    assert_non_null(strstr(svg, "a &amp; b"));
    assert_non_null(strstr(svg, "one &lt;round&gt;"));
    assert_non_null(strstr(svg, ">a&lt;b&amp; </text>"));
    assert_null(strchr(svg, '\x01'));
    assert_non_null(strstr(svg, ">waiting for the network</text>"));
    assert_non_null(strstr(svg, "push (up), layers 0–1"));
    assert_non_null(strstr(svg, ", 2 MB"));
    assert_non_null(strstr(svg, ">compute</text>"));
    /* what ended before the round or starts after it is not drawn; the rest is cut to it */
    assert_int_equal(count(svg, "<title>pull (down), layer 1"), 1);
    assert_int_equal(count(svg, "<title>"), 5);
    /* no further subdivisions, no entry for them */
    assert_null(strstr(svg, "further subdivisions"));
    free(svg);
}

static void test_chart_joins_what_is_too_thin(void **state)
{
    (void)state;
    enum { N = 20000 };
    static const char *const lanes[] = {"down"};
    dc__bar *bars = calloc(N, sizeof *bars);
    assert_non_null(bars);
    for (int k = 0; k < N; k++)
        bars[k] = (dc__bar){0, DC_EVENT_PULL, k, k + 1, k, k, 7, NULL};
    const dc__gantt_group groups[] = {{"many", lanes, 1, bars, N, N}};
    char *svg = drawn("thin", groups, 1);
    assert_int_equal(count(svg, "<title>"), 1);
    assert_non_null(strstr(svg, "layers 0–19999, 0.14 MB in 20000 pieces"));
    free(svg);
    free(bars);
}

static void test_chart_needs_time_and_a_file(void **state)
{
    (void)state;
    static const char *const lanes[] = {"up"};
    const dc__gantt_group empty[] = {{"empty", lanes, 1, NULL, 0, 0.0}},
                          idle[] = {{"idle", lanes, 1, NULL, 0, 1.0}};
    FILE *full = fopen("/dev/full", "w");
    assert_non_null(full);
    assert_int_equal(dc__gantt_svg(full, "t", empty, 1), DC_EINVAL);
    assert_int_equal(dc__gantt_svg(full, "t", idle, 1), DC_EFILE);
    (void)fclose(full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rates),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_chart_draws_bars_labels_and_legend),
        cmocka_unit_test(test_chart_joins_what_is_too_thin),
        cmocka_unit_test(test_chart_needs_time_and_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
