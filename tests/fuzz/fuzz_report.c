/* fuzz_report.c - any bytes as a REPORT with a plan: refused,
 * or everything in it can be shown and simulated. */
#include <math.h>

#include "base/error.h"
#include "fuzz.h"
#include "endpoint/telemetry.h"

#define LAYERS 6

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    dc__bytes in = dc__bytes_over((void *)(uintptr_t)data, n);
    dc__telemetry report;
    dc_plan plan;
    dc_profile profile;
    dc_layer_cost costs[LAYERS] = {{0, 0, 400000, 400000}, {0, 0, 0, 0}, {0, 0, 4096, 4096},
                                   {0, 0, 4, 4},           {0, 0, 0, 0}, {0, 0, 0, 0}};
    if (dc__telemetry_read(&in, &report)) return 0;
    dc__assert(!isinf(report.loss) && !(report.map > 1) && report.strategy < DC_AUTO);
    if (dc_plan_init(&plan, LAYERS)) return 0;
    if (dc__telemetry_read_plan(&in, &plan, &profile, costs) == DC_OK) {
        plan.strategy = report.strategy;
        profile.workers = 2;
        dc_forecast forecast;
        const dc_sim_worker worker = {&profile, &plan, 2};
        dc__assert(dc_simulate(&worker, 1, NULL, NULL, &forecast) == DC_OK);
        dc__assert(isfinite(forecast.round_s) && isfinite(forecast.wait_s));
    }
    dc_plan_free(&plan);
    return 0;
}

size_t fuzz_seed(int k, uint8_t *to)
{
    if (k > DC_DUPLEX) return 0;
    const dc__telemetry report = {.rounds = 3,
                                  .last_round = 100,
                                  .loss = k ? 2.5 : NAN,
                                  .map = k ? .5 : NAN,
                                  .round_s = 1,
                                  .strategy = (dc_strategy)k,
                                  .asked = DC_AUTO};
    const dc_layer_cost costs[LAYERS] = {{.01, .02, 400000, 400000}, {.01, .02, 0, 0}, {.01, .02, 4096, 4096},
                                         {.01, .02, 4, 4},           {.01, .02, 0, 0}, {.01, .02, 0, 0}};
    const dc_profile profile = {.n_layers = LAYERS,
                                .layers = costs,
                                .down_Bps = 1e6,
                                .up_Bps = 1e5,
                                .overhead_s = 1e-4,
                                .rtt_s = .01,
                                .workers = 2};
    dc_plan plan;
    if (dc_plan_init(&plan, LAYERS) || dc_plan_make(&plan, &profile, (dc_strategy)k)) abort();
    dc__bytes out = dc__bytes_over(to, FUZZ_MOST);
    dc__telemetry_write(&out, &report);
    dc__telemetry_write_plan(&out, &plan, &profile);
    dc_plan_free(&plan);
    return (size_t)(out.at - to);
}

void fuzz_repair(uint8_t *data, size_t n)
{
    (void)data;
    (void)n;
}
