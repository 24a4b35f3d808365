/* test_sim_properties.c - the simulator and dc_plan_make over random problems: against the two-phase formula,
 * the bounds, and the laws every round obeys. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "schedule/units.h"
#include "plan_cases.h"

/* The same problem with enough bytes for many blocks: everything that moves is larger, all times stay. */
#define SCALE 8192
static void enlarge(dc_profile *p, dc_layer_cost *layers)
{
    for (int i = 0; i < p->n_layers; i++) {
        layers[i].up_bytes *= SCALE;
        layers[i].down_bytes *= SCALE;
    }
    p->down_Bps *= SCALE;
    p->up_Bps *= SCALE;
    p->server_Bps *= SCALE;
}

static dc_plan made(const dc_profile *p, dc_strategy strategy)
{
    dc_plan plan;
    assert_int_equal(dc_plan_init(&plan, p->n_layers), DC_OK);
    assert_int_equal(dc_plan_make(&plan, p, strategy), DC_OK);
    return plan;
}

/* Without latency a two-phase round is its two halves, each by its definition, and the middle: exactly, as
 * all times are whole numbers. */
static void test_two_phase_rounds_are_their_halves(void **state)
{
    (void)state;
    dc_layer_cost layers[CASE_LAYERS];
    for (uint64_t seed = 0; seed < 30000; seed++) {
        dc_profile p = case_make(seed, layers);
        for (int s = DC_SEQUENTIAL; s <= DC_DYNACOMM; s++) {
            dc_plan plan = made(&p, (dc_strategy)s);
            int sent;
            double halves_s = case_pull_s(&p, case_cut_of(&plan, false), &sent) + p.middle_s +
                              case_push_s(&p, case_cut_of(&plan, true), &sent);
            if (plan.round_s != halves_s)
                fail_msg("seed %llu, %s: simulated %g s, the halves make %g s", (unsigned long long)seed,
                         dc_strategy_name((dc_strategy)s), plan.round_s, halves_s);
            dc_plan_free(&plan);
        }
    }
}

static void test_no_plan_beats_the_bound_or_loses_to_sequential(void **state)
{
    (void)state;
    dc_layer_cost layers[CASE_LAYERS];
    int falls_back = 0;
    for (uint64_t seed = 0; seed < 20000; seed++) {
        dc_profile p = case_make(seed, layers);
        uint64_t s = seed;
        p.rtt_s = case_below(&s, 3) * 7;
        p.up_Bps = 1 + case_below(&s, 3);
        p.workers = 1 + case_below(&s, 4);
        p.server_Bps = case_below(&s, 2) * 1.5;
        double round_s[DC_STRATEGY_COUNT];
        for (int k = 0; k < DC_STRATEGY_COUNT; k++) {
            dc_plan plan = made(&p, (dc_strategy)k);
            round_s[k] = plan.round_s;
            assert_true(plan.floor_s <= plan.bound_s);
            if (plan.bound_s > plan.round_s * (1 + 1e-9))
                fail_msg("seed %llu, %s: a round of %.17g s beats the bound %.17g s",
                         (unsigned long long)seed, dc_strategy_name((dc_strategy)k), plan.round_s,
                         plan.bound_s);
            assert_true(plan.wait_s >= 0 && plan.wait_s <= plan.round_s);
            falls_back += k == DC_DUPLEX && plan.strategy == DC_SEQUENTIAL;
            dc_plan_free(&plan);
        }
        for (int k = 0; k < DC_AUTO; k++)
            assert_true(round_s[DC_AUTO] <= round_s[k] * 1.001000001);
        assert_true(round_s[DC_DYNACOMM] <= round_s[DC_SEQUENTIAL] * (1 + 1e-9));
        assert_true(round_s[DC_DUPLEX] <= round_s[DC_SEQUENTIAL] * (1 + 1e-9));
    }
    assert_in_range(falls_back, 1, 20000 / 2); /* both ways are among the cases */
}

/* The second gradient finds the link busy with the first
 * one's overhead, twice: one frame each way is better. */
