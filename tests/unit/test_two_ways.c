/* test_two_ways.c - layers that move other bytes up than down: the cuts against exhaustive search, rounds
 * against the two halves and by hand, blocks, bounds, and the laws of every round. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schedule/segments.h"
#include "schedule/units.h"
#include "plan_cases.h"

/* A random problem whose layers with bytes bring any other number of them down. */
static dc_profile two_ways(uint64_t seed, dc_layer_cost layers[CASE_LAYERS])
{
    const dc_profile p = case_make(seed, layers);
    uint64_t s = ~seed;
    const int most = 1 + case_below(&s, 60);
    for (int i = 0; i < p.n_layers; i++)
        if (layers[i].up_bytes > 0) layers[i].down_bytes = 1 + (uint64_t)case_below(&s, most);
    return p;
}

static dc_plan made(const dc_profile *p, dc_strategy strategy)
{
    dc_plan plan;
    assert_int_equal(dc_plan_init(&plan, p->n_layers), DC_OK);
    assert_int_equal(dc_plan_make(&plan, p, strategy), DC_OK);
    return plan;
}

static void test_dynacomm_equals_exhaustive_search(void **state)
{
    (void)state;
    dc_layer_cost layers[CASE_LAYERS];
    int differ = 0;
    for (uint64_t seed = 0; seed < 30000; seed++) {
        const dc_profile p = two_ways(seed, layers);
        dc_plan plan;
        assert_int_equal(dc_plan_init(&plan, p.n_layers), DC_OK);
        assert_int_equal(dc__plan_cut(&plan, &p, DC_DYNACOMM, 0), DC_OK);
        for (int push = 0; push < 2; push++) {
            double (*half)(const dc_profile *, unsigned, int *) = push ? case_push_s : case_pull_s;
            int sent, fewest = 0;
            double least_s = -1;
            for (unsigned cut = 0; cut < 1u << (p.n_layers - 1); cut++) {
                const double s = half(&p, cut, &sent);
                if (least_s >= 0 && (s > least_s || (s == least_s && sent >= fewest))) continue;
                least_s = s;
                fewest = sent;
            }
            const double ours_s = half(&p, case_cut_of(&plan, push), &sent);
            if (ours_s != least_s || sent != fewest)
                fail_msg("seed %llu, %s: ends at %g with %d segments; best is %g with %d",
                         (unsigned long long)seed, push ? "push" : "pull", ours_s, sent, least_s, fewest);
        }
        differ += case_cut_of(&plan, true) != case_cut_of(&plan, false);
        dc_plan_free(&plan);
    }
    assert_true(differ > 1000);
}

static void test_two_phase_rounds_are_their_halves(void **state)
{
    (void)state;
    dc_layer_cost layers[CASE_LAYERS];
    for (uint64_t seed = 0; seed < 10000; seed++) {
        const dc_profile p = two_ways(seed, layers);
        for (int s = DC_SEQUENTIAL; s <= DC_DYNACOMM; s++) {
            dc_plan plan = made(&p, (dc_strategy)s);
            int sent;
            const double halves_s = case_pull_s(&p, case_cut_of(&plan, false), &sent) + p.middle_s +
                                    case_push_s(&p, case_cut_of(&plan, true), &sent);
            if (plan.round_s != halves_s)
                fail_msg("seed %llu, %s: simulated %g s, the halves make %g s", (unsigned long long)seed,
                         dc_strategy_name((dc_strategy)s), plan.round_s, halves_s);
            dc_plan_free(&plan);
        }
    }
}

