/* test_sim_cases.c - the simulator against rounds worked out by hand. Links move one unit of bytes per
 * second, blocks (the smallest there are, as the models are small) and slices have 64 units, unless a case
 * says otherwise, so that times can be added up in the head. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dynacomm_plan.h"

#define UNIT 64u /* bytes */

static dc_profile profile_of(const dc_layer_cost *layers, int n)
{
    return (dc_profile){.n_layers = n, .layers = layers, .down_Bps = UNIT, .up_Bps = UNIT, .workers = 1};
}

/* A plan with given segments. */
static dc_plan plan_of(int n, dc_strategy strategy, const int *pull_end, int n_pull, const int *push_end,
                       int n_push)
{
    dc_plan plan;
    assert_int_equal(dc_plan_init(&plan, n), DC_OK);
    plan.strategy = strategy;
    plan.slice_bytes = 64 * UNIT;
    plan.n_pull = n_pull;
    plan.n_push = n_push;
    memcpy(plan.pull_end, pull_end, (size_t)n_pull * sizeof(int));
    memcpy(plan.push_end, push_end, (size_t)n_push * sizeof(int));
    return plan;
}

static dc_forecast round_of(const dc_profile *p, dc_plan plan)
{
    dc_sim_worker worker = {p, &plan, p->workers};
    dc_forecast f;
    assert_int_equal(dc_simulate(&worker, 1, NULL, NULL, &f), DC_OK);
    dc_plan_free(&plan);
    return f;
}

/* Every layer may overtake. */
static dc_plan duplex(int n)
{
    int push_end[8];
    assert_in_range(n, 1, 8);
    for (int k = 0; k < n; k++)
        push_end[k] = n - 1 - k;
    return plan_of(n, DC_DUPLEX, (int[]){n - 1}, 1, push_end, n);
}

static dc_plan sequential(int n)
{
    return plan_of(n, DC_SEQUENTIAL, (int[]){n - 1}, 1, (int[]){0}, 1);
}

static void is_s(double got, double expected)
{
    if (fabs(got - expected) > 1e-9 * expected)
        fail_msg("%.12g s where %.12g s were worked out", got, expected);
}

static void test_sequential_adds_everything_up(void **state)
{
    (void)state;
    const dc_layer_cost layers[] = {{3, 5, 100 * UNIT, 100 * UNIT}, {7, 11, 200 * UNIT, 200 * UNIT}};
    dc_profile p = profile_of(layers, 2);
    p.down_Bps = 10 * UNIT;
    p.up_Bps = 5 * UNIT;
    p.overhead_s = 1;
    p.rtt_s = 4;
    p.middle_s = 2;
    dc_plan plan = sequential(2);
    plan.slice_bytes = 1024 * UNIT; /* one frame */
    dc_forecast f = round_of(&p, plan);
    /* request 2, overhead 1, pull 30, flight 2, computation 28, overhead 1, push 60 */
    is_s(f.round_s, 2 + 1 + 30 + 2 + 28 + 1 + 60);
    is_s(f.wait_s, f.round_s - 28);
    is_s(f.floor_s, 60);
    /* all bytes between the backward of layer 1 and its next forward: 2 overheads, rtt, 60, its own 7+2+11 */
    is_s(f.bound_s, 2 + 4 + 60 + 20);
}

static void test_segments_overlap_computation(void **state)
{
    (void)state;
    const dc_layer_cost layers[] = {
        {30, 10, 10 * UNIT, 10 * UNIT}, {5, 10, 20 * UNIT, 20 * UNIT}, {5, 40, 10 * UNIT, 10 * UNIT}};
    dc_profile p = profile_of(layers, 3);
    /* pull: [0] arrives at 10, [1,2] at 40; forward 10-40, 40-50. backward 50-90-100-110; push [2] 90-100,
     * [1,0] 110-140 */
    dc_forecast f = round_of(&p, plan_of(3, DC_DYNACOMM, (int[]){0, 2}, 2, (int[]){2, 0}, 2));
    is_s(f.round_s, 140);
    is_s(f.wait_s, 40);
}

