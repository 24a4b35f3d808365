/* sim_lane.c - the links: how long what goes next (schedule/queue.h) takes, and when it arrives. */
#include <math.h>

#include "base/error.h"
#include "schedule/sim.h"

void dc__lane_make_ready(dc__sim_lane *lane, int unit)
{
    if (lane->queue.left == 0) /* a new round's first */
        dc__queue_start(&lane->queue, lane->segments, lane->order, lane->frame_bytes);
    dc__queue_ready(&lane->queue, (uint32_t)unit);
}

bool dc__lane_is_clear(const dc__sim_lane *lane)
{
    return lane->unit < 0 && lane->queue.left == 0;
}

static uint64_t bytes_of(const dc__sim_lane *lane)
{
    return lane->offset[lane->unit + lane->run] - lane->offset[lane->unit];
}

/* Takes the units to send next; false if there is nothing to send. */
static bool take(dc__sim_lane *lane)
{
    uint32_t first, n;
    bool last;
    if (!dc__queue_next(&lane->queue, &first, &n, &last)) return false;
    lane->unit = (int)first;
    lane->run = (int)n;
    lane->left_bytes = (double)bytes_of(lane);
    return true;
}

static bool is_sending(const dc__sim_lane *lane)
{
    return lane->unit >= 0 && !lane->paying_overhead;
}

/* Gives every transmission of one direction its fair share of the server's link from now on: shares are
 * levelled upwards, and a worker that its own link holds below the level leaves its rest to the others. */
static void share_link(dc__sim *sim, dc__direction direction)
{
    double rest_Bps = sim->server_Bps;
    int sharers = 0;
    for (int k = 0; k < sim->n_workers; k++) {
        dc__sim_lane *lane = &sim->workers[k].lane[direction];
        if (!is_sending(lane)) continue;
        lane->left_bytes = fmax(0.0, lane->left_bytes - lane->rate_Bps * (sim->now_s - lane->at_s));
        lane->at_s = sim->now_s;
        lane->rate_Bps = 0.0;
        sharers += sim->workers[k].count;
    }
    for (bool again = true; again && sharers > 0;) {
        again = false;
        double level_Bps = rest_Bps / sharers;
        for (int k = 0; k < sim->n_workers; k++) {
            dc__sim_lane *lane = &sim->workers[k].lane[direction];
            if (!is_sending(lane) || lane->rate_Bps > 0.0 || lane->link_Bps > level_Bps) continue;
            lane->rate_Bps = lane->link_Bps;
            rest_Bps -= lane->link_Bps * sim->workers[k].count;
            sharers -= sim->workers[k].count;
            again = true;
        }
    }
    for (int k = 0; k < sim->n_workers; k++) {
        dc__sim_lane *lane = &sim->workers[k].lane[direction];
        if (!is_sending(lane)) continue;
        if (!(lane->rate_Bps > 0.0)) lane->rate_Bps = rest_Bps / sharers;
        lane->event_s = sim->now_s + lane->left_bytes / lane->rate_Bps;
    }
}

void dc__lane_start(dc__sim *sim, dc__sim_node *w, dc__direction direction)
{
    dc__sim_lane *lane = &w->lane[direction];
    if (lane->unit >= 0) return;
    if (direction == DC__DOWN && !w->duplex && !w->asked) return;
    if (!take(lane)) return;
    lane->start_s = sim->now_s;
    lane->paying_overhead = sim->shared;
    lane->event_s = sim->now_s + (lane->order == DC__IN_SEGMENTS ? lane->units[lane->unit].frames : 1) *
                                     w->profile->overhead_s;
    if (!sim->shared) lane->event_s += lane->left_bytes / lane->link_Bps;
}

/* When what leaves now counts at the other end. Identical workers are in step, but in duplex their frames
 * don't end at one instant: they are spread over a frame's time, and a slice can return when the last of them
 * is in. Of n that are spread evenly at random, the last ends on average (n - 1) / (n + 1) of a frame's time
 * after the first. Order is kept. */
static double arrival_s(const dc__sim *sim, const dc__sim_node *w, dc__direction direction, uint64_t bytes)
{
    const dc__sim_lane *lane = &w->lane[direction];
    double at_s = sim->now_s + w->half_rtt_s;
    if (direction == DC__UP && w->duplex)
        at_s += (double)bytes / lane->link_Bps * (w->count - 1) / (w->count + 1);
    if (lane->flights > 0)
        at_s = fmax(at_s, lane->flight[(lane->flight_head + lane->flights - 1) % lane->n_units].at_s);
    return at_s;
}

void dc__lane_event(dc__sim *sim, dc__sim_node *w, dc__direction direction)
{
    dc__sim_lane *lane = &w->lane[direction];
    if (lane->unit < 0 || lane->event_s > sim->now_s) return;
    if (lane->paying_overhead) {
        lane->paying_overhead = false;
        lane->at_s = sim->now_s;
        lane->rate_Bps = 0.0;
        share_link(sim, direction);
        return;
    }
    const dc__unit *first = &lane->units[lane->unit], *last = first + lane->run - 1;
    const uint64_t bytes = bytes_of(lane);
    dc__assert(lane->flights < lane->n_units);
    const double at_s = arrival_s(sim, w, direction, bytes);
    lane->flight[(lane->flight_head + lane->flights++) % lane->n_units] =
        (dc__flight){at_s, lane->unit, lane->run};
    lane->unit = -1;
    if (sim->shared) share_link(sim, direction);
    double shift_s = direction == DC__DOWN ? w->half_rtt_s : 0.0;
    dc__sim_report(sim, w,
                   (dc_event){.lane = direction == DC__UP ? DC_LANE_UP : DC_LANE_DOWN,
                              .kind = direction == DC__UP ? DC_EVENT_PUSH : DC_EVENT_PULL,
                              .first_layer = first->first,
                              .last_layer = last->last,
                              .bytes = bytes,
                              .start_s = lane->start_s + shift_s,
                              .end_s = sim->now_s + shift_s});
}

double dc__lane_next_s(const dc__sim_lane *lane)
{
    double next_s = lane->unit >= 0 ? lane->event_s : INFINITY;
    return lane->flights > 0 ? fmin(next_s, lane->flight[lane->flight_head].at_s) : next_s;
}

bool dc__lane_arrived(dc__sim_lane *lane, double now_s, dc__flight *arrived)
{
    if (lane->flights == 0 || lane->flight[lane->flight_head].at_s > now_s) return false;
    *arrived = lane->flight[lane->flight_head];
    lane->flight_head = (lane->flight_head + 1) % lane->n_units;
    lane->flights--;
    return true;
}