/* The bounds by their definition (rates.c), one worker. */
static void bounds_of(const dc_profile *p, double *floor_s, double *bound_s)
{
    double up_s = 0, down_s = 0, compute_s = p->middle_s;
    for (int i = 0; i < p->n_layers; i++) {
        up_s += (double)p->layers[i].up_bytes / p->up_Bps;
        down_s += (double)p->layers[i].down_bytes / p->down_Bps;
        compute_s += p->layers[i].fc_s + p->layers[i].bc_s;
    }
    *floor_s = *bound_s = fmax(compute_s, fmax(up_s, down_s));
    up_s = down_s = 0;
    for (int i = 0; i < p->n_layers; i++) {
        up_s += (double)p->layers[i].up_bytes / p->up_Bps;
        down_s += (double)p->layers[i].down_bytes / p->down_Bps;
        double above_s = p->middle_s;
        for (int j = i; j < p->n_layers; j++)
            above_s += p->layers[j].fc_s + p->layers[j].bc_s;
        if (up_s > 0) *bound_s = fmax(*bound_s, 2 * p->overhead_s + p->rtt_s + fmax(up_s, down_s) + above_s);
    }
}

static void test_no_plan_beats_the_bound_or_loses_to_sequential(void **state)
{
    (void)state;
    dc_layer_cost layers[CASE_LAYERS];
    for (uint64_t seed = 0; seed < 8000; seed++) {
        dc_profile p = two_ways(seed, layers);
        uint64_t s = seed;
        p.rtt_s = case_below(&s, 3) * 7;
        p.up_Bps = 1 << case_below(&s, 3);
        p.workers = 1 + (seed % 4 == 0) * case_below(&s, 4);
        double round_s[DC_STRATEGY_COUNT], floor_s, bound_s;
        bounds_of(&p, &floor_s, &bound_s);
        for (int k = 0; k < DC_STRATEGY_COUNT; k++) {
            dc_plan plan = made(&p, (dc_strategy)k);
            round_s[k] = plan.round_s;
            assert_true(plan.floor_s == floor_s && plan.bound_s == bound_s);
            if (plan.bound_s > plan.round_s * (1 + 1e-9))
                fail_msg("seed %llu, %s: a round of %.17g s beats the bound %.17g s",
                         (unsigned long long)seed, dc_strategy_name((dc_strategy)k), plan.round_s,
                         plan.bound_s);
            dc_plan_free(&plan);
        }
        assert_true(round_s[DC_DYNACOMM] <= round_s[DC_SEQUENTIAL] * (1 + 1e-9));
        assert_true(round_s[DC_DUPLEX] <= round_s[DC_SEQUENTIAL] * (1 + 1e-9));
        assert_true(round_s[DC_AUTO] <= round_s[DC_DUPLEX] * 1.001000001);
    }
}

/* Both directions cut a layer at the same places of its extent, and each moves all its bytes once. */
static void test_blocks_are_the_same_both_ways(void **state)
{
    (void)state;
    dc_layer_cost layers[CASE_LAYERS];
    for (uint64_t seed = 0; seed < 4000; seed++) {
        const dc_profile p = two_ways(seed, layers);
        uint64_t s = seed;
        for (int i = 0; i < p.n_layers; i++)
            if (layers[i].up_bytes > 0) {
                layers[i].up_bytes *= 1 + case_random(&s) % 20000;
                layers[i].down_bytes *= 1 + case_random(&s) % 20000;
            }
        const int n = dc__units_blocks(layers, p.n_layers, true, NULL);
        assert_int_equal(dc__units_blocks(layers, p.n_layers, false, NULL), n);
        dc__unit *up = calloc((size_t)n + 1, sizeof *up), *down = calloc((size_t)n + 1, sizeof *down);
        assert_true(up && down);
        (void)dc__units_blocks(layers, p.n_layers, true, up);
        (void)dc__units_blocks(layers, p.n_layers, false, down);
        int k = 0;
        for (int i = 0; i < p.n_layers; i++) {
            uint64_t ups = 0, downs = 0, at = 0;
            for (; k < n && up[k].first == i; k++) {
                assert_true(up[k].begin == at && down[k].begin == at && up[k].end == down[k].end);
                at = up[k].end;
                ups += up[k].bytes;
                downs += down[k].bytes;
                assert_true(up[k].bytes <= at && down[k].bytes <= at);
            }
            assert_true(ups == layers[i].up_bytes && downs == layers[i].down_bytes);
        }
        assert_int_equal(k, n);
        free(down);
        free(up);
    }
}