static void test_layers_without_bytes_cost_no_overhead(void **state)
{
    (void)state;
    const dc_layer_cost layers[] = {{4, 4, 0, 0}, {1, 1, 10 * UNIT, 10 * UNIT}, {2, 2, 0, 0}};
    dc_profile p = profile_of(layers, 3);
    p.overhead_s = 100;
    /* layer 0 computes while 1 is on its way (110); backward 2, 1; push 110 from 116 while layer 0 runs */
    dc_forecast f = round_of(&p, plan_of(3, DC_LAYERWISE, (int[]){0, 1, 2}, 3, (int[]){2, 1, 0}, 3));
    is_s(f.round_s, 110 + 1 + 2 + 2 + 1 + 110);
}

static void test_duplex_returns_slices_while_others_go_up(void **state)
{
    (void)state;
    const dc_layer_cost layers[] = {{10, 20, 128 * UNIT, 128 * UNIT}};
    dc_profile p = profile_of(layers, 1);
    /* slices: up 0-64-128, down 64-128-192, computation 30 */
    dc_forecast f = round_of(&p, duplex(1));
    is_s(f.round_s, 192 + 30);
    is_s(f.wait_s, 192);
    is_s(f.floor_s, 128);
    is_s(f.bound_s, 128 + 30);
    p.overhead_s = 1;
    p.rtt_s = 4;
    /* up 0-65-130, at the server 67 and 132; down 67-132-197, at the worker 199 */
    f = round_of(&p, duplex(1));
    is_s(f.round_s, 199 + 30);
    is_s(f.bound_s, 2 + 4 + 128 + 30);
}

static void test_duplex_sends_the_lowest_layer_first(void **state)
{
    (void)state;
    const dc_layer_cost layers[] = {{10, 10, 64 * UNIT, 64 * UNIT}, {10, 10, 128 * UNIT, 128 * UNIT}};
    dc_profile p = profile_of(layers, 2);
    /* From the start of backward 1: it ends at 10, backward 0 at 20. Up: 1a 10-74, then layer 0 overtakes
     * 74-138, 1b 138-202. Down: 1a 74-138, 0 138-202, 1b 202-266. Forward 0 202-212, forward 1 266-276. */
    is_s(round_of(&p, duplex(2)).round_s, 276);
}

typedef struct pushes {
    int layer[8], n;
} pushes;

static void note_push(void *context, const dc_event *event)
{
    pushes *p = context;
    if (event->kind != DC_EVENT_PUSH) return;
    assert_in_range(p->n, 0, 7);
    p->layer[p->n++] = event->first_layer;
}

/* Events of the steady round begin with its forward, where the last pushes of the round before may still be under
 * way: the order is compared from the first push of the highest layer on. */
static void is_pushed(const dc_profile *p, dc_plan plan, const int *expected, int n)
{
    dc_sim_worker worker = {p, &plan, p->workers};
    dc_forecast f;
    pushes seen = {.n = 0};
    assert_int_equal(dc_simulate(&worker, 1, note_push, &seen, &f), DC_OK);
    dc_plan_free(&plan);
    assert_int_equal(seen.n, n);
    int start = 0;
    while (start < n - 1 && (seen.layer[start] != p->n_layers - 1 || seen.layer[(start + n - 1) % n] != 0))
        start++;
    for (int k = 0; k < n; k++)
        assert_int_equal(seen.layer[(start + k) % n], expected[k]);
}

