/* sim_setup.c - the simulator's state from profiles and plans. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "schedule/rates.h"
#include "schedule/sim.h"

static void *array(size_t n, size_t size, bool *ok)
{
    void *p = calloc(n ? n : 1, size);
    if (!p) *ok = false;
    return p;
}

/* What the queue goes by: as the engine's, but that a segment is one unit (schedule/queue.h). */
static bool queue_open(dc__sim_lane *lane, const dc_plan *plan, bool push)
{
    const dc__pieces pieces = {(uint32_t)lane->n_units, lane->offset, lane->layer};
    for (int unit = 0; unit < lane->n_units; unit++) {
        lane->offset[unit + 1] = lane->offset[unit] + lane->units[unit].bytes;
        lane->layer[unit] = lane->units[unit].first;
    }
    if (dc__queue_init(&lane->queue, pieces)) return false;
    lane->order = dc__queue_order(plan, push);
    lane->frame_bytes = plan->slice_bytes;
    if (lane->order != DC__IN_SEGMENTS) {
        lane->segments = dc__queue_cut(&lane->queue, plan, push);
        return true;
    }
    lane->segments = pieces.n;
    for (uint32_t k = 0; k < pieces.n; k++)
        lane->queue.segments[k] = (dc__segment){k, 1};
    return true;
}

static bool lane_open(dc__sim_lane *lane, const dc__sim_node *w, dc__direction direction, double link_Bps)
{
    const dc_profile *p = w->profile;
    bool ok = true;
    lane->n_units = w->duplex ? dc__units_blocks(p->layers, p->n_layers, direction == DC__UP, NULL)
                              : dc__units_segments(p->layers, w->plan, direction == DC__UP, NULL);
    size_t n = (size_t)lane->n_units;
    lane->units = array(n, sizeof *lane->units, &ok);
    lane->offset = array(n + 1, sizeof *lane->offset, &ok);
    lane->layer = array(n, sizeof *lane->layer, &ok);
    lane->flight = array(n, sizeof *lane->flight, &ok);
    if (!ok) return false;
    if (w->duplex)
        (void)dc__units_blocks(p->layers, p->n_layers, direction == DC__UP, lane->units);
    else
        (void)dc__units_segments(p->layers, w->plan, direction == DC__UP, lane->units);
    lane->link_Bps = link_Bps;
    return queue_open(lane, w->plan, direction == DC__UP);
}

/* Which units belong to which layers. */
static void index_units(dc__sim_node *w)
{
    const dc__sim_lane *up = &w->lane[DC__UP], *down = &w->lane[DC__DOWN];
    for (int unit = 0; unit < up->n_units; unit++) {
        int lowest = up->units[unit].first;
        if (w->push_to[lowest] == 0) w->push_from[lowest] = unit;
        w->push_to[lowest] = unit + 1;
    }
    for (int unit = 0; unit < down->n_units; unit++) {
        for (int i = down->units[unit].first; i <= down->units[unit].last; i++) {
            bool has_bytes = dc__layer_extent(&w->profile->layers[i]) > 0;
            if (has_bytes || !w->duplex) w->missing_all[i]++;
            if (!has_bytes) continue;
            w->pending_all[unit]++;
            if (w->serve_to[i] == 0) w->serve_from[i] = unit;
            w->serve_to[i] = unit + 1;
        }
    }
}

static bool worker_open(dc__sim_node *w, double up_Bps, double down_Bps)
{
    if (!lane_open(&w->lane[DC__UP], w, DC__UP, up_Bps) ||
        !lane_open(&w->lane[DC__DOWN], w, DC__DOWN, down_Bps))
        return false;
    size_t n = (size_t)w->profile->n_layers, units = (size_t)w->lane[DC__DOWN].n_units;
    bool ok = true;
    int **per_layer[] = {&w->push_from, &w->push_to,    &w->missing, &w->missing_all,
                         &w->served,    &w->serve_from, &w->serve_to};
    for (size_t k = 0; k < sizeof per_layer / sizeof *per_layer; k++)
        *per_layer[k] = array(n, sizeof(int), &ok);
    w->served_before = array(n, sizeof *w->served_before, &ok);
    w->received = array(n, sizeof *w->received, &ok);
    w->pending = array(units, sizeof(int), &ok);
    w->pending_all = array(units, sizeof(int), &ok);
    if (ok) index_units(w);
    return ok;
}