static void test_duplex_falls_back_where_overhead_is_absurd(void **state)
{
    (void)state;
    dc_layer_cost layers[] = {{0, 5, 1000, 1000}, {0, 5, 1000, 1000}};
    dc_profile p = {
        .n_layers = 2, .layers = layers, .down_Bps = 1e9, .up_Bps = 1e9, .overhead_s = 10, .workers = 1};
    dc_plan plan = made(&p, DC_DUPLEX);
    assert_int_equal(plan.strategy, DC_SEQUENTIAL);
    assert_int_equal(plan.n_pull, 1);
    assert_true(fabs(plan.round_s - 30) < 1e-3);
    plan.strategy = DC_DUPLEX;
    dc_sim_worker worker = {&p, &plan, 1};
    dc_forecast f;
    assert_int_equal(dc_simulate(&worker, 1, NULL, NULL, &f), DC_OK);
    assert_true(fabs(f.round_s - 35) < 1e-3);
    dc_plan_free(&plan);
}

/* Of the slice sizes, duplex takes the largest whose round is within 0.1 % of the best; auto takes, of the
 * strategies that are so, the one with the fewest transmissions. */
static void test_choices_follow_their_rules(void **state)
{
    (void)state;
    dc_layer_cost layers[CASE_LAYERS];
    int chosen[DC__SLICE_RUNGS] = {0}, smallest = 0, strategies[DC_AUTO] = {0};
    for (uint64_t seed = 0; seed < 3000; seed++) {
        dc_profile p = case_make(seed, layers);
        if (p.overhead_s >= 5) continue; /* of a problem whose times are whole seconds */
        p.overhead_s /= 4;
        enlarge(&p, layers);
        dc_plan plan = made(&p, DC_DUPLEX);
        if (plan.strategy != DC_DUPLEX) {
            dc_plan_free(&plan);
            continue;
        }
        const uint32_t slice = plan.slice_bytes;
        double round_s[DC__SLICE_RUNGS], best_s = INFINITY;
        int rungs = 0;
        const uint32_t most = dc__frame_bytes(layers, p.n_layers);
        for (int k = 0; most >> k >= dc__block_bytes(layers, p.n_layers); k++, rungs++) {
            plan.slice_bytes = most >> k;
            dc_sim_worker worker = {&p, &plan, 1};
            dc_forecast f;
            assert_int_equal(dc_simulate(&worker, 1, NULL, NULL, &f), DC_OK);
            round_s[k] = f.round_s;
            best_s = fmin(best_s, f.round_s);
        }
        int rung = 0;
        while (round_s[rung] > best_s * 1.001)
            rung++;
        assert_int_equal(slice, most >> rung);
        chosen[rung]++;
        smallest += rung == rungs - 1;
        dc_plan_free(&plan);

        double each_s[DC_AUTO];
        int sends[DC_AUTO], expected = -1;
        best_s = INFINITY;
        for (int k = 0; k < DC_AUTO; k++) {
            plan = made(&p, (dc_strategy)k);
            each_s[k] = plan.round_s;
            sends[k] = dc_plan_transmissions(&plan, &p, false) + dc_plan_transmissions(&plan, &p, true);
            best_s = fmin(best_s, plan.round_s);
            dc_plan_free(&plan);
        }
        for (int k = 0; k < DC_AUTO; k++)
            if (each_s[k] <= best_s * 1.001 && (expected < 0 || sends[k] < sends[expected])) expected = k;
        plan = made(&p, DC_AUTO);
        assert_int_equal(plan.strategy, expected);
        strategies[expected]++;
        dc_plan_free(&plan);
    }
    /* The cases are no good if they all end the same way. */
    assert_true(chosen[0] > 0 && chosen[2] > 0 && smallest > 0);
    assert_true(strategies[DC_SEQUENTIAL] > 0 && strategies[DC_DUPLEX] > 0);
    assert_true(strategies[DC_LAYERWISE] + strategies[DC_IBATCH] + strategies[DC_DYNACOMM] > 0);
}

/* What the events of one round must obey. */
typedef struct laws {
    double round_s;
    int n_layers;
    double lane_end_s[DC_LANE_COUNT], compute_s, wait_s;
    uint64_t started_bytes[DC_LANE_COUNT]; /* of transmissions that started within the round */
    int forward, backward;
    bool seen[DC_LANE_COUNT];
} laws;

static void obey(void *context, const dc_event *e)
{
    laws *l = context;
    assert_true(e->start_s <= e->end_s);
    assert_true(e->end_s > 0 && e->start_s < l->round_s);
    assert_in_range(e->first_layer, 0, e->last_layer);
    assert_in_range(e->last_layer, 0, l->n_layers - 1);
    /* One thing at a time in every lane, reported in order. */
    if (l->seen[e->lane]) assert_true(e->start_s >= l->lane_end_s[e->lane] - 1e-9 * l->round_s);
    l->lane_end_s[e->lane] = e->end_s;
    l->seen[e->lane] = true;
    double inside_s = fmin(e->end_s, l->round_s) - fmax(e->start_s, 0);
    if (e->kind == DC_EVENT_WAIT)
        l->wait_s += inside_s;
    else if (e->lane == DC_LANE_COMPUTE)
        l->compute_s += inside_s;
    else if (e->start_s >= 0)
        l->started_bytes[e->lane] += e->bytes;
    l->forward += e->kind == DC_EVENT_FORWARD;
    l->backward += e->kind == DC_EVENT_BACKWARD;
}

