/* sim_lane.c - the links: which unit goes next, how long it takes, when it arrives. */
#include <math.h>

#include "base/error.h"
#include "schedule/sim.h"

void dc__lane_make_ready(dc__sim_lane *lane, int unit)
{
    int word = unit / 64;
    lane->ready[word] |= (uint64_t)1 << (unit % 64);
    if (word < lane->low_word) lane->low_word = word;
    lane->to_send++;
    if (lane->unready == 0) lane->unready = lane->n_units; /* a new round's first */
    lane->unready--;
}

static bool is_ready(const dc__sim_lane *lane, int unit)
{
    return lane->ready[unit / 64] >> (unit % 64) & 1;
}

/* The lowest ready unit of the highest layer of this unit's group that has one, and the end of the ready
 * ones. */
static int in_group(const dc__sim_lane *lane, int unit, int *end)
{
    const int first = lane->group_first[unit];
    int at = unit;
    for (int k = unit; k < lane->n_units && lane->group_first[k] == first; k++)
        if (is_ready(lane, k)) at = k;
    *end = at + 1;
    while (at > first && is_ready(lane, at - 1) && lane->units[at - 1].first == lane->units[at].first)
        at--;
    return at;
}

/* Takes the unit to send next and what goes with it; false if there is nothing to send. */
static bool take(dc__sim_lane *lane)
{
    int words = (lane->n_units + 63) / 64;
    while (lane->low_word < words && lane->ready[lane->low_word] == 0)
        lane->low_word++;
    if (lane->low_word == words) return false;
    int begin = lane->low_word * 64 + __builtin_ctzll(lane->ready[lane->low_word]);
    if (lane->in_order && begin != lane->next) return false;
    lane->next = begin + 1 < lane->n_units ? begin + 1 : 0;
    int floor = begin, most = lane->in_order ? begin + 1 : lane->n_units;
    if (lane->group_first && lane->unready > 0) {
        floor = lane->group_first[begin];
        begin = in_group(lane, begin, &most);
    }
    int end = begin + 1;
    uint64_t bytes = lane->units[begin].bytes;
    for (; end < most && is_ready(lane, end) && bytes + lane->units[end].bytes <= lane->frame_bytes; end++)
        bytes += lane->units[end].bytes;
    for (; end == most && begin > floor && is_ready(lane, begin - 1) &&
           bytes + lane->units[begin - 1].bytes <= lane->frame_bytes;
         begin--)
        bytes += lane->units[begin - 1].bytes;
    for (int k = begin; k < end; k++)
        lane->ready[k / 64] &= ~((uint64_t)1 << (k % 64));
    lane->unit = begin;
    lane->run = end - begin;
    lane->left_bytes = (double)bytes;
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

void dc__lane_start(dc__sim *sim, dc__sim_worker *w, dc__direction direction)
{
    dc__sim_lane *lane = &w->lane[direction];
    if (lane->unit >= 0 || lane->to_send == 0) return;
    if (direction == DC__DOWN && !w->duplex && !w->asked) return;
    if (!take(lane)) return;
    lane->start_s = sim->now_s;
    lane->paying_overhead = sim->shared;
    lane->event_s =
        sim->now_s + (lane->in_order ? lane->units[lane->unit].frames : 1) * w->profile->overhead_s;
    if (!sim->shared) lane->event_s += lane->left_bytes / lane->link_Bps;
}

/* When what leaves now counts at the other end. Identical workers are in step, but in duplex their frames
 * don't end at one instant: they are spread over a frame's time, and a slice can return when the last of them
 * is in. Of n that are spread evenly at random, the last ends on average (n - 1) / (n + 1) of a frame's time
 * after the first. Order is kept. */
static double arrival_s(const dc__sim *sim, const dc__sim_worker *w, dc__direction direction, uint64_t bytes)
{
    const dc__sim_lane *lane = &w->lane[direction];
    double at_s = sim->now_s + w->half_rtt_s;
    if (direction == DC__UP && w->duplex)
        at_s += (double)bytes / lane->link_Bps * (w->count - 1) / (w->count + 1);
    if (lane->flights > 0)
        at_s = fmax(at_s, lane->flight[(lane->flight_head + lane->flights - 1) % lane->n_units].at_s);
    return at_s;
}

void dc__lane_event(dc__sim *sim, dc__sim_worker *w, dc__direction direction)
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
    uint64_t bytes = 0;
    for (const dc__unit *u = first; u <= last; u++)
        bytes += u->bytes;
    dc__assert(lane->flights < lane->n_units);
    const double at_s = arrival_s(sim, w, direction, bytes);
    lane->flight[(lane->flight_head + lane->flights++) % lane->n_units] =
        (dc__flight){at_s, lane->unit, lane->run};
    lane->to_send -= lane->run;
    lane->unit = -1;
    if (sim->shared) share_link(sim, direction);
    double shift_s = direction == DC__DOWN ? w->half_rtt_s : 0.0;
    dc__sim_tell(sim, w,
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
