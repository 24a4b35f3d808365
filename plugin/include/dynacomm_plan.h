/* dynacomm_plan.h - profiles, plans and the simulator of libdynacomm, for people who write tools: what would
 * a round cost over this link, cut this way?
 *
 * DESIGN
 *   All but the last section is pure (no clock, no socket, no thread, no randomness), and any thread may call
 * it. Units and errors are those of dynacomm.h. */
#ifndef DYNACOMM_PLAN_H
#define DYNACOMM_PLAN_H

#include <stdio.h>

#include "dynacomm_server.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- profiles and plans ---- */

/* What one layer costs. Bytes are what travels in a round, as encoded: 4 a float each way as long as nothing
 * is compressed; both 0 for a layer without trained tensors. */
typedef struct dc_layer_cost {
    double fc_s;         /* forward computation, of the round's first subdivision */
    double bc_s;         /* backward computation, of the round's last subdivision */
    uint64_t up_bytes;   /* gradients */
    uint64_t down_bytes; /* parameters */
} dc_layer_cost;

/* What one round costs one worker. Borrowed pointers: the caller owns layers. */
typedef struct dc_profile {
    int n_layers;
    const dc_layer_cost *layers; /* [n_layers], execution order */
    double middle_s;         /* computation between first forward and last backward (further subdivisions) */
    double down_Bps, up_Bps; /* goodput of this worker's link in each direction */
    double overhead_s;       /* fixed cost of one transmission (the paper's delta) */
    double rtt_s;            /* round trip of a small message */
    int workers;             /* workers of the run; 0 counts as 1 */
    double server_Bps;       /* rate of the server's link per direction, shared by all; 0 = no limit */
} dc_profile;

/* A strategy's output. Segments cover all layers; one whose layers carry no bytes is never sent. pull segment
 * k = layers pull_end[k-1]+1 .. pull_end[k] (from 0), in forward order, pull_end[n_pull-1] = n_layers-1. push
 * segment k = layers push_end[k-1]-1 .. push_end[k] (from n_layers-1 down), push_end[n_push-1] = 0. Duplex
 * sends frames of at most slice_bytes as they become ready: it has one pull segment, and its push segments
 * are the groups of layers that may overtake each other (schedule/segments.h). */
typedef struct dc_plan {
    dc_strategy strategy; /* never DC_AUTO; where duplex would be slower than sequential: DC_SEQUENTIAL */
    int n_layers;
    int n_pull, n_push;
    int *pull_end;        /* [n_layers] allocated, n_pull used */
    int *push_end;        /* [n_layers] allocated, n_push used */
    uint32_t slice_bytes; /* largest payload of one frame */
    double round_s;       /* the simulator's prediction for one round in steady state */
    double floor_s; /* no schedule can be faster: max(computation, bytes up, bytes down, server's link) */
    double bound_s; /* the same, tightened by what must follow what: floor_s <= bound_s <= round_s */
    double wait_s;  /* of round_s, time the computation waits for the network */
} dc_plan;

/* dc_plan_init - an empty plan with room for n_layers layers. dc_plan_free - frees what it holds. */
DC_API dc_error dc_plan_init(dc_plan *plan, int n_layers);
DC_API void dc_plan_free(dc_plan *plan);

/* dc_plan_make - plans a round for the costs in profile: a pure function (no clock, no socket, no thread, no
 * randomness), O(n_layers^2) at most. plan must have been made by dc_plan_init with the profile's n_layers.
 * DC_EINVAL if a cost is negative or not finite, a rate is not positive, or a layer moves bytes in one
 * direction only. */
DC_API dc_error dc_plan_make(dc_plan *plan, const dc_profile *profile, dc_strategy strategy);

/* dc_plan_transmissions - how many transmissions a round of this plan makes in one direction: segments that
 * carry bytes, or frames for duplex. profile is the one the plan was made for. */
DC_API int dc_plan_transmissions(const dc_plan *plan, const dc_profile *profile, bool push);

/* ---- the simulator ---- */

/* Where and what: one stretch of time of one worker's round. Transmissions
 * are timed as the worker sees them: a push from its first bit leaving to
 * its last bit leaving, a pull from its first bit arriving to its last. */
