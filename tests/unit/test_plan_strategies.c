/* test_plan_strategies.c - every two-phase strategy against exhaustive search or its definition, and the
 * groups of duplex. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schedule/segments.h"
#include "schedule/units.h"
#include "plan_cases.h"

#define CASES 120000

typedef void (*case_fn)(const dc_profile *p, dc_plan *plan, uint64_t seed);

/* Segments must cover all layers, in order, whatever the strategy. */
static void check_shape(const dc_plan *plan)
{
    assert_in_range(plan->n_pull, 1, plan->n_layers);
    assert_in_range(plan->n_push, 1, plan->n_layers);
    for (int k = 0; k < plan->n_pull; k++)
        assert_in_range(plan->pull_end[k], k ? plan->pull_end[k - 1] + 1 : 0, plan->n_layers - 1);
    assert_int_equal(plan->pull_end[plan->n_pull - 1], plan->n_layers - 1);
    for (int k = 0; k < plan->n_push; k++)
        assert_in_range(plan->push_end[k], 0, k ? plan->push_end[k - 1] - 1 : plan->n_layers - 1);
    assert_int_equal(plan->push_end[plan->n_push - 1], 0);
}

static void over_cases(dc_strategy strategy, case_fn check)
{
    dc_layer_cost layers[CASE_LAYERS];
    for (uint64_t seed = 0; seed < CASES; seed++) {
        dc_profile p = case_make(seed, layers);
        dc_plan plan;
        assert_int_equal(dc_plan_init(&plan, p.n_layers), DC_OK);
        assert_int_equal(dc__plan_cut(&plan, &p, strategy, 0), DC_OK);
        check_shape(&plan);
        check(&p, &plan, seed);
        dc_plan_free(&plan);
    }
}

static void is_least_of_all_cuts(const dc_profile *p, dc_plan *plan, uint64_t seed)
{
    for (int push = 0; push < 2; push++) {
        double (*half)(const dc_profile *, unsigned, int *) = push ? case_push_s : case_pull_s;
        int sent, fewest = 0;
        double least_s = -1;
        for (unsigned cut = 0; cut < 1u << (p->n_layers - 1); cut++) {
            double s = half(p, cut, &sent);
            if (least_s < 0 || s < least_s || (s == least_s && sent < fewest)) {
                least_s = s;
                fewest = sent;
            }
        }
        double ours_s = half(p, case_cut_of(plan, push), &sent);
        if (ours_s != least_s || sent != fewest)
            fail_msg("seed %llu, %s: ends at %g with %d segments; best is %g with %d",
                     (unsigned long long)seed, push ? "push" : "pull", ours_s, sent, least_s, fewest);
        assert_int_equal(dc_plan_transmissions(plan, p, push), sent);
    }
}

static void test_dynacomm_equals_exhaustive_search(void **state)
{
    (void)state;
    over_cases(DC_DYNACOMM, is_least_of_all_cuts);
}

/* The rule as the literature words it, on layers one by one: the segment of layer `first` reaches as far as
 * its transmission hides behind the previous segment's computation; at least one layer with bytes; layers
 * without bytes cost nothing to take along. In layer order for both halves: push is mirrored in time. */
static unsigned greedy_by_definition(const dc_profile *p, bool push)
{
    unsigned cut = 0;
    double previous_s = 0, current_s = 0;
    uint64_t bytes = 0;
    for (int i = 0; i < p->n_layers; i++) {
        const dc_layer_cost *c = &p->layers[i];
        double hidden_s = p->overhead_s + (double)(bytes + (push ? c->up_bytes : c->down_bytes));
        bool starts = c->up_bytes > 0 && (bytes > 0 || i > 0) && (bytes == 0 || hidden_s > previous_s);
        if (starts) {
            cut |= 1u << (i - 1);
            previous_s = current_s;
            current_s = 0;
            bytes = 0;
        }
        bytes += push ? c->up_bytes : c->down_bytes;
        current_s += push ? c->bc_s : c->fc_s;
    }
    return cut;
}

static void follows_the_greedy_rule(const dc_profile *p, dc_plan *plan, uint64_t seed)
{
    for (int push = 0; push < 2; push++) {
        unsigned ours = case_cut_of(plan, push), expected = greedy_by_definition(p, push);
        if (ours != expected)
            fail_msg("seed %llu, %s: cut %x, by definition %x", (unsigned long long)seed,
                     push ? "push" : "pull", ours, expected);
    }
}