/* From the start of backward 2: it ends at 10, backward 1 at 20, backward 0 at 220. */
static void test_groups_overtake_and_their_layers_do_not(void **state)
{
    (void)state;
    const dc_layer_cost layers[] = {
        {10, 200, 64 * UNIT, 64 * UNIT}, {10, 10, 64 * UNIT, 64 * UNIT}, {10, 10, 128 * UNIT, 128 * UNIT}};
    const dc_profile p = profile_of(layers, 3);
    /* Up: 2a 10-74, 1 overtakes 74-138, 2b 138-202, 0 220-284 */
    is_pushed(&p, duplex(3), (int[]){2, 1, 2, 0}, 4);
    is_pushed(&p, plan_of(3, DC_DUPLEX, (int[]){2}, 1, (int[]){2, 0}, 2), (int[]){2, 1, 2, 0}, 4);
    /* 1 and 2 in one group: 2a 10-74, 2b 74-138, 1 138-202 */
    is_pushed(&p, plan_of(3, DC_DUPLEX, (int[]){2}, 1, (int[]){1, 0}, 2), (int[]){2, 2, 1, 0}, 4);
}

static void test_duplex_merges_small_neighbours(void **state)
{
    (void)state;
    const dc_layer_cost layers[] = {
        {1, 1, 30 * UNIT, 30 * UNIT}, {1, 1, 34 * UNIT, 34 * UNIT}, {1, 1, 10 * UNIT, 10 * UNIT}};
    dc_profile p = profile_of(layers, 3);
    p.overhead_s = 5;
    dc_plan plan = duplex(3);
    assert_int_equal(dc_plan_transmissions(&plan, &p, true), 2);
    /* From the start of backward 2: it ends at 1, its block goes up 1-16, down 16-31. Meanwhile 1 and 0 are
     * ready: one frame, up 16-85, down 85-154; then three forwards. */
    is_s(round_of(&p, plan).round_s, 154 + 3);
    /* A little more, and they are two frames: the second overhead is paid, but the first is back earlier. */
    const dc_layer_cost apart[] = {
        {1, 1, 30 * UNIT, 30 * UNIT}, {1, 1, 35 * UNIT, 35 * UNIT}, {1, 1, 10 * UNIT, 10 * UNIT}};
    p.layers = apart;
    plan = duplex(3);
    assert_int_equal(dc_plan_transmissions(&plan, &p, true), 2);
    /* up: 2 1-16, 0 16-51, 1 51-91; down: 2 16-31, 0 51-86, 1 91-131; forward 1 131-132, 2 132-133 */
    is_s(round_of(&p, plan).round_s, 133);
}

static void test_a_large_segment_pays_for_each_frame(void **state)
{
    (void)state;
    const dc_layer_cost layers[] = {{0, 0, 130 * UNIT, 130 * UNIT}};
    dc_profile p = profile_of(layers, 1);
    p.overhead_s = 1;
    /* 64 + 64 + 2 */
    is_s(round_of(&p, sequential(1)).round_s, 2 * (130 + 3));
    dc_plan plan = sequential(1);
    plan.slice_bytes = 128 * UNIT;
    is_s(round_of(&p, plan).round_s, 2 * (130 + 2));
}

static void test_identical_workers_share_the_servers_link(void **state)
{
    (void)state;
    const dc_layer_cost layers[] = {{0, 0, 100 * UNIT, 100 * UNIT}};
    dc_profile p = profile_of(layers, 1);
    p.workers = 4;
    p.server_Bps = 2 * UNIT;
    dc_forecast f = round_of(&p, sequential(1));
    is_s(f.round_s, 400);
    is_s(f.floor_s, 200);
    p.server_Bps = 8 * UNIT;
    is_s(round_of(&p, sequential(1)).round_s, 200);
}

