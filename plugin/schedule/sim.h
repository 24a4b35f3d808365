/* sim.h - the state of a simulated run; private to sim*.c.
 *
 * DESIGN
 *   An event simulation of whole rounds: the next event's time is the least over a few per worker (one
 * computation, one transmission per direction, the oldest unit in flight per direction, one pull request),
 * everything due then happens in a fixed order, then whatever can start starts. No randomness; ties are
 * broken by worker and by the order in sim.c.
 *
 *   What is modelled, and how the engine does it:
 *   - A worker computes one thing at a time: forward of layers 0.., the middle, backward of ..0.
 *   - Each direction of its link carries one transmission at a time: overhead_s, then its bytes at the link's
 *     rate. Every frame pays overhead_s, since that is how it is measured (net/meter.h): a segment that
 *     fits slice_bytes once, as in the paper, a larger one once for each of its frames. Everything
 *     arrives rtt/2 after its last bit was sent; a segment counts when all of it is there.
 *   - The server's link is shared fairly, each direction by itself: every transmission gets the same rate up
 *     to its worker's own, what one cannot use goes to the others (max-min fairness, as TCP aims at).
 *   - Two-phase: when the backward of a round is done and the last push has left, the worker asks once for
 *     all its pull segments. The server sends them strictly in order, each when all its layers have their new
 *     version. A layer's forward waits for its whole segment. A push segment is ready when the backward of
 *     all its layers is done, and pushes leave in order.
 *   - Duplex: blocks, in frames (units.h). A layer's blocks are ready to push when its backward is done,
 *     and ready to return as soon as every worker's gradient for all of their bytes has arrived. In each
 *     direction the lowest ready block goes next, with the ready ones right behind it as far as they fit.
 *     Upwards it goes by groups while the backward pass is under way (schedule/queue.h). A frame on the wire
 * is finished first (what the kernel has buffered would be too: the engine keeps that small). A layer's
 *     forward waits for its own bytes only.
 *   - The server's arithmetic takes no time, and its readiness has the grain of what was pushed: bytes of a
 *     layer are in up to the end of the last unit that arrived whole.
 *   - Workers may differ in costs, link and plan. Identical ones stay in step and are simulated as one, with
 *     their share of the server's link. In duplex their frames are not aligned: see arrival_s.
 *
 *   Rounds never mix: a forward needs all parameters of its version, which need all gradients of the round
 * before, so at any time all units of one direction belong to one round. */
#ifndef DC__SIM_H
#define DC__SIM_H

#include "schedule/queue.h"
#include "schedule/units.h"

#define DC__SIM_ROUNDS 24    /* at most; most runs settle after 3 */
#define DC__SIM_SETTLED 1e-6 /* two rounds of equal length: relative difference */

typedef enum dc__direction { DC__UP, DC__DOWN, DC__DIRECTIONS } dc__direction;

/* Units [unit, unit + run) as one transmission, due at at_s. */
typedef struct dc__flight {
    double at_s;
    int unit, run;
} dc__flight;

/* One direction of one worker's link. */
typedef struct dc__sim_lane {
    dc__unit *units;
    int n_units;
    uint64_t *offset; /* [n_units + 1] where each begins, in the order of units */
    int *layer;       /* [n_units] */
    dc__queue queue;  /* of units; in segments each is one, whatever its frames */
    uint32_t segments;
    dc__order order;
    uint64_t frame_bytes;
    double link_Bps;

    int unit, run; /* on the wire; -1 = idle */
    bool paying_overhead;
    double start_s, event_s;           /* of the wire; event_s = end of the overhead or of the transmission */
    double left_bytes, rate_Bps, at_s; /* shared server link: what was left at at_s */

    dc__flight *flight; /* ring [n_units] */
    int flight_head, flights;
} dc__sim_lane;

typedef enum dc__phase { DC__BEGIN, DC__FORWARD, DC__MIDDLE, DC__BACKWARD } dc__phase;

typedef struct dc__sim_node {
    const dc_profile *profile;
    const dc_plan *plan;
    int count;
    bool duplex;
    double half_rtt_s, compute_s;
    dc__sim_lane lane[DC__DIRECTIONS];

    dc__phase phase; /* what computes, or what will as soon as it may */
    int layer;
    bool computing;
    double start_s, event_s; /* of the computation */
    double idle_since_s;
    int rounds_begun;
    double begin_s[DC__SIM_ROUNDS + 2];
    bool asked; /* two-phase: the pull request is at the server */
    double ask_s;

    /* per layer */
    int *push_from, *push_to;   /* up units [from, to) that become ready with this layer's backward */
    int *missing, *missing_all; /* down units its next forward still waits for; and at a round's start */
    int *served, *serve_from, *serve_to; /* next down unit the server may not send yet, of [from, to) */
    uint64_t *served_before;             /* extent of the layer in earlier rounds */
    uint64_t *received; /* how much of the layer's extent the server has from this worker, ever */
    /* per down unit */
    int *pending, *pending_all; /* layers of it that are not ready at the server */
} dc__sim_node;

typedef struct dc__sim {
    int n_layers, n_workers;
    dc__sim_node *workers;
    double server_Bps;
    bool shared; /* rates depend on who else is sending */
    double now_s;
    dc_event_fn on_event;
    void *context;
    double from_s, to_s; /* events that touch this stretch are reported */
} dc__sim;

/* sim_setup.c */
dc_error dc__sim_open(dc__sim *sim, const dc_sim_worker *workers, int n);
void dc__sim_rewind(dc__sim *sim); /* back to time 0, all parameters at the server */
void dc__sim_close(dc__sim *sim);

/* sim_lane.c: one direction of the links */
void dc__lane_make_ready(dc__sim_lane *lane, int unit);
bool dc__lane_is_clear(const dc__sim_lane *lane); /* nothing is on the wire or left to send */
void dc__lane_start(dc__sim *sim, dc__sim_node *w, dc__direction direction);
void dc__lane_event(dc__sim *sim, dc__sim_node *w, dc__direction direction);
double dc__lane_next_s(const dc__sim_lane *lane);
bool dc__lane_arrived(dc__sim_lane *lane, double now_s, dc__flight *arrived); /* by now_s; the oldest */

/* sim_worker.c: computation, and the server's readiness */
void dc__worker_start(dc__sim *sim, dc__sim_node *w);
void dc__worker_computed(dc__sim *sim, dc__sim_node *w);
void dc__worker_pulled(dc__sim_node *w, int unit);
void dc__server_received(dc__sim *sim, dc__sim_node *w, int unit);
void dc__server_serve(dc__sim *sim, int layer);

/* sim.c: dc__sim_start - from time 0 on. dc__sim_step - moves to the next event's time; does what is due
 * then; starts what can start. */
void dc__sim_start(dc__sim *sim);
void dc__sim_step(dc__sim *sim);

/* sim_event.c: dc__sim_report - passes an event of w on to whoever asked for events of this time. */
void dc__sim_report(dc__sim *sim, const dc__sim_node *w, dc_event event);

#endif
