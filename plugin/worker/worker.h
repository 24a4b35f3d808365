/* worker.h - a worker's insides.
 *
 * DESIGN
 *   Four threads: the caller's compute thread (compute.c, leave.c), the endpoint's sender (upload.c says what
 * it sends) and receiver (download.c says what arrives), and the planner's. The engine knows two queues of
 * blocks, one per direction, and two ways to work each off (schedule/queue.h); a strategy is only a choice of
 * segments, or of slices (duplex), made where a PULL is written and where pushing starts.
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
 *   Where versions may be older than rounds (--staleness, staged.h), the next version is asked for as soon as one is whole,
 * round r computes on the newest whole one from r - S on, and only what a layer's gradient needs is waited for: that the
 * one before has left.
 *
 *   Lock: worker->lock guards what is marked (L). Never held during arithmetic, copying or input and output.
 * The planner's and the log's locks are leaves. */
#ifndef DC__WORKER_H
#define DC__WORKER_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/error.h"
#include "base/log.h"
#include "endpoint/endpoint.h"
#include "endpoint/join.h"
#include "model/shard.h"
#include "net/address.h"
#include "worker/encoder.h"
#include "worker/recurrent.h"
#include "worker/planner.h"
#include "worker/profiler.h"
#include "worker/reporter.h"
#include "worker/residues.h"
#include "worker/staged.h"
#include "worker/trace.h"

/* The version that is on its way down. */
typedef struct dc__download {
    uint64_t incoming;       /* (L) version asked for last */
    bool incoming_applied;   /* (L) its values come from a step on ours (not from a join) */
    uint64_t *missing;       /* (L) [layers] floats of it still to come */
    int *gate;               /* (L) [layers] segment a layer waits for, -1 = itself */
    uint64_t *gate_left;     /* (L) [layers] floats still to come, by segment */
    uint64_t *got;           /* bitmap [n_blocks] of it; receiver's, reset by who asks */
    _Atomic uint64_t *ready; /* [layers] 1 + the version that may be computed on, 0 = none yet */
    bool started;            /* (L) START came, of a round that may be still to come */
    bool begun;              /* (L) START came for that round */
    int64_t before_ns;       /* receiver: when the frame before came, for traces */
} dc__download;

/* What the server announces of rounds, and its answer to WANT_STAT. */
typedef struct dc__announced {
    bool fresh;              /* (L) the worker had no part in making the version that it begins with */
    uint64_t crew_round;     /* (L) since when so many images as in crew_images[1] make a round */
    uint64_t crew_images[2]; /* (L) [0]: before */
    uint64_t images_round;   /* (L) since when it feeds own_images[1] in a round */
    uint32_t own_images[2];  /* (L) [0]: before */
    dc__batches batches;     /* (L) of rounds */
    float *stat_mean; /* [statistics] answer to WANT_STAT; receiver writes, compute thread reads after */
    bool stat_here;   /* (L) */
} dc__announced;

/* The gradients in the queues, and the account of the physical link that all of them leave over. All (L). */
typedef struct dc__push {
    uint64_t round; /* of the gradients */
    float rate;
    bool grows;      /* slices, and the backward pass is under way: lower layers are to come */
    int64_t wire_ns; /* until when the link carries what it was given, as far as its rate is known */
    _Atomic uint64_t
        unsent; /* with --staleness: floats of the round's gradients that still lie in the model; written with the lock */
} dc__push;

/* What all of a worker's links carry together, where there are several: each by itself is measured too fast, for it has the physical
 * link to itself while others pause. */
typedef struct dc__joint {
    dc__meter down, up;     /* (L) frames of all as they come; bytes as they are acknowledged */
    uint64_t acked, flying; /* (L) when up was last looked at: acknowledged by then, and not yet */
    uint64_t taken;         /* (L) when down was: received by then */
    _Atomic double Bps[2];  /* down, up; 0 = not known */
} dc__joint;

/* The end of the run, as it is said to the server. All (L). */
typedef struct dc__goodbye {
    bool due, ok, leave, waits;
    const char *reason;
} dc__goodbye;

/* What the sender has to send beside the queue's slices. All (L) but what says otherwise. */
typedef struct dc__upload {
    uint8_t *pull_payload; /* the PULL frame to send */
    uint32_t pull_bytes, pull_slice_bytes;
    uint64_t pull_window_bytes; /* the server's credit on the link, 0 = no bound */
    bool pull_slices, pull_due;
    bool pull_first; /* before pushes, not after */
    bool stat_due;
    uint64_t stat_round; /* version that stat_out belongs to */
    bool base_due;       /* BASE, before that: */
    uint64_t base;       /* version that the gradients of stat_round - 1 are computed on */
    float *stat_out;     /* [statistics] copy to send */
    bool ready_due, want_stat_due;
    bool bye_sent;                    /* one that waits for the end of the run */
    uint64_t kept[DC__VERSIONS_MOST]; /* for READY; written without threads */
    int n_kept;
    uint64_t values_at; /* sender's: next float of the values to send, UINT64_MAX = none */
} dc__upload;

