/* sim.c - the simulator's clock, and what a run of it says. sim.h has the model. */
#include "schedule/sim.h"

#include <math.h>

#include "base/error.h"
#include "schedule/rates.h"

static double next_s(const dc__sim_node *w)
{
    double at_s = fmin(dc__lane_next_s(&w->lane[DC__UP]), dc__lane_next_s(&w->lane[DC__DOWN]));
    if (w->computing) at_s = fmin(at_s, w->event_s);
    return fmin(at_s, w->ask_s);
}

void dc__sim_step(dc__sim *sim)
{
    double at_s = INFINITY;
    for (int k = 0; k < sim->n_workers; k++)
        at_s = fmin(at_s, next_s(&sim->workers[k]));
    dc__assert(isfinite(at_s));
    sim->now_s = at_s;
    for (int k = 0; k < sim->n_workers; k++) {
        dc__sim_node *w = &sim->workers[k];
        dc__flight f;
        dc__lane_event(sim, w, DC__UP);
        while (dc__lane_arrived(&w->lane[DC__UP], at_s, &f))
            for (int unit = f.unit; unit < f.unit + f.run; unit++)
                dc__server_received(sim, w, unit);
        if (w->ask_s <= at_s) {
            w->asked = true;
            w->ask_s = INFINITY;
        }
        dc__lane_event(sim, w, DC__DOWN);
        while (dc__lane_arrived(&w->lane[DC__DOWN], at_s, &f))
            for (int unit = f.unit; unit < f.unit + f.run; unit++)
                dc__worker_pulled(w, unit);
        dc__worker_computed(sim, w);
    }
    for (int k = 0; k < sim->n_workers; k++) {
        dc__worker_start(sim, &sim->workers[k]);
        dc__lane_start(sim, &sim->workers[k], DC__UP);
        dc__lane_start(sim, &sim->workers[k], DC__DOWN);
    }
}

void dc__sim_start(dc__sim *sim)
{
    dc__sim_rewind(sim);
    for (int k = 0; k < sim->n_workers; k++) {
        dc__worker_start(sim, &sim->workers[k]);
        dc__lane_start(sim, &sim->workers[k], DC__DOWN);
    }
}

/* Runs until two rounds in a row took the same time. Returns how many rounds were complete. A pattern that
 * repeats only over several rounds ends at the limit. */
static int settle(dc__sim *sim)
{
    const dc__sim_node *w = &sim->workers[0];
    dc__sim_start(sim);
    for (int rounds = 0; rounds < DC__SIM_ROUNDS;) {
        while (w->rounds_begun <= rounds + 1)
            dc__sim_step(sim);
        rounds++;
        if (rounds < 3) continue;
        double before_s = w->begin_s[rounds - 1] - w->begin_s[rounds - 2];
        double last_s = w->begin_s[rounds] - w->begin_s[rounds - 1];
        if (fabs(last_s - before_s) <= DC__SIM_SETTLED * last_s) return rounds;
    }
    return DC__SIM_ROUNDS;
}

/* What all workers together cannot beat: see rates.c; here workers may differ. */
static void bounds(const dc__sim *sim, double *floor_s, double *bound_s)
{
    *floor_s = *bound_s = 0.0;
    int count = 0;
    for (int k = 0; k < sim->n_workers; k++) {
        const dc__sim_node *w = &sim->workers[k];
        dc_profile alone = *w->profile;
        alone.workers = w->count;
        alone.server_Bps = sim->server_Bps;
        *floor_s = fmax(*floor_s, dc__floor_s(&alone));
        *bound_s = fmax(*bound_s, dc__bound_s(&alone));
        count += w->count;
    }
    const dc_profile *p = sim->workers[0].profile;
    const uint64_t up = dc__total_bytes(p, true), down = dc__total_bytes(p, false),
                   most = up > down ? up : down;
    if (sim->server_Bps > 0) *floor_s = fmax(*floor_s, count * (double)most / sim->server_Bps);
    *bound_s = fmax(*bound_s, *floor_s);
}

dc_error dc_simulate(const dc_sim_worker *workers, int n, dc_event_fn on_event, void *context,
                     dc_forecast *forecast)
{
    dc__sim sim;
    dc_error err = dc__sim_open(&sim, workers, n);
    if (err) return err;
    int rounds = settle(&sim);
    /* Unsettled, the mean of the later half. */
    int averaged = rounds == DC__SIM_ROUNDS ? DC__SIM_ROUNDS / 2 : 1;
    const double *begin_s = sim.workers[0].begin_s;
    double round_s = (begin_s[rounds] - begin_s[rounds - averaged]) / averaged;
    double floor_s, bound_s;
    bounds(&sim, &floor_s, &bound_s);
    /* Without bytes nothing holds the workers together; the slowest is what a round takes. */
    if (dc__total_bytes(workers[0].profile, true) == 0) round_s = floor_s;
    for (int k = 0; k < n; k++)
        forecast[k] =
            (dc_forecast){round_s, fmax(0.0, round_s - sim.workers[k].compute_s), floor_s, bound_s, rounds};
    if (on_event) {
        /* The same run again, with events, and one more round, so that what began in this one is reported. */
        sim.on_event = on_event;
        sim.context = context;
        sim.from_s = begin_s[rounds - 1];
        sim.to_s = begin_s[rounds];
        dc__sim_start(&sim);
        while (sim.now_s < sim.to_s + round_s)
            dc__sim_step(&sim);
    }
    dc__sim_close(&sim);
    return DC_OK;
}