static dc_error check_worker(const dc_sim_worker *worker, const dc_profile *reference)
{
    const dc_profile *p = worker->profile;
    const dc_plan *plan = worker->plan;
    dc_error err = dc__profile_check(p);
    if (err) return err;
    if (worker->count < 0)
        return dc__fail(DC_EINVAL, "a simulation cannot have %d workers of a kind", worker->count);
    if (p->n_layers != reference->n_layers || plan->n_layers != p->n_layers)
        return dc__fail(DC_EINVAL,
                        "profiles and plans of one simulation must have the same layers, not %d, %d and %d",
                        reference->n_layers, p->n_layers, plan->n_layers);
    for (int i = 0; i < p->n_layers; i++)
        if (p->layers[i].up_bytes != reference->layers[i].up_bytes ||
            p->layers[i].down_bytes != reference->layers[i].down_bytes)
            return dc__fail(DC_EINVAL, "layer %d has other bytes in another worker's profile", i);
    if (plan->strategy < DC_SEQUENTIAL || plan->strategy > DC_DUPLEX || plan->slice_bytes == 0)
        return dc__fail(DC_EINVAL,
                        "not a finished plan (strategy %s, slices of %u bytes); make it with dc_plan_make",
                        dc_strategy_name(plan->strategy), plan->slice_bytes);
    return DC_OK;
}

dc_error dc__sim_open(dc__sim *sim, const dc_sim_worker *workers, int n)
{
    *sim = (dc__sim){0};
    if (n < 1) return dc__fail(DC_EINVAL, "a simulation needs at least one worker");
    for (int k = 0; k < n; k++) {
        dc_error err = check_worker(&workers[k], workers[0].profile);
        if (err) return err;
    }
    sim->n_layers = workers[0].profile->n_layers;
    sim->server_Bps = workers[0].profile->server_Bps;
    sim->shared = n > 1 && sim->server_Bps > 0;
    sim->workers = calloc((size_t)n, sizeof *sim->workers);
    if (!sim->workers) return dc__fail(DC_ENOMEM, "out of memory for a simulation of %d workers", n);
    sim->n_workers = n;
    for (int k = 0; k < n; k++) {
        dc__sim_node *w = &sim->workers[k];
        w->profile = workers[k].profile;
        w->plan = workers[k].plan;
        w->count = workers[k].count > 0 ? workers[k].count : 1;
        w->duplex = w->plan->strategy == DC_DUPLEX;
        w->half_rtt_s = w->profile->rtt_s / 2;
        w->compute_s = dc__compute_s(w->profile);
        /* Alone in the simulation, identical workers all send at once: a fixed share of the server's link. */
        dc_profile share = *w->profile;
        share.workers = w->count;
        if (n > 1) share.server_Bps = 0;
        if (!worker_open(w, dc__up_Bps(&share), dc__down_Bps(&share))) {
            dc__sim_close(sim);
            return dc__fail(DC_ENOMEM, "out of memory for a simulation of %d layers", sim->n_layers);
        }
    }
    return DC_OK;
}

static void lane_rewind(dc__sim_lane *lane)
{
    dc__queue_clear(&lane->queue);
    lane->unit = -1;
    lane->paying_overhead = false;
    lane->flight_head = lane->flights = 0;
}

void dc__sim_rewind(dc__sim *sim)
{
    size_t n = (size_t)sim->n_layers;
    sim->now_s = 0.0;
    for (int k = 0; k < sim->n_workers; k++) {
        dc__sim_node *w = &sim->workers[k];
        lane_rewind(&w->lane[DC__UP]);
        lane_rewind(&w->lane[DC__DOWN]);
        w->phase = DC__BEGIN;
        w->layer = 0;
        w->computing = false;
        w->idle_since_s = 0.0;
        w->rounds_begun = 0;
        w->asked = false;
        w->ask_s = INFINITY;
        memcpy(w->missing, w->missing_all, n * sizeof *w->missing);
        memcpy(w->served, w->serve_from, n * sizeof *w->served);
        memcpy(w->pending, w->pending_all, (size_t)w->lane[DC__DOWN].n_units * sizeof *w->pending);
        memset(w->served_before, 0, n * sizeof *w->served_before);
        /* As if a round had been pushed: the first version is at the server. */
        for (int i = 0; i < sim->n_layers; i++)
            w->received[i] = dc__layer_extent(&w->profile->layers[i]);
    }
    for (int i = 0; i < sim->n_layers; i++)
        if (dc__layer_extent(&sim->workers[0].profile->layers[i]) > 0) dc__server_serve(sim, i);
}

static void lane_close(dc__sim_lane *lane)
{
    dc__queue_free(&lane->queue);
    free(lane->units);
    free(lane->offset);
    free(lane->layer);
    free(lane->flight);
}

void dc__sim_close(dc__sim *sim)
{
    for (int k = 0; k < sim->n_workers; k++) {
        dc__sim_node *w = &sim->workers[k];
        lane_close(&w->lane[DC__UP]);
        lane_close(&w->lane[DC__DOWN]);
        int *ints[] = {w->push_from,  w->push_to,  w->missing, w->missing_all, w->served,
                       w->serve_from, w->serve_to, w->pending, w->pending_all};
        for (size_t j = 0; j < sizeof ints / sizeof *ints; j++)
            free(ints[j]);
        free(w->served_before);
        free(w->received);
    }
    free(sim->workers);
    *sim = (dc__sim){0};
}