typedef enum dc_lane { DC_LANE_COMPUTE, DC_LANE_UP, DC_LANE_DOWN, DC_LANE_COUNT } dc_lane;
typedef enum dc_event_kind {
    DC_EVENT_FORWARD,
    DC_EVENT_MIDDLE,
    DC_EVENT_BACKWARD,
    DC_EVENT_WAIT, /* computation has nothing to do until parameters arrive */
    DC_EVENT_PUSH,
    DC_EVENT_PULL
} dc_event_kind;

typedef struct dc_event {
    int worker;
    dc_lane lane;
    dc_event_kind kind;
    int first_layer, last_layer;
    uint64_t bytes;
    double start_s, end_s; /* since the round's start; may begin before 0 or end after the round */
} dc_event;

typedef void (*dc_event_fn)(void *context, const dc_event *event);

/* count identical workers (0 counts as 1), each with this profile and plan. */
typedef struct dc_sim_worker {
    const dc_profile *profile;
    const dc_plan *plan;
    int count;
} dc_sim_worker;

typedef struct dc_forecast {
    double round_s; /* one round in steady state */
    double wait_s;  /* of it, computation waiting for the network */
    double floor_s; /* as in dc_plan */
    double bound_s;
    int rounds; /* simulated until two successive rounds took the same time */
} dc_forecast;

/* dc_simulate - predicts a round of workers[0..n) that share one server: a deterministic event simulation of
 * the engine, pure like dc_plan_make. The server's link is workers[0].profile->server_Bps; all profiles have
 * the same layers' bytes. forecast[k] is about workers[k]. on_event (may be NULL) gets every event that
 * touches one steady-state round of workers[0], event.worker being an index into workers. DC_EINVAL for a
 * profile or plan that does not fit the others. */
DC_API dc_error dc_simulate(const dc_sim_worker *workers, int n, dc_event_fn on_event, void *context,
                            dc_forecast *forecast);

/* ---- profile files ---- */

#define DC_TYPE_BYTES 24    /* longest layer type name and its end */
#define DC_LAYERS_MAX 65536 /* of a profile */
#define DC_PROFILE_BYTES_MOST \
    ((uint64_t)64 << 30) /* in all layers: a plan takes time for each block of them */

/* A profile file: tab-separated, `#` starts a comment line, one header line
 *     layer	type	bytes	fc_ms	bc_ms
 * or, where a layer moves other bytes up than down,
 *     layer	type	up_bytes	down_bytes	fc_ms	bc_ms
 * (and gflop, optionally: one image forward, 10^9 operations) and one line per layer, numbered from 0 in
 * execution order. */
typedef struct dc_profile_table {
    int n_layers;
    dc_layer_cost *layers;        /* [n_layers] */
    char (*types)[DC_TYPE_BYTES]; /* [n_layers], words like "convolutional" */
    double *gflop;                /* [n_layers]; NULL when the file has no such column */
} dc_profile_table;

/* dc_profile_read - reads the file at path; table is the caller's to free with dc_profile_table_free.
 * dc_profile_parse - the same from text[0..size); name stands for the path in messages. DC_EFILE when it
 * can't be read, DC_EFORMAT with the line's number and its remedy when it is not strictly in the format;
 * table is then empty. */
DC_API dc_error dc_profile_read(const char *path, dc_profile_table *table);
DC_API dc_error dc_profile_parse(const char *text, size_t size, const char *name, dc_profile_table *table);
DC_API void dc_profile_table_free(dc_profile_table *table);

/* dc_profile_write - writes table to out in that format; times read back equal to the last bit or its
 * neighbour. DC_EFILE when out refuses. */
DC_API dc_error dc_profile_write(FILE *out, const dc_profile_table *table);

/* ---- of a running worker, of a running server ---- */

/* dc_worker_profile - the costs as measured so far; profile->layers stays valid until the next round_end.
 * Compute thread. dc_worker_plan - the plan in force, likewise. */
DC_API void dc_worker_profile(const dc_worker *worker, dc_profile *profile);
DC_API const dc_plan *dc_worker_plan(const dc_worker *worker);

/* dc_server_plan - a copy of the plan that worker rank reported last, and of its costs: free with
 * dc_plan_free and free(*layers), which profile->layers points to. DC_EINVAL if there is none. */
DC_API dc_error dc_server_plan(dc_server *server, int rank, dc_plan *plan, dc_profile *profile,
                               dc_layer_cost **layers);

#ifdef __cplusplus
}
#endif
#endif