static void test_unequal_workers_share_fairly(void **state)
{
    (void)state;
    const dc_layer_cost layers[] = {{0, 0, 100 * UNIT, 100 * UNIT}},
                        slow[] = {{10, 40, 100 * UNIT, 100 * UNIT}};
    dc_profile p[2] = {profile_of(layers, 1), profile_of(slow, 1)};
    p[0].server_Bps = p[1].server_Bps = 4 * UNIT;
    p[1].down_Bps = p[1].up_Bps = 10 * UNIT;
    dc_plan plans[2] = {sequential(1), sequential(1)};
    dc_sim_worker workers[2] = {{&p[0], &plans[0], 1}, {&p[1], &plans[1], 1}};
    dc_forecast f[2];
    assert_int_equal(dc_simulate(workers, 2, NULL, NULL, f), DC_OK);
    /* Pull: worker 0 gets 1 of the 4, 100 s; worker 1 the other 3, 33.3 s. It computes to 83.3 and pushes at
     * 3 as long as... worker 0 pulls in the other direction: all 4, but 25 s. Worker 0 pushes 100-200. */
    is_s(f[0].round_s, 200);
    is_s(f[1].round_s, 200);
    is_s(f[1].wait_s, 150);
    is_s(f[0].floor_s, 100);
    /* Now both push at once from 33.3 on: worker 1 has 3 of the 4, 33.3 s more. */
    p[0].down_Bps = 10 * UNIT;
    p[0].up_Bps = 10 * UNIT;
    p[1].down_Bps = p[1].up_Bps = 1 * UNIT;
    p[1].layers = layers;
    assert_int_equal(dc_simulate(workers, 2, NULL, NULL, f), DC_OK);
    is_s(f[0].round_s, 200);
    /* Two equal ones: 2 each. */
    p[1].down_Bps = p[1].up_Bps = 10 * UNIT;
    assert_int_equal(dc_simulate(workers, 2, NULL, NULL, f), DC_OK);
    is_s(f[0].round_s, 100);
    for (int k = 0; k < 2; k++)
        dc_plan_free(&plans[k]);
}

static void test_the_slowest_worker_sets_the_pace(void **state)
{
    (void)state;
    const dc_layer_cost fast[] = {{1, 1, 64 * UNIT, 64 * UNIT}}, slow[] = {{50, 50, 64 * UNIT, 64 * UNIT}};
    dc_profile p[2] = {profile_of(fast, 1), profile_of(slow, 1)};
    for (int s = 0; s < 4; s++) {
        dc_plan plans[2] = {s & 1 ? duplex(1) : sequential(1), s & 2 ? duplex(1) : sequential(1)};
        dc_sim_worker workers[2] = {{&p[0], &plans[0], 1}, {&p[1], &plans[1], 1}};
        dc_forecast f[2];
        assert_int_equal(dc_simulate(workers, 2, NULL, NULL, f), DC_OK);
        is_s(f[0].round_s, 228);
        is_s(f[0].wait_s, 226);
        is_s(f[1].wait_s, 128);
        for (int k = 0; k < 2; k++)
            dc_plan_free(&plans[k]);
    }
}

static void test_frozen_models_only_compute(void **state)
{
    (void)state;
    const dc_layer_cost layers[] = {{1, 0, 0, 0}, {2, 3, 0, 0}};
    dc_profile p = profile_of(layers, 2);
    p.rtt_s = 10;
    for (int s = DC_SEQUENTIAL; s <= DC_AUTO; s++) {
        dc_plan plan;
        assert_int_equal(dc_plan_init(&plan, 2), DC_OK);
        assert_int_equal(dc_plan_make(&plan, &p, (dc_strategy)s), DC_OK);
        is_s(plan.round_s, 6);
        is_s(plan.bound_s, 6);
        assert_true(plan.wait_s == 0);
        dc_plan_free(&plan);
    }
}

