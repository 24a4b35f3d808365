/* test_report.c - a worker's report: it comes back as it was written, nonsense is refused, and
 * what arrives at a server is what dc_server_status shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dynacomm_server.h"
#include "base/error.h"
#include "endpoint/telemetry.h"
#include "net/wire.h"
#include "worker/reporter.h"

#define LAYERS 5

static const dc__telemetry good = {.rounds = 7,
                                   .last_round = 1000,
                                   .map_round = 40,
                                   .loss = 1.25,
                                   .map = .5,
                                   .round_s = .1,
                                   .compute_s = .06,
                                   .wait_s = .03,
                                   .down_Bps = 1e7,
                                   .up_Bps = 2e6,
                                   .overhead_s = 5e-5,
                                   .rtt_s = .02,
                                   .predicted_s = .11,
                                   .floor_s = .0625,
                                   .asked = DC_AUTO,
                                   .strategy = DC_DUPLEX};

static dc_error there_and_back(const dc__telemetry *from, dc__telemetry *to)
{
    uint8_t bytes[DC__TELEMETRY_BYTES];
    dc__bytes out = dc__bytes_over(bytes, sizeof bytes), in = dc__bytes_over(bytes, sizeof bytes);
    dc__telemetry_write(&out, from);
    assert_true(!out.failed && out.at == out.end);
    return dc__telemetry_read(&in, to);
}

static void a_report_comes_back(void **state)
{
    (void)state;
    dc__telemetry r;
    assert_int_equal(there_and_back(&good, &r), DC_OK);
    assert_memory_equal(&r, &good, sizeof r);
    dc__telemetry unknown = good;
    unknown.loss = unknown.map = NAN;
    assert_int_equal(there_and_back(&unknown, &r), DC_OK);
    assert_true(isnan(r.loss) && isnan(r.map));
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    dc__telemetry r, bad;
#define REFUSED(change)                                        \
    do {                                                       \
        bad = good;                                            \
        bad.change;                                            \
        assert_int_equal(there_and_back(&bad, &r), DC_EPROTO); \
    } while (0)
    REFUSED(loss = INFINITY);
    REFUSED(map = 1.5);
    REFUSED(map = -INFINITY);
    REFUSED(round_s = -1);
    REFUSED(wait_s = NAN);
    REFUSED(compute_s = 1e300);
    REFUSED(up_Bps = INFINITY);
    REFUSED(down_Bps = -1);
    REFUSED(rtt_s = NAN);
    REFUSED(floor_s = -1);
    REFUSED(strategy = DC_AUTO);
    REFUSED(asked = (dc_strategy)99);
    REFUSED(rounds = UINT64_MAX);
    REFUSED(last_round = UINT64_MAX);
    uint8_t bytes[DC__TELEMETRY_BYTES];
    dc__bytes out = dc__bytes_over(bytes, sizeof bytes);
    dc__telemetry_write(&out, &good);
    for (size_t n = 0; n < sizeof bytes; n++) {
        dc__bytes in = dc__bytes_over(bytes, n);
        assert_int_equal(dc__telemetry_read(&in, &r), DC_EPROTO);
    }
}

static size_t write_plan(uint8_t *bytes, size_t room)
{
    dc_layer_cost costs[LAYERS];
    for (int i = 0; i < LAYERS; i++)
        costs[i] =
            (dc_layer_cost){.fc_s = .5 * (i + 1), .bc_s = .25 * i, .up_bytes = 4096, .down_bytes = 4096};
    int pull_end[LAYERS] = {1, 4}, push_end[LAYERS] = {3, 2, 0};
    const dc_plan plan = {.strategy = DC_DYNACOMM,
                          .n_layers = LAYERS,
                          .n_pull = 2,
                          .n_push = 3,
                          .pull_end = pull_end,
                          .push_end = push_end,
                          .slice_bytes = 4096,
                          .round_s = 2,
                          .wait_s = .5};
    const dc_profile profile = {.n_layers = LAYERS,
                                .layers = costs,
                                .middle_s = .125,
                                .down_Bps = 1e6,
                                .up_Bps = 2e6,
                                .overhead_s = 1e-4,
                                .rtt_s = 1e-2};
    dc__bytes out = dc__bytes_over(bytes, room);
    dc__telemetry_write_plan(&out, &plan, &profile);
    assert_false(out.failed);
    return (size_t)(out.at - bytes);
}

static void a_plan_comes_back(void **state)
{
    (void)state;
    uint8_t bytes[512];
    const size_t n = write_plan(bytes, sizeof bytes);
    assert_int_equal(n, dc__telemetry_plan_bytes(LAYERS));
    dc_plan plan;
    dc_profile p;
    dc_layer_cost costs[LAYERS] = {{.up_bytes = 9, .down_bytes = 9}};
    assert_int_equal(dc_plan_init(&plan, LAYERS), DC_OK);
    dc__bytes in = dc__bytes_over(bytes, n);
    assert_int_equal(dc__telemetry_read_plan(&in, &plan, &p, costs), DC_OK);
    assert_int_equal(plan.n_pull, 2);
    assert_int_equal(plan.n_push, 3);
    assert_memory_equal(plan.pull_end, ((int[]){1, 4}), 2 * sizeof(int));
    assert_memory_equal(plan.push_end, ((int[]){3, 2, 0}), 3 * sizeof(int));
    assert_int_equal(plan.slice_bytes, 4096);
    assert_true(plan.round_s == 2 && plan.wait_s == .5 && p.middle_s == .125 && p.down_Bps == 1e6);
    assert_true(costs[4].fc_s == 2.5 && costs[4].bc_s == 1 && costs[0].up_bytes == 9 &&
                costs[0].down_bytes == 9);
    dc_plan_free(&plan);
}

/* Every byte of a plan replaced by others: it is refused, or what was read can be simulated. */
static void a_damaged_plan_is_refused_or_sound(void **state)
{
    (void)state;
    uint8_t bytes[512];
    const size_t n = write_plan(bytes, sizeof bytes);
    dc_plan plan;
    dc_profile p;
    dc_layer_cost costs[LAYERS];
    for (int i = 0; i < LAYERS; i++)
        costs[i].up_bytes = costs[i].down_bytes = 4096;
    assert_int_equal(dc_plan_init(&plan, LAYERS), DC_OK);
    int refused = 0, sound = 0;
    for (size_t at = 0; at < n; at++) {
        static const uint8_t others[] = {0, 1, 2, 3, 4, 0x7f, 0x80, 0xff};
        for (size_t k = 0; k < sizeof others; k++) {
            uint8_t *exact = malloc(n);
            assert_non_null(exact);
            memcpy(exact, bytes, n);
            exact[at] = others[k];
            dc__bytes in = dc__bytes_over(exact, n);
            const dc_error err = dc__telemetry_read_plan(&in, &plan, &p, costs);
            assert_true(err == DC_OK || err == DC_EPROTO);
            if (err) {
                refused++;
            } else {
                sound++;
                plan.strategy = DC_DYNACOMM;
                assert_int_equal(plan.pull_end[plan.n_pull - 1], LAYERS - 1);
                assert_int_equal(plan.push_end[plan.n_push - 1], 0);
                dc_forecast forecast;
                const dc_sim_worker worker = {&p, &plan, 1};
                assert_int_equal(dc_simulate(&worker, 1, NULL, NULL, &forecast), DC_OK);
            }
            free(exact);
        }
    }
    assert_true(refused > 50 && sound > 50);
    for (size_t cut = 0; cut < n; cut++) {
        dc__bytes in = dc__bytes_over(bytes, cut);
        assert_int_equal(dc__telemetry_read_plan(&in, &plan, &p, costs), DC_EPROTO);
    }
    dc_plan_free(&plan);
}