#define UNIT 64u /* bytes: a second */

/* Two blocks of 64 units down, of 16 up: up 0-16-32, down 16-80-144, then 30 of computation. The other way
 * round: up 0-64-128, down 64-80, 128-144. */
static void test_a_duplex_round_by_hand(void **state)
{
    (void)state;
    for (int swap = 0; swap < 2; swap++) {
        const dc_layer_cost layer = {10, 20, (swap ? 128 : 32) * UNIT, (swap ? 32 : 128) * UNIT};
        const dc_profile p = {
            .n_layers = 1, .layers = &layer, .down_Bps = UNIT, .up_Bps = UNIT, .workers = 1};
        dc_plan plan;
        assert_int_equal(dc_plan_init(&plan, 1), DC_OK);
        plan.strategy = DC_DUPLEX;
        plan.slice_bytes =
            (swap ? 64 : 16) * UNIT; /* a block of one direction at a time, of the other four */
        plan.n_pull = plan.n_push = 1;
        const dc_sim_worker worker = {&p, &plan, 1};
        dc_forecast f;
        assert_int_equal(dc_simulate(&worker, 1, NULL, NULL, &f), DC_OK);
        assert_true(fabs(f.round_s - (144 + 30)) < 1e-9);
        assert_true(f.floor_s == 128 && f.bound_s == 128 + 30);
        dc_plan_free(&plan);
    }
}

typedef struct moved {
    uint64_t up, down;
} moved;

static void note(void *context, const dc_event *event)
{
    moved *m = context;
    if (event->start_s < 0) return; /* the round before's */
    if (event->kind == DC_EVENT_PUSH) m->up += event->bytes;
    if (event->kind == DC_EVENT_PULL) m->down += event->bytes;
}

static void test_a_round_moves_each_directions_bytes(void **state)
{
    (void)state;
    dc_layer_cost layers[CASE_LAYERS];
    for (uint64_t seed = 0; seed < 4000; seed++) {
        const dc_profile p = two_ways(seed, layers);
        uint64_t up = 0, down = 0;
        for (int i = 0; i < p.n_layers; i++) {
            up += layers[i].up_bytes;
            down += layers[i].down_bytes;
        }
        dc_plan plan = made(&p, (dc_strategy)(seed % DC_DUPLEX));
        const dc_sim_worker worker = {&p, &plan, 1};
        dc_forecast f;
        moved m = {0, 0};
        if (plan.round_s > 0) {
            assert_int_equal(dc_simulate(&worker, 1, note, &m, &f), DC_OK);
            assert_true(m.up == up && m.down == down);
        }
        dc_plan_free(&plan);
    }
}

static void test_refuses_one_direction(void **state)
{
    (void)state;
    for (int up = 0; up < 2; up++) {
        const dc_layer_cost layers[] = {{1, 1, 4, 4}, {1, 1, up ? 4 : 0, up ? 0 : 4}};
        const dc_profile p = {.n_layers = 2, .layers = layers, .down_Bps = 1, .up_Bps = 1, .workers = 1};
        dc_plan plan;
        assert_int_equal(dc_plan_init(&plan, 2), DC_OK);
        assert_int_equal(dc_plan_make(&plan, &p, DC_AUTO), DC_EINVAL);
        assert_non_null(strstr(dc_last_error(), "layer 1"));
        dc_plan_free(&plan);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dynacomm_equals_exhaustive_search),
        cmocka_unit_test(test_two_phase_rounds_are_their_halves),
        cmocka_unit_test(test_no_plan_beats_the_bound_or_loses_to_sequential),
        cmocka_unit_test(test_blocks_are_the_same_both_ways),
        cmocka_unit_test(test_a_duplex_round_by_hand),
        cmocka_unit_test(test_a_round_moves_each_directions_bytes),
        cmocka_unit_test(test_refuses_one_direction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