static void test_refuses_what_does_not_fit(void **state)
{
    (void)state;
    const dc_layer_cost layers[] = {{1, 1, 64 * UNIT, 64 * UNIT}, {1, 1, 64 * UNIT, 64 * UNIT}},
                        other[] = {{1, 1, 64 * UNIT, 64 * UNIT}, {1, 1, 65 * UNIT, 65 * UNIT}},
                        bad[] = {{-1, 0, 1, 1}};
    const dc_layer_cost nan[] = {{0, (double)NAN, 1, 1}},
                        huge[] = {{0, 0, (uint64_t)1 << 60, (uint64_t)1 << 60}};
    dc_profile p[2] = {profile_of(layers, 2), profile_of(other, 2)};
    dc_plan plan = sequential(2);
    dc_forecast f[2];
    assert_int_equal(dc_simulate((dc_sim_worker[]){{&p[0], &plan, 1}, {&p[1], &plan, 1}}, 2, NULL, NULL, f),
                     DC_EINVAL);
    assert_non_null(strstr(dc_last_error(), "layer 1"));
    assert_int_equal(dc_simulate(NULL, 0, NULL, NULL, f), DC_EINVAL);
    plan.slice_bytes = 0;
    assert_int_equal(dc_simulate((dc_sim_worker[]){{&p[0], &plan, 1}}, 1, NULL, NULL, f), DC_EINVAL);
    dc_plan_free(&plan);
    assert_int_equal(dc_plan_init(&plan, 0), DC_EINVAL);
    assert_int_equal(dc_plan_init(&plan, 1), DC_OK);
    const dc_layer_cost *wrong[] = {bad, nan, huge};
    for (int k = 0; k < 3; k++) {
        dc_profile q = profile_of(wrong[k], 1);
        assert_int_equal(dc_plan_make(&plan, &q, DC_AUTO), DC_EINVAL);
        assert_non_null(strstr(dc_last_error(), "layer 0"));
    }
    dc_profile q = profile_of(layers, 1);
    q.up_Bps = 0;
    assert_int_equal(dc_plan_make(&plan, &q, DC_AUTO), DC_EINVAL);
    q = profile_of(layers, 2);
    assert_int_equal(dc_plan_make(&plan, &q, DC_AUTO), DC_EINVAL);
    q = profile_of(layers, 1);
    q.rtt_s = INFINITY;
    assert_int_equal(dc_plan_make(&plan, &q, DC_DUPLEX), DC_EINVAL);
    q = profile_of(layers, 1);
    assert_int_equal(dc_plan_make(&plan, &q, DC_STRATEGY_COUNT), DC_EINVAL);
    dc_plan_free(&plan);
}

static void test_strategy_names(void **state)
{
    (void)state;
    for (int s = 0; s < DC_STRATEGY_COUNT; s++) {
        dc_strategy back;
        assert_int_equal(dc_strategy_parse(dc_strategy_name((dc_strategy)s), &back), DC_OK);
        assert_int_equal(back, s);
    }
    assert_string_equal(dc_strategy_name(DC_STRATEGY_COUNT), "?");
    dc_strategy none;
    assert_int_equal(dc_strategy_parse("fastest", &none), DC_EINVAL);
    assert_non_null(strstr(dc_last_error(), "duplex"));
    assert_int_equal(dc_strategy_parse(NULL, &none), DC_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sequential_adds_everything_up),
        cmocka_unit_test(test_segments_overlap_computation),
        cmocka_unit_test(test_layers_without_bytes_cost_no_overhead),
        cmocka_unit_test(test_duplex_returns_slices_while_others_go_up),
        cmocka_unit_test(test_duplex_sends_the_lowest_layer_first),
        cmocka_unit_test(test_groups_overtake_and_their_layers_do_not),
        cmocka_unit_test(test_duplex_merges_small_neighbours),
        cmocka_unit_test(test_a_large_segment_pays_for_each_frame),
        cmocka_unit_test(test_identical_workers_share_the_servers_link),
        cmocka_unit_test(test_unequal_workers_share_fairly),
        cmocka_unit_test(test_the_slowest_worker_sets_the_pace),
        cmocka_unit_test(test_frozen_models_only_compute),
        cmocka_unit_test(test_refuses_what_does_not_fit),
        cmocka_unit_test(test_strategy_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
