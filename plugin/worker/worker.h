/* worker.h - a worker's insides.
 *
 * DESIGN
 *   Four threads: the caller's compute thread (compute.c), a sender (uplink.c), a receiver (downlink.c) and a
 * planner (replan.c). The engine knows two queues of blocks, one per direction, and two ways to work each off
 * (schedule/queue.h); a strategy is only a choice of segments, or of slices (duplex), made where a PULL is
 * written and where pushing starts.
 *
 *   Versions: round r (r rounds done) computes on version r of the parameters and pushes gradients that make
 * r + 1. Blocks of version r + 1 are written in place by the receiver as they come, which is safe: a layer's
 * weights are not read in a round after its last backward, and its block cannot come back before its gradient
 * was sent. A layer may start its forward in round r + 1 once the gate it belongs to has arrived: its
 * segment, or, in slices, itself.
 *
 *   Order of events in a round, two-phase strategies: PULL of version r (sent when round r - 1's pushes have
 * left), forward, backward with pushes. Slices: PULL of version r + 1 is sent before the first push of round
 * r, so that blocks come back while others still go up.
 *
 *   Lock: worker->lock guards what is marked (L). Never held during arithmetic, copying or input and output.
 */
#ifndef DC__WORKER_H
#define DC__WORKER_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/error.h"
#include "model/model.h"
#include "worker/trace.h"
#include "net/address.h"
#include "net/link.h"
#include "schedule/queue.h"
#include "endpoint/report.h"

#define DC__REPLAN_CHANGE 0.05    /* plan again when a cost moved by this share of the round */
#define DC__REPREDICT_CHANGE 0.01 /* from here on the plan is only predicted again */
#define DC__COST_KEEP 0.7         /* weight of the past in a layer's measured cost */

/* What computation was measured to cost; the link's figures are the link's. Compute thread. */
typedef struct dc__profiler {
    dc_layer_cost *cost; /* [layers] running estimates */
    double *fc, *bc;     /* [layers] of this round */
    double middle_s, middle_now_s;
    uint64_t rounds; /* measured */
    /* of the round under way */
    int64_t mark_ns;  /* until here, time is accounted for */
    int64_t layer_ns; /* accounted to the layer that began last */
    double compute_s, wait_s;
} dc__profiler;

/* What the server is told for people to see (report.c). */
typedef struct dc__reporter {
    dc_round_report round; /* the last one's; compute thread from here on */
    bool round_counts;     /* and it is not in the sums yet */
    bool plan_news;        /* a plan was adopted since the last one told */
    dc__report sums;       /* (L) from here on: since the last word; times and losses are sums yet */
    uint32_t losses;       /* in sums.loss */
    bool due, plan_due;
    int64_t due_ns, told_ns;
    uint8_t *plan; /* [dc__report_plan_bytes] as it travels */
} dc__reporter;

struct dc_worker {
    dc_model *model;
    dc_worker_options options;
    char url[DC__URL_BYTES];
    dc_worker_info info;
    bool carry;
    dc__trace *trace; /* NULL: none */
    uint64_t start_round;
    uint64_t start_step;
    dc__link link;
    _Atomic bool stop; /* ends the threads' calls */
    bool threads;
    pthread_t sender, receiver, planner;
    bool planner_runs;

    pthread_mutex_t lock;
    pthread_mutex_t log_lock;
    pthread_cond_t arrived; /* for the compute thread */
    pthread_cond_t work;    /* for the sender */
    pthread_cond_t plan_wanted;
    _Atomic bool failed;
    dc_error error; /* (L) first failure, with its line */
    char error_line[DC__LINE_BYTES];

    /* downlink */
    uint64_t incoming;       /* (L) version asked for last */
    bool incoming_applied;   /* (L) its values come from a step on ours (not from a join) */
    uint64_t *missing;       /* (L) [layers] floats of it still to come */
    int *gate;               /* (L) [layers] segment a layer waits for, -1 = itself */
    uint64_t *gate_left;     /* (L) [layers] floats still to come, by segment */
    uint64_t *got;           /* bitmap [n_blocks] of it; receiver's, reset by who asks */
    _Atomic uint64_t *ready; /* [layers] 1 + the version that may be computed on, 0 = none yet */
    bool started;            /* (L) START came */
    float *stat_mean; /* [statistics] answer to WANT_STAT; receiver writes, compute thread reads after */
    bool stat_here;   /* (L) */

