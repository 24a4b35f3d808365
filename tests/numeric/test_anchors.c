/* test_anchors.c - anchors of sizes whose best clusters are known. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "detect/anchors.h"

#include <stdlib.h>

static void one_cluster_is_the_mean(void **state)
{
    (void)state;
    const dk_size size[] = {{2, 4}, {4, 8}, {6, 3}};
    dk_size anchor;
    assert_true(dk_anchors_find(size, 3, &anchor, 1, 7) >= 0);
    assert_float_equal(anchor.w, 4, 1e-6);
    assert_float_equal(anchor.h, 5, 1e-6);
}

static void as_many_clusters_as_sizes(void **state)
{
    (void)state;
    const dk_size size[] = {{30, 40}, {1, 2}, {30, 40}, {5, 6}};
    dk_size anchor[3];
    assert_true(dk_anchors_find(size, 4, anchor, 3, 1) >= 0);
    assert_float_equal(anchor[0].w, 1, 1e-6);
    assert_float_equal(anchor[1].h, 6, 1e-6);
    assert_float_equal(anchor[2].w, 30, 1e-6);
    assert_float_equal(dk_anchors_fit(size, 4, anchor, 3), 1, 1e-6);
    assert_int_equal(dk_anchors_find(size, 4, anchor, 4, 1), -1); /* only three differ */
}

static void fit_is_the_mean_overlap(void **state)
{
    (void)state;
    const dk_size size[] = {{2, 2}, {4, 4}}, anchor[] = {{2, 4}};
    assert_float_equal(dk_anchors_fit(size, 2, anchor, 1), (.5 + .5) / 2, 1e-6);
}

/* Better than every set of anchors that a thousand random draws from the sizes give. */
static void no_random_choice_is_better(void **state)
{
    (void)state;
    enum { N = 400, K = 5 };
    dk_size size[N], anchor[K], other[K];
    srand(3);
    for (int i = 0; i < N; i++)
        size[i] = (dk_size){(float)(rand() % 400 + 4), (float)(rand() % 300 + 4)};
    assert_true(dk_anchors_find(size, N, anchor, K, 11) > 0);
    const double found = dk_anchors_fit(size, N, anchor, K);
    for (int j = 1; j < K; j++)
        assert_true(anchor[j - 1].w * anchor[j - 1].h <= anchor[j].w * anchor[j].h);
    for (int trial = 0; trial < 1000; trial++) {
        for (int j = 0; j < K; j++)
            other[j] = size[rand() % N];
        assert_true(dk_anchors_fit(size, N, other, K) < found);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_cluster_is_the_mean),
        cmocka_unit_test(as_many_clusters_as_sizes),
        cmocka_unit_test(fit_is_the_mean_overlap),
        cmocka_unit_test(no_random_choice_is_better),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
