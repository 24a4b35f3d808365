/* sim_worker.c - a worker's computation, and what the server may send it. */
#include <math.h>

#include "base/error.h"
#include "schedule/sim.h"

/* ---- the server ---- */

/* How much of a layer every worker has delivered, of its extent (units.h), over all rounds. */
static uint64_t received_by_all(const dc__sim *sim, int layer)
{
    uint64_t least = sim->workers[0].received[layer];
    for (int k = 1; k < sim->n_workers; k++)
        if (sim->workers[k].received[layer] < least) least = sim->workers[k].received[layer];
    return least;
}

void dc__server_serve(dc__sim *sim, int layer)
{
    uint64_t have = received_by_all(sim, layer);
    const uint64_t extent = dc__layer_extent(&sim->workers[0].profile->layers[layer]);
    for (int k = 0; k < sim->n_workers; k++) {
        dc__sim_node *w = &sim->workers[k];
        dc__sim_lane *down = &w->lane[DC__DOWN];
        for (;;) {
            int unit = w->served[layer];
            const dc__unit *u = &down->units[unit];
            uint64_t end = u->last == layer ? u->end : extent;
            if (w->served_before[layer] + end > have) break;
            if (--w->pending[unit] == 0) {
                w->pending[unit] = w->pending_all[unit];
                dc__lane_make_ready(down, unit);
            }
            if (++w->served[layer] < w->serve_to[layer]) continue;
            w->served[layer] = w->serve_from[layer];
            w->served_before[layer] += extent;
            break;
        }
    }
}

void dc__server_received(dc__sim *sim, dc__sim_node *w, int unit)
{
    const dc__unit *u = &w->lane[DC__UP].units[unit];
    for (int i = u->first; i <= u->last; i++) {
        const uint64_t extent = dc__layer_extent(&w->profile->layers[i]);
        if (extent == 0) continue;
        w->received[i] += (i == u->last ? u->end : extent) - (i == u->first ? u->begin : 0);
        dc__server_serve(sim, i);
    }
}

/* ---- the worker ---- */

void dc__worker_pulled(dc__sim_node *w, int unit)
{
    const dc__unit *u = &w->lane[DC__DOWN].units[unit];
    for (int i = u->first; i <= u->last; i++)
        if (!w->duplex || dc__layer_extent(&w->profile->layers[i]) > 0) w->missing[i]--;
    /* In order, the last pull of a round ends what its request asked for. */
    if (!w->duplex && unit == w->lane[DC__DOWN].n_units - 1) w->asked = false;
}

static void begin_round(dc__sim *sim, dc__sim_node *w)
{
    if (w->rounds_begun <= DC__SIM_ROUNDS + 1) w->begin_s[w->rounds_begun] = sim->now_s;
    w->rounds_begun++;
    if (!w->duplex && w->lane[DC__DOWN].n_units > 0) w->ask_s = sim->now_s + w->half_rtt_s;
    w->phase = DC__FORWARD;
    w->layer = 0;
}

void dc__worker_start(dc__sim *sim, dc__sim_node *w)
{
    if (w->computing) return;
    if (w->phase == DC__BEGIN) {
        if (!w->duplex && !dc__lane_is_clear(&w->lane[DC__UP])) return;
        begin_round(sim, w);
    }
    double cost_s = w->profile->middle_s;
    if (w->phase == DC__FORWARD) {
        if (w->missing[w->layer] > 0) return;
        w->missing[w->layer] = w->missing_all[w->layer];
        cost_s = w->profile->layers[w->layer].fc_s;
    } else if (w->phase == DC__BACKWARD) {
        cost_s = w->profile->layers[w->layer].bc_s;
    }
    if (sim->now_s > w->idle_since_s)
        dc__sim_report(sim, w,
                       (dc_event){.lane = DC_LANE_COMPUTE,
                                  .kind = DC_EVENT_WAIT,
                                  .first_layer = w->layer,
                                  .last_layer = w->layer,
                                  .start_s = w->idle_since_s,
                                  .end_s = sim->now_s});
    w->computing = true;
    w->start_s = sim->now_s;
    w->event_s = sim->now_s + cost_s;
}

static void tell_computed(dc__sim *sim, const dc__sim_node *w)
{
    static const dc_event_kind kinds[] = {
        [DC__FORWARD] = DC_EVENT_FORWARD, [DC__MIDDLE] = DC_EVENT_MIDDLE, [DC__BACKWARD] = DC_EVENT_BACKWARD};
    if (w->event_s > w->start_s)
        dc__sim_report(sim, w,
                       (dc_event){.lane = DC_LANE_COMPUTE,
                                  .kind = kinds[w->phase],
                                  .first_layer = w->layer,
                                  .last_layer = w->layer,
                                  .start_s = w->start_s,
                                  .end_s = w->event_s});
}

void dc__worker_computed(dc__sim *sim, dc__sim_node *w)
{
    if (!w->computing || w->event_s > sim->now_s) return;
    tell_computed(sim, w);
    w->computing = false;
    w->idle_since_s = sim->now_s;
    if (w->phase == DC__FORWARD) {
        if (++w->layer == sim->n_layers) {
            w->layer = sim->n_layers - 1;
            w->phase = DC__MIDDLE;
        }
    } else if (w->phase == DC__MIDDLE) {
        w->phase = DC__BACKWARD;
    } else {
        for (int unit = w->push_from[w->layer]; unit < w->push_to[w->layer]; unit++)
            dc__lane_make_ready(&w->lane[DC__UP], unit);
        if (--w->layer < 0) {
            w->layer = 0;
            w->phase = DC__BEGIN;
        }
    }
}