/* Where the compute thread is in its round. Compute thread only. */
typedef struct dc__progress {
    bool in_round, first_pass, last_pass, pushing;
    bool batch_end;    /* the caller's last subdivision; last_pass is that of the round's last batch */
    uint32_t local;    /* batches of this round done, with local steps */
    dc__steps at;      /* batches of this round, and before it */
    bool *pushed;      /* [layers] offered in this round */
    int passes;        /* subdivisions begun in this round */
    float *stat_own;   /* [statistics] while the mean is being saved */
    float *stat_last;  /* [statistics] of the version, finite */
    int64_t period_ns; /* end of the round before */
    float rate;
    double compute_before_s, wait_before_s; /* of this round, reported with batches before */
    uint64_t sent_before, received_before;
} dc__progress;

/* The process of a mesh's worker holds a shard, too (plugin/mesh/). */
typedef struct dc__worker_host {
    void *context;
    int shard;                        /* which, from 1 */
    const char *url;                  /* where it is reached inside the process */
    dc__account *account;             /* of the link that both leave by */
    dc_error (*check)(void *context); /* why the shard has ended, or DC_OK. Any thread */
    dc_error (*end)(
        void *context, bool ok,
        const char *reason); /* the worker has left; DC_OK, or what went wrong with the shard's end */
} dc__worker_host;

/* One connection of a worker, to a server that holds a part of the model. */
typedef struct dc__part {
    struct dc_worker *worker;
    bool inside; /* that server is in this process */
    char url[DC__URL_BYTES];
    dc__shard shard;     /* of the worker's model; zeros where the server holds all of it */
    dc_model *model;     /* the shard's, or the worker's own */
    double way_bytes[2]; /* of a round: down, up */
    _Atomic bool bye_acked;
    dc__endpoint endpoint;
    dc__download download;
    dc__upload upload;
    dc__encoder encoder;
} dc__part;

struct dc_worker {
    dc_model *model;
    dc_worker_options options;
    char urls[DC__SHARD_URLS_BYTES]; /* as the user gave them; "" with an invitation */
    char fingerprint[DC_FINGERPRINT_BYTES];
    dc__dial_keys *keys;         /* in secret memory; NULL: without */
    const dc__worker_host *host; /* NULL: it is no worker of a mesh */
    dc_worker_info info;
    uint64_t id;
    bool joined_once; /* it had a part in the run. Compute thread; written with the lock */
    bool carry;
    bool waits;        /* who is lost may come back to the run: over shards it ends otherwise */
    dc__coding coding; /* the run's */
    bool pushes;       /* push.round is one */
    bool forgot;       /* what it had kept by start_round is lost; constant between two joins */
    bool done;         /* all rounds are, said dc_worker_finish, and none began since. As joined_once */
    bool ended;        /* the run's end is saved, as a server said that was started again. Compute thread */
    dc__trace *trace;  /* NULL: none */
    dc__log log;
    uint64_t start_round;
    uint64_t start_step;

    pthread_mutex_t lock;
    pthread_cond_t arrived; /* for the compute thread */
    _Atomic bool failed;
    dc_error error; /* (L) first failure, with its line */
    char error_line[DC__LINE_BYTES];
    _Atomic bool stopped; /* the server has ended the run */

    dc__staged staged;
    dc__part *parts; /* [n_parts], one for each shard; the first one's server keeps roster and statistics */
    int n_parts;
    dc__account
        account; /* with several parts: of the link that they leave by; of a mesh's worker that is the host's */
    dc__announced announced;
    dc__push push;
    dc__joint joint;
    dc__goodbye goodbye;
    dc__recurrent memory;
    dc__residues residues;
    dc__progress progress;
    dc__profiler profiler;
    dc__planner planner;
    dc__reporter reporter;
};

/* dc__worker_open - dc_worker_join, but for a mesh; host: see above, NULL = none; its end may have been called if this
 * fails. */
dc_error dc__worker_open(dc_worker **out, dc_model *model, const dc_worker_options *options,
                         const dc__worker_host *host);

/* parts.c: dc__parts_begin - one part, for a server that holds all of the model; DC_ENOMEM. dc__parts_spread - one for each share
 * instead, of which the first may have its connection already; DC_EINVAL, DC_ENOMEM. */
dc_error dc__parts_begin(dc_worker *w);
dc_error dc__parts_spread(dc_worker *w, const dc__shares *shares);

/* part.c: dc__part_allocate - memory for what a round needs; DC_ENOMEM. dc__part_free - also after it failed. */
dc_error dc__part_allocate(dc__part *p);
void dc__part_free(dc__part *p);

/* part.c: dc__worker_wake - something may be due at any of the parts; with the lock held. dc__worker_started - all of
 * them have their threads. dc__worker_moved - payload bytes of all of them over a network, up or down. */
void dc__worker_wake(dc_worker *w);
bool dc__worker_started(const dc_worker *w);
uint64_t dc__worker_moved(const dc_worker *w, bool up);