    /* uplink */
    dc__queue push;      /* (L) */
    uint64_t push_round; /* (L) */
    float push_rate;     /* (L) */
    bool push_grows;     /* (L) slices, and the backward pass is under way: lower layers are to come */
    int64_t wire_ns;     /* (L) until when the link carries what it was given, as far as its rate is known */
    uint8_t *pull_payload;                            /* (L) the PULL frame to send */
    uint32_t pull_bytes, pull_slice_bytes;            /* (L) */
    uint64_t pull_window_bytes;                       /* (L) the server's credit on the link, 0 = no bound */
    bool pull_slices;                                 /* (L) */
    bool pull_due;                                    /* (L) */
    bool pull_first;                                  /* (L) before pushes, not after */
    bool stat_due;                                    /* (L) */
    uint64_t stat_round;                              /* (L) version that stat_out belongs to */
    float *stat_out;                                  /* [statistics] copy to send */
    bool ready_due, want_stat_due, pong_due, bye_due; /* (L) */
    uint64_t pong_stamp;                              /* (L) */
    bool bye_ok;                                      /* (L) */
    const char *bye_reason;                           /* (L) */
    _Atomic bool bye_acked;
    uint64_t upload_at; /* sender: next float of the upload, UINT64_MAX = none */
    int64_t pinged_ns;  /* sender */
    dc__least rtt;      /* receiver: answers that met an idle link, the first one included */
    _Atomic double rtt_s;

    /* compute thread */
    bool in_round, first_pass, last_pass, pushing;
    bool *pushed;      /* [layers] offered in this round */
    int passes;        /* subdivisions begun in this round */
    float *stat_own;   /* [statistics] while the mean is being saved */
    int64_t period_ns; /* end of the round before */
    float rate;
    uint64_t sent_before, received_before;
    dc__profiler profiler;

    /* planning */
    dc_plan plan;                 /* in force; compute thread */
    dc_plan next_plan;            /* (L) */
    bool next_plan_here;          /* (L) */
    bool want_plan, quit_planner; /* (L) */
    bool replan;                  /* (L) from scratch; else next_plan, a copy, is predicted anew */
    dc_profile plan_profile;      /* (L) costs to plan with; layers are plan_costs */
    dc_layer_cost *plan_costs;    /* (L) */
    dc_layer_cost *planned_costs; /* what the plan in force was made for; compute thread */
    dc_profile planned;
    double change; /* (L) what made the planner plan again */

    dc__reporter reporter;
};

/* worker.c */
void dc__worker_log(dc_worker *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* dc__worker_trace_slice - a span from begin_ns to now for a frame of parameters or gradients. */
void dc__worker_trace_slice(dc_worker *w, dc__lane lane, const char *name, int64_t begin_ns,
                            const dc__header *header);
/* dc__worker_fail - records the calling thread's last error as the worker's, the first counts. Any thread. */
void dc__worker_fail(dc_worker *w, dc_error err);
/* dc__worker_check - the worker's failure, or the user's wish to stop, as an error; DC_OK if there is none.
 */
dc_error dc__worker_check(dc_worker *w);
/* dc__worker_wait - waits on arrived for at most DC__POLL_MS; with the lock held. */
void dc__worker_wait(dc_worker *w, pthread_cond_t *condition);

/* uplink.c, downlink.c, replan.c: the threads. */
void *dc__worker_send(void *worker);
void *dc__worker_receive(void *worker);
void *dc__worker_plan(void *worker);

/* downlink.c: asks for version, in segments or slices as the plan in force says; with the lock held. */
void dc__worker_pull(dc_worker *w, uint64_t version, bool first);

/* replan.c */
dc_error dc__plan_allocate(dc_worker *w);
void dc__plan_free_all(dc_worker *w);
void dc__plan_adopt(dc_worker *w);  /* takes the planner's plan, if there is a new one */
void dc__plan_review(dc_worker *w); /* wakes the planner if costs have moved */
/* The credit (net/link.h) that the plan in force needs in one direction; 0 = no bound. */
uint64_t dc__plan_window(const dc_worker *w, bool up);

/* dc__worker_up_Bps - goodput upwards; until the first pushes have shown it, that of the other direction. 0 =
 * neither is known. Any thread. */
double dc__worker_up_Bps(const dc_worker *w);

/* report.c. init - allocates. round_end, adopted - a round has ended, another plan is in force; compute
 * thread. flush - what was not told yet is due, before a goodbye. The rest is the sender's, with the lock
 * held: is_due - a REPORT may go now; take - fills header and returns the message to send, NULL when out of
 * memory. */
dc_error dc__report_init(dc_worker *w);
void dc__report_free(dc_worker *w);
void dc__report_round_end(dc_worker *w, const dc_round_report *round);
void dc__report_adopted(dc_worker *w);
void dc__report_flush(dc_worker *w);
bool dc__report_is_due(const dc_worker *w, bool gradients_wait);
void *dc__report_take(dc_worker *w, dc__header *header);

/* profiler.c: bookkeeping of a round's time; compute thread. */
dc_error dc__profiler_init(dc__profiler *p, const dc_model *model);
void dc__profiler_free(dc__profiler *p);
void dc__profiler_round_begin(dc__profiler *p);
void dc__profiler_waited(dc__profiler *p, int64_t from_ns, int64_t to_ns); /* a wait inside the round */
/* Returns where the layer's time began. */
int64_t dc__profiler_layer_end(dc__profiler *p, int layer, bool forward, bool first_pass, bool last_pass);
void dc__profiler_round_end(dc__profiler *p, int layers);

#endif