static void check_told_round(const dc_profile *p, const dc_plan *plan, uint64_t seed)
{
    dc_sim_worker worker = {p, plan, p->workers};
    dc_forecast f;
    assert_int_equal(dc_simulate(&worker, 1, NULL, NULL, &f), DC_OK);
    laws l = {.round_s = f.round_s, .n_layers = p->n_layers};
    if (!(f.round_s > 0)) return;
    assert_int_equal(dc_simulate(&worker, 1, obey, &l, &f), DC_OK);
    assert_true(l.round_s == f.round_s);
    double compute_s = p->middle_s;
    uint64_t bytes = 0;
    for (int i = 0; i < p->n_layers; i++) {
        compute_s += p->layers[i].fc_s + p->layers[i].bc_s;
        bytes += p->layers[i].up_bytes;
    }
    double tolerance_s = 1e-6 * f.round_s;
    if (fabs(l.compute_s - compute_s) > tolerance_s || fabs(l.wait_s - f.wait_s) > tolerance_s)
        fail_msg("seed %llu: events of %g s of computation and %g s of waiting; %g s and %g s are right",
                 (unsigned long long)seed, l.compute_s, l.wait_s, compute_s, f.wait_s);
    assert_true(fabs(l.compute_s + l.wait_s - f.round_s) <= tolerance_s);
    /* Up, transmissions start in the round that owns them, or right at its edge (rounding). */
    if (plan->strategy != DC_DUPLEX) {
        assert_true(l.started_bytes[DC_LANE_UP] == bytes);
        assert_true(l.started_bytes[DC_LANE_DOWN] == bytes);
    }
}

static void test_told_rounds_obey_the_laws(void **state)
{
    (void)state;
    dc_layer_cost layers[CASE_LAYERS];
    for (uint64_t seed = 0; seed < 4000; seed++) {
        dc_profile p = case_make(seed, layers);
        uint64_t s = seed;
        p.rtt_s = case_below(&s, 3) * 7;
        enlarge(&p, layers);
        for (int k = DC_SEQUENTIAL; k <= DC_DUPLEX; k++) {
            dc_plan plan = made(&p, (dc_strategy)k);
            if (k == DC_DUPLEX) plan.slice_bytes = dc__block_bytes(layers, p.n_layers); /* many frames */
            check_told_round(&p, &plan, seed);
            dc_plan_free(&plan);
        }
    }
}

/* Identical workers are simulated as one with a share of the server's link; as single
 * workers they must do the same. But single workers send their frames at the same
 * instants; in a group they are not aligned, and a slice is complete up to half a
 * frame's time later (of three; sim_lane.c). A round has one such moment on any path. */
static void test_a_group_is_as_many_single_workers(void **state)
{
    (void)state;
    dc_layer_cost layers[CASE_LAYERS];
    for (uint64_t seed = 0; seed < 3000; seed++) {
        dc_profile p = case_make(seed, layers);
        p.workers = 3;
        p.server_Bps = 2;
        enlarge(&p, layers);
        for (int k = DC_SEQUENTIAL; k <= DC_DUPLEX; k++) {
            dc_plan plan = made(&p, (dc_strategy)k);
            if (k == DC_DUPLEX) plan.slice_bytes = dc__block_bytes(layers, p.n_layers);
            dc_sim_worker group = {&p, &plan, 3},
                          single[3] = {{&p, &plan, 1}, {&p, &plan, 1}, {&p, &plan, 1}};
            dc_forecast one, three[3];
            assert_int_equal(dc_simulate(&group, 1, NULL, NULL, &one), DC_OK);
            assert_int_equal(dc_simulate(single, 3, NULL, NULL, three), DC_OK);
            const double up_Bps = fmin(p.up_Bps, p.server_Bps / 3);
            const double late_s = k == DC_DUPLEX ? .5 * plan.slice_bytes / up_Bps : 0;
            const double apart_s = one.round_s - three[0].round_s;
            if (apart_s < -1e-6 * one.round_s || apart_s > late_s + 1e-6 * one.round_s)
                fail_msg("seed %llu, %s: %g s as a group, %g s as three", (unsigned long long)seed,
                         dc_strategy_name((dc_strategy)k), one.round_s, three[0].round_s);
            assert_true(fabs(one.floor_s - three[2].floor_s) <= 1e-9 * one.floor_s);
            dc_plan_free(&plan);
        }
    }
}