/* part.c: dc__worker_trace_slice - a span from begin_ns to now for a frame of parameters or gradients. */
void dc__worker_trace_slice(const dc__part *p, dc__track track, const char *name, int64_t begin_ns,
                            const dc__header *header);

/* part.c: dc__joint_down - parameters have come over a link; dc__joint_up - a slice is about to go. With the lock held.
 * dc__joint_restart - links have ended, and others will come. Likewise. */
void dc__joint_restart(dc_worker *w);
void dc__joint_down(dc__part *p, bool busy);
void dc__joint_up(dc_worker *w);

/* dc__worker_fail - records the calling thread's last error as the worker's, the first counts. Any thread. */
void dc__worker_fail(dc_worker *w, dc_error err);

/* dc__worker_cut_off - what the user of a worker that could not reach its server for its patience wants to know, after the calling
 * thread's last error: what it has, and what is to be done. Always DC_ETIMEOUT, also when all its rounds are done: the server may not
 * know so, or have been killed before it had saved the end, and need it. With the lock held, or without threads. */
dc_error dc__worker_cut_off(const dc_worker *w);

/* dc__worker_check - the worker's failure, or the user's
 * request to stop, as an error; DC_OK if there is none. */
dc_error dc__worker_check(dc_worker *w);

/* dc__worker_leaves - it was asked to leave when its round is pushed. */
bool dc__worker_leaves(const dc_worker *w);

/* dc__worker_wait_until - blocks until done(w, n) holds, which is looked at with the lock held, or the worker
 * fails or is stopped. Returns with the lock held. Compute thread. */
dc_error dc__worker_wait_until(dc_worker *w, bool (*done)(const dc_worker *w, int n), int n);

/* join.c: connects, says JOIN and is welcomed; becomes ready and waits until its round is on.
 * dc__worker_coding_asked - the codec that JOIN asks for. dc__worker_join_s, dc__worker_patience_s - how long a server is tried that never was there, or that was. */
dc_error dc__worker_dial(dc_worker *w, double connect_s, dc__welcome *welcome);
dc_error dc__worker_ask(dc_worker *w, dc__part *p, double connect_s, const dc__join *as,
                        dc__welcome *welcome);
dc_error dc__worker_enter(dc_worker *w);
/* dc__worker_pause - notes which versions it could go on from, as the run may leave its course; without a sender. */
void dc__worker_pause(dc_worker *w);
double dc__worker_join_s(const dc_worker *w);
void dc__worker_coding_asked(const dc_worker_options *o, char text[DC__CODING_BYTES]);
double dc__worker_patience_s(const dc_worker *w);

/* download.c: images that a round is made of, of all workers; it is on, or was the one before. */
uint64_t dc__worker_crew_images(dc_worker *w, uint64_t round);

/* download.c: asks for version, in segments or slices as the plan in force says; with the lock held. */
void dc__part_pull(dc__part *p, uint64_t version, bool first);
void dc__worker_pull(dc_worker *w, uint64_t version, bool first);

/* stale.c, where staged.most > 0: dc__worker_take_base - waits for a version that the round may be computed on, or the newest: its own,
 * and puts the newest whole one into the model. dc__worker_await_pushes - until all gradients of the round before have left the model.
 * Compute thread. */
dc_error dc__worker_take_base(dc_worker *w, bool newest);
dc_error dc__worker_await_pushes(dc_worker *w);

/* urls.c: addresses with commas between them. dc__urls_check - each is one, and they are not too many: DC_EURL. Pure.
 * dc__url_of - the k-th, from 0; false if there are fewer. Pure.
 * dc__urls_agree - the server that was joined holds as much of the model as the user's addresses say: DC_EINVAL. */
dc_error dc__urls_check(const char *urls);
bool dc__url_of(const char *urls, int k, char url[DC__URL_BYTES]);
dc_error dc__urls_agree(const dc_worker *w, const dc__welcome *welcome);

/* choices.c: logs what a round would take with other codecs. Planner's thread. */
void dc__worker_choices(void *worker, const dc_profile *measured);

/* download.c, upload.c: the endpoint's role. */
extern const dc__endpoint_role dc__worker_role;
dc_error dc__worker_on_frame(void *part, dc__frame *frame);

/* part.c: dc__worker_Bps - goodput of one direction, as if all of the model went over the network: in a mesh a shard's part does not.
 * dc__worker_link_up_Bps - upwards, of the network alone; until the first pushes have shown it, that of the other direction.
 * 0 = not known. Any thread. dc__part_window - the credit of the plan in force in one direction, 0 = no bound. */
double dc__worker_Bps(const dc_worker *w, bool up);
double dc__worker_link_up_Bps(const dc_worker *w);
uint64_t dc__part_window(const dc__part *p, bool up);

/* part.c: dc__worker_windows - the credit of the plan in force, upwards, for all parts and the account of their link. With the lock held. */
void dc__worker_windows(dc_worker *w);

#endif