/* What was due to a server that is gone is not said to the one that comes in its place, which knows nothing of it. */
static void figures_of_before_are_forgotten(void **state)
{
    (void)state;
    dc__planner planner = {.plan = {.strategy = DC_DUPLEX}};
    dc__reporter r = {0};
    size_t plan_bytes;
    assert_int_equal(dc__reporter_init(&r, LAYERS), DC_OK);
    dc__reporter_round_end(&r, &(dc_round_report){.round_s = 1});
    assert_true(dc__reporter_add(&r, &(dc_report){.loss = 1, .map = .5}, 40, &planner));
    assert_true(dc__reporter_is_due(&r, false));
    dc__reporter_restart(&r, false);
    assert_false(dc__reporter_is_due(&r, false));
    dc__reporter_flush(&r);
    assert_false(dc__reporter_is_due(&r, false));
    const dc__telemetry report = dc__reporter_take(&r, &plan_bytes);
    assert_true(isnan(report.loss) && isnan(report.map));
    assert_int_equal(report.rounds, 0);
    assert_int_equal(plan_bytes, 0);
    dc__reporter_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_comes_back), cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(figures_of_before_are_forgotten), cmocka_unit_test(a_plan_comes_back),
        cmocka_unit_test(a_damaged_plan_is_refused_or_sound)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