static void test_ibatch_follows_its_definition(void **state)
{
    (void)state;
    over_cases(DC_IBATCH, follows_the_greedy_rule);
}

static void is_one_segment(const dc_profile *p, dc_plan *plan, uint64_t seed)
{
    (void)p, (void)seed;
    assert_int_equal(plan->n_pull, 1);
    assert_int_equal(plan->n_push, 1);
}

static void test_sequential_is_one_segment_each_way(void **state)
{
    (void)state;
    over_cases(DC_SEQUENTIAL, is_one_segment);
}

static void is_one_layer_each(const dc_profile *p, dc_plan *plan, uint64_t seed)
{
    (void)seed;
    assert_int_equal(plan->n_pull, p->n_layers);
    assert_int_equal(plan->n_push, p->n_layers);
    int with_bytes = 0;
    for (int i = 0; i < p->n_layers; i++) {
        assert_int_equal(plan->pull_end[i], i);
        assert_int_equal(plan->push_end[i], p->n_layers - 1 - i);
        with_bytes += p->layers[i].up_bytes > 0;
    }
    assert_int_equal(dc_plan_transmissions(plan, p, false), with_bytes);
    assert_int_equal(dc_plan_transmissions(plan, p, true), with_bytes);
}

static void test_layerwise_is_one_segment_per_layer(void **state)
{
    (void)state;
    over_cases(DC_LAYERWISE, is_one_layer_each);
}

/* The work, not the time, so that the test says the same on every machine. */
static void test_optimum_takes_quadratic_steps(void **state)
{
    (void)state;
    enum { N = 1000 };
    dc_layer_cost *layers = calloc(N, sizeof *layers);
    assert_non_null(layers);
    uint64_t s = 7;
    for (int shape = 0; shape < 12; shape++) {
        for (int i = 0; i < N; i++) {
            double up = case_below(&s, 1000), rising = i;
            layers[i].fc_s = shape % 4 == 0 ? up : shape % 4 == 1 ? rising : shape % 4 == 2 ? N - rising : 1;
            layers[i].up_bytes = layers[i].down_bytes = 1 + (uint64_t)(shape % 3 == 0   ? case_below(&s, 1000)
                                                                       : shape % 3 == 1 ? i
                                                                                        : N - i);
        }
        for (int overhead = 0; overhead < 3; overhead++) {
            dc_profile p = {
                .n_layers = N, .layers = layers, .down_Bps = 1, .up_Bps = 1, .overhead_s = overhead};
            dc__items items;
            assert_int_equal(dc__items_make(&items, &p, false), DC_OK);
            double *row = malloc((N + 1) * 2 * sizeof *row);
            int *cut = malloc(N * sizeof *cut);
            assert_true(row && cut);
            uint64_t steps;
            int m = dc__cut_optimal(&items, cut, row, &steps);
            assert_in_range(m, 1, N);
            assert_in_range(steps, 1, 1ull * N * N + 2 * N);
            free(cut);
            free(row);
            dc__items_free(&items);
        }
    }
    free(layers);
}

/* Costs that are not whole numbers: rounding must not lose
 * the best cut (its value may differ in the last bits). */
static void test_optimum_with_fractions(void **state)
{
    (void)state;
    dc_layer_cost layers[CASE_LAYERS];
    for (uint64_t seed = 0; seed < 20000; seed++) {
        dc_profile p = case_make(seed, layers);
        uint64_t s = seed;
        for (int i = 0; i < p.n_layers; i++) {
            layers[i].fc_s *= (double)(case_random(&s) >> 11) * 0x1p-53;
            layers[i].bc_s *= (double)(case_random(&s) >> 11) * 0x1p-53;
        }
        p.overhead_s *= 0.1;
        p.down_Bps = 1 + (double)(case_random(&s) >> 11) * 0x1p-53;
        p.up_Bps = 0.3 + (double)(case_random(&s) >> 11) * 0x1p-53;
        dc_plan plan;
        assert_int_equal(dc_plan_init(&plan, p.n_layers), DC_OK);
        assert_int_equal(dc__plan_cut(&plan, &p, DC_DYNACOMM, 0), DC_OK);
        for (int push = 0; push < 2; push++) {
            double (*half)(const dc_profile *, unsigned, int *) = push ? case_push_s : case_pull_s;
            int sent;
            double ours_s = half(&p, case_cut_of(&plan, push), &sent);
            for (unsigned cut = 0; cut < 1u << (p.n_layers - 1); cut++)
                assert_true(ours_s <= half(&p, cut, &sent) * (1 + 1e-12));
        }
        dc_plan_free(&plan);
    }
}

