/* test_detector_map.c - average precision against cases worked by hand. */
#include "kernel_test.h"

#include "evaluate/detector_map.h"

static double ap(dk_scored *s, int n, int objects, int points, int *hits, int *misses)
{
    bool found[16] = {false};
    return dk_average_precision(s, n, objects, found, points, hits, misses);
}

static void near(double got, double want)
{
    if (fabs(got - want) > 1e-9) fail_msg("average precision %.9f, want %.9f", got, want);
}

static void test_area(void **state)
{
    (void)state;
    int hits, misses;
    /* Ranked: hit, false, hit (again false: object 0 twice),
     * hit; 4 objects. Precision 1, 1/2, 1/3, 2/4, 3/5. */
    dk_scored s[] = {{.5f, 0, .9f}, {.9f, 0, .8f}, {.8f, -1, 0}, {.4f, 2, .7f}, {.3f, 1, .6f}};
    near(ap(s, 5, 4, 0, &hits, &misses), .25 * 1 + .25 * .6 + .25 * .6);
    assert_int_equal(hits, 3);
    assert_int_equal(misses, 2);
}

static void test_points(void **state)
{
    (void)state;
    int hits, misses;
    dk_scored s[] = {{.9f, 0, .8f}, {.8f, -1, 0}, {.7f, 1, .7f}};
    /* Recall 1/2 at precision 1, 1 at 2/3: recalls 0 to .5 are 6 points of 11, the rest 5. */
    near(ap(s, 3, 2, 11, &hits, &misses), (6 + 5 * 2. / 3) / 11);
}

static void test_edges(void **state)
{
    (void)state;
    int hits, misses;
    near(ap(NULL, 0, 3, 0, &hits, &misses), 0);
    dk_scored one[] = {{.9f, -1, 0}};
    near(ap(one, 1, 0, 0, &hits, &misses), 0);
    assert_int_equal(misses, 1);
    dk_scored all[] = {{.9f, 0, .8f}, {.9f, 1, .8f}};
    near(ap(all, 2, 2, 0, &hits, &misses), 1);
    near(ap(all, 2, 2, 101, &hits, &misses), 1);
    dk_scored tie[] = {{.5f, -1, 0}, {.5f, 0, .9f}}; /* ties stay in order */
    near(ap(tie, 2, 1, 0, &hits, &misses), .5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_area),
        cmocka_unit_test(test_points),
        cmocka_unit_test(test_edges),
    };
    return cmocka_run_group_tests_name("detector map", tests, NULL, NULL);
}