/* Unequal costs, links, slices and strategies behind one
 * server: every round ends, at one pace, within its bounds. */
static void test_unequal_workers_keep_one_pace(void **state)
{
    (void)state;
    dc_layer_cost layers[3][CASE_LAYERS];
    for (uint64_t seed = 0; seed < 3000; seed++) {
        dc_profile p[3];
        dc_plan plans[3];
        dc_sim_worker workers[3];
        uint64_t s = seed;
        for (int k = 0; k < 3; k++) {
            p[k] = case_make(seed, layers[k]);
            for (int i = 0; i < p[k].n_layers; i++)
                layers[k][i].fc_s *= 1 + k;
            p[k].overhead_s = fmin(p[k].overhead_s, 100);
            p[k].down_Bps = 1 + case_below(&s, 4);
            p[k].up_Bps = 1 + case_below(&s, 4);
            p[k].server_Bps = (double)(seed % 3);
            enlarge(&p[k], layers[k]);
            plans[k] = made(&p[k], (dc_strategy)case_below(&s, DC_AUTO));
            plans[k].slice_bytes =
                dc__block_bytes(layers[k], p[k].n_layers) * (uint32_t)(1 + case_below(&s, 8));
            workers[k] = (dc_sim_worker){&p[k], &plans[k], 1 + case_below(&s, 2)};
        }
        dc_forecast f[3];
        assert_int_equal(dc_simulate(workers, 3, NULL, NULL, f), DC_OK);
        for (int k = 0; k < 3; k++) {
            assert_true(f[k].round_s == f[0].round_s);
            /* A pattern over several rounds is averaged, to about one part in the rounds looked at. */
            assert_true(f[k].bound_s <= f[k].round_s * 1.02);
            dc_plan_free(&plans[k]);
        }
    }
}

/* Blocks: all bytes once, in order, never across layers. Frames: as many as filling them one by one makes. */
static void test_blocks_partition_the_bytes(void **state)
{
    (void)state;
    dc_layer_cost layers[CASE_LAYERS];
    for (uint64_t seed = 0; seed < 5000; seed++) {
        dc_profile p = case_make(seed, layers);
        enlarge(&p, layers);
        layers[0].up_bytes = layers[0].down_bytes += seed;
        int n = dc__units_blocks(layers, p.n_layers, true, NULL);
        dc__unit *blocks = calloc((size_t)n + 1, sizeof *blocks);
        assert_non_null(blocks);
        assert_int_equal(dc__units_blocks(layers, p.n_layers, true, blocks), n);
        const uint32_t block = dc__block_bytes(layers, p.n_layers);
        const uint32_t slice = block * (uint32_t)(1 + seed % 7);
        int k = 0, frames = 0;
        uint64_t room = 0;
        for (int i = 0; i < p.n_layers; i++) {
            for (uint64_t at = 0; at < layers[i].up_bytes; k++) {
                assert_true(k < n && blocks[k].first == i && blocks[k].last == i && blocks[k].begin == at);
                assert_in_range(blocks[k].bytes, 1, block);
                at += blocks[k].bytes;
                assert_true(blocks[k].end == at);
                if (at < layers[i].up_bytes) assert_int_equal(blocks[k].bytes, block);
                if (blocks[k].bytes > room) {
                    frames++;
                    room = slice;
                }
                room -= blocks[k].bytes;
            }
        }
        assert_int_equal(k, n);
        assert_int_equal(dc__units_frames(layers, 0, p.n_layers - 1, true, block, slice), frames);
        free(blocks);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_phase_rounds_are_their_halves),
        cmocka_unit_test(test_no_plan_beats_the_bound_or_loses_to_sequential),
        cmocka_unit_test(test_duplex_falls_back_where_overhead_is_absurd),
        cmocka_unit_test(test_choices_follow_their_rules),
        cmocka_unit_test(test_told_rounds_obey_the_laws),
        cmocka_unit_test(test_a_group_is_as_many_single_workers),
        cmocka_unit_test(test_unequal_workers_keep_one_pace),
        cmocka_unit_test(test_blocks_partition_the_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