/* Groups cover all layers with as many of the ones with bytes each as can be, and half as many groups have no
 * border that twice as many lack: workers that choose different numbers still agree where they can. */
static void test_groups_are_even_and_nested(void **state)
{
    (void)state;
    dc_layer_cost layers[CASE_LAYERS];
    for (uint64_t seed = 0; seed < CASES; seed++) {
        dc_profile p = case_make(seed, layers);
        dc_plan plan, twice;
        assert_int_equal(dc_plan_init(&plan, p.n_layers), DC_OK);
        assert_int_equal(dc_plan_init(&twice, p.n_layers), DC_OK);
        for (int groups = 1; groups <= 16; groups *= 2) {
            assert_int_equal(dc__plan_cut(&plan, &p, DC_DUPLEX, groups), DC_OK);
            assert_int_equal(dc__plan_cut(&twice, &p, DC_DUPLEX, 2 * groups), DC_OK);
            check_shape(&plan);
            assert_int_equal(plan.n_pull, 1);
            assert_in_range(plan.n_push, 1, groups);
            assert_int_equal(case_cut_of(&plan, true) & ~case_cut_of(&twice, true), 0);
            int least = p.n_layers, most = 0;
            for (int k = 0, layer = p.n_layers - 1; k < plan.n_push; k++) {
                int with_bytes = 0;
                for (; layer >= plan.push_end[k]; layer--)
                    with_bytes += p.layers[layer].up_bytes > 0;
                if (with_bytes < least) least = with_bytes;
                if (with_bytes > most) most = with_bytes;
            }
            assert_in_range(most, 0, least + 1);
        }
        dc_plan_free(&twice);
        dc_plan_free(&plan);
    }
}

/* A worker alone lets every layer overtake. Of several,
 * all have the same groups, whatever each has measured. */
static void test_workers_with_other_costs_have_the_same_groups(void **state)
{
    (void)state;
    dc_layer_cost layers[CASE_LAYERS], others[CASE_LAYERS];
    int compared = 0, grouped = 0;
    for (uint64_t seed = 0; seed < CASES / 40; seed++) {
        dc_profile p = case_make(seed, layers), q = p;
        memcpy(others, layers, sizeof others);
        q.layers = others;
        uint64_t s = seed;
        for (int i = 0; i < q.n_layers; i++)
            others[i].bc_s *= 1 + (double)(case_random(&s) % 4);
        q.up_Bps *= 1 + (double)(case_random(&s) % 4);
        dc_plan one, other;
        assert_int_equal(dc_plan_init(&one, p.n_layers), DC_OK);
        assert_int_equal(dc_plan_init(&other, p.n_layers), DC_OK);
        p.workers = 1;
        assert_int_equal(dc_plan_make(&one, &p, DC_DUPLEX), DC_OK);
        if (one.strategy == DC_DUPLEX) assert_int_equal(one.n_push, p.n_layers);
        p.workers = q.workers = 2;
        assert_int_equal(dc_plan_make(&one, &p, DC_DUPLEX), DC_OK);
        assert_int_equal(dc_plan_make(&other, &q, DC_DUPLEX), DC_OK);
        if (one.strategy == DC_DUPLEX && other.strategy == DC_DUPLEX) {
            compared++;
            grouped += one.n_push < p.n_layers;
            assert_int_equal(one.n_push, other.n_push);
            assert_memory_equal(one.push_end, other.push_end, (size_t)one.n_push * sizeof(int));
        }
        dc_plan_free(&other);
        dc_plan_free(&one);
    }
    assert_true(compared > 100 && grouped > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dynacomm_equals_exhaustive_search),
        cmocka_unit_test(test_optimum_with_fractions),
        cmocka_unit_test(test_ibatch_follows_its_definition),
        cmocka_unit_test(test_sequential_is_one_segment_each_way),
        cmocka_unit_test(test_layerwise_is_one_segment_per_layer),
        cmocka_unit_test(test_optimum_takes_quadratic_steps),
        cmocka_unit_test(test_groups_are_even_and_nested),
        cmocka_unit_test(test_workers_with_other_costs_have_the_same_groups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
