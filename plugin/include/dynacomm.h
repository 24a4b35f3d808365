/* dynacomm.h - the public interface of libdynacomm: train one model over edges (workers) and a server.
 *
 * DESIGN
 *   A caller describes its model once (dc_model: layers in execution order, their tensors in .weights file
 * order), joins a server (dc_worker_join) and then brackets every layer's forward and backward computation
 * with four calls. The library moves parameters down and gradients up in between, cut into segments by a plan
 * that it makes, at run time, from what it measured. It knows nothing of Darknet, files of data, or networks.
 * dynacomm_plan.h has those plans, for people who write tools; dynacomm_server.h
 * the other end.
 *
 *   Units are in the names: _s seconds, _ns nanoseconds, _bytes bytes, _Bps bytes per second.
 *   Every function that can fail returns a dc_error; dc_last_error() then has one line, for people, that names
 * the thing and the remedy. Nothing here calls exit() or abort() for a peer's, a file's or a user's mistake. */
#ifndef DYNACOMM_H
#define DYNACOMM_H

#include "dynacomm_bounds.h"
#include "dynacomm_error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* dc_version - "major.minor.patch" of the library. */
DC_API const char *dc_version(void);

/* ---- the model: layers and tensors ---- */

/* What happens to a tensor in training. */
typedef enum dc_role {
    DC_TRAINED, /* its gradient is pushed and its value pulled in every round */
    /* gets no gradient; decay still acts on it, computed alike at both ends, without a byte sent */
    DC_FROZEN,
    DC_FIXED,     /* never changes; only saved */
    DC_STATISTIC, /* rolling mean or variance: each worker has its own, the mean over workers is saved */
    DC_ROLE_COUNT
} dc_role;

/* One tensor. The arrays are the caller's; the library reads and writes them between dc_worker_join and
 * dc_worker_leave, from its own threads too, as the calls of the worker section say. */
typedef struct dc_tensor {
    const char *name; /* "weights", "biases", ...; copied */
    dc_role role;
    bool is_weights;  /* decays under SGD and is clipped; biases and scales are not */
    bool saved;       /* part of a .weights file, in the order the tensors were added */
    bool averaged;    /* if DC_TRAINED: dc_optimizer.average is about it */
    size_t count;     /* floats */
    float *value;     /* [count] */
    float *gradient;  /* [count] sum of gradients over a round's images, in the sign of
                         dc_optimizer.gradient_sign; NULL for DC_FIXED and DC_STATISTIC */
    float rate_scale; /* factor on the learning rate */
    float clip;       /* largest magnitude a weight may have after an update, 0 = no limit */
} dc_tensor;

typedef enum dc_algorithm { DC_SGD, DC_ADAM } dc_algorithm;

/* Which way the caller's gradients point. Darknet's are the direction of descent: its deltas are truth minus
 * prediction, and an update adds them. Most other libraries compute the derivative of the loss, which is the
 * direction of ascent: an update subtracts it. With the wrong one training diverges. Both give the same
 * weights, bit for bit. */
typedef enum dc_gradient_sign {
    DC_DESCENT, /* sums of -d loss / d value: the default, Darknet's */
    DC_ASCENT   /* sums of d loss / d value */
} dc_gradient_sign;

typedef struct dc_optimizer {
    dc_algorithm algorithm;
    float momentum, decay; /* decay acts on Adam too */
    float b1, b2, eps;     /* Adam */
    dc_gradient_sign gradient_sign;
    float average; /* share of itself that a moving average keeps (dynacomm_average.h), 0 = there is none */
    uint64_t average_from, average_until; /* rounds that it begins after and takes the values' place after */
} dc_optimizer;

typedef struct dc_model dc_model;

/* dc_model_new - an empty model. name becomes part of the server's file names (letters, digits, '.', '_',
 * '-'). images_per_round is how many images one worker feeds in a round. The caller frees it with
 * dc_model_free, after every worker and server that uses it. */
DC_API dc_error dc_model_new(dc_model **model, const char *name, const dc_optimizer *optimizer,
                             uint32_t images_per_round);
DC_API void dc_model_free(dc_model *model);

/* dc_model_add_layer - appends a layer (execution order); type is a word for people ("convolutional").
 * Tensors added afterwards belong to it. dc_model_add_tensor - appends a tensor to the last layer. */
DC_API dc_error dc_model_add_layer(dc_model *model, const char *type);
DC_API dc_error dc_model_add_tensor(dc_model *model, const dc_tensor *tensor);

/* dc_model_layers / dc_model_trained_bytes - how many layers; bytes of one layer's trained tensors (-1: of all). */
DC_API int dc_model_layers(const dc_model *model);
DC_API uint64_t dc_model_trained_bytes(const dc_model *model, int layer);

/* dc_model_save - writes a Darknet .weights file (header 0.2.0 and seen, then the saved tensors) whole or not
 * at all: a temporary file beside path, fsync, rename. DC_EVALUE, and nothing is written, if a value is not finite. Any
 * thread; the values must not change meanwhile. */
DC_API dc_error dc_model_save(const dc_model *model, const char *path, uint64_t seen);

/* dc_model_update - one optimizer step on the model's own arrays, as Darknet
 * does it on one machine: the gradient buffers keep SGD's momentum, are
 * zeroed under Adam. step_number counts from 1 (Adam). For training alone. */
DC_API dc_error dc_model_update(dc_model *model, float rate, uint64_t step_number);

/* dc_model_update_begin, dc_model_update_part - the same step, done in parts by several threads. After begin,
 * part steps the floats [offset, offset + count) of the *floats there are; each on its own, so that the
 * parts do not show in the result. Any thread, several at once on ranges that do not overlap. */
DC_API dc_error dc_model_update_begin(dc_model *model, uint64_t *floats);
DC_API void dc_model_update_part(dc_model *model, uint64_t offset, uint64_t count, float rate,
                                 uint64_t step_number);

#include "dynacomm_choices.h"

/* ---- worker ---- */

/* dc_log_fn - receives one line without a newline, for people. Called from any of the library's threads, one
 * at a time per worker or server; must not call back into it. */
typedef void (*dc_log_fn)(void *context, const char *line);

#define DC_DEFAULT_JOIN_S 15.0      /* a server that was not there yet is waited for */
#define DC_DEFAULT_PATIENCE_S 600.0 /* a connection that was lost is tried again */
#define DC_DEFAULT_TIMEOUT_S 90.0   /* a worker that a server hears nothing of is lost */

/* A fingerprint is up to four lines: items NAME=VALUE, separated by ", ", that must be the same at all
 * workers, or the run refuses the worker and names the item; likewise items that may differ, which the server
 * warns of; and, of a worker that brings trained values, their hash, a blank and their name. A new run starts
 * from worker 0's values: a worker whose own would be lost is refused. The fourth is noted in the run's log: how the
 * worker computes, for whoever replays the run. It may have so many bytes, its closing
 * 0 among them. */
#define DC_FINGERPRINT_BYTES 2048
#define DC_NOTE_BYTES 64 /* of its fourth line, likewise */

/* What gradients depend on beside parameters, statistics and images, and what goes on from round to round: the state of
 * recurrent layers. It is zero where a run begins. A worker that comes back goes on with it, as with what a codec had
 * not sent. save copies it out of the caller's arrays, load into them: [floats]; called within dc_worker_join,
 * dc_worker_rejoin and dc_worker_round_end, on their thread. */
typedef struct dc_memory {
    size_t floats; /* 0 = there is none */
    void (*save)(void *context, float *to);
    void (*load)(void *context, const float *from);
    void *context;
} dc_memory;

typedef struct dc_worker_options {
    const char *
        url; /* the server's, as workers reach it, or an invitation ('dynacomm invite'); or mesh://HOST:PORT: then this process
                      * also holds a shard of the model, and that server is where the workers meet; copied */
    const char *key_path; /* with an invitation: this worker's key, made if it is not there; "none": a new one
                             that is not kept; NULL: beside the user's other settings (docs/security.md) */
    int rank;    /* requested number from 0, -1 = any free one; fix it for runs that repeat bit for bit */
    uint64_t id; /* who this worker is, the same whenever it comes back; 0 = one drawn for this process */
    dc_strategy strategy;    /* of this worker's link; DC_AUTO picks the fastest predicted */
    const char *fingerprint; /* what all workers must share beyond the model, see below; may be NULL */
    uint64_t seed;           /* requested; the run's is dc_worker_info.seed */
    uint64_t round;          /* rounds behind the values at hand: what a new run starts from */
    uint64_t
        last_round; /* that the caller trains to, as dc_worker_info.round counts; 0 = not known. Who comes to a run
                              * that has ended with it waits for nobody: it has no rounds to do, and the last values */
    uint32_t
        part; /* images computed at once, of which a round has a whole number; the run may give this worker more or
                      fewer (dc_worker_images). 0: it always feeds the model's */
    bool clear;       /* refuse to resume a run that the server has in its backup */
    dc_memory memory; /* of layers that remember */
    const char *
        listen_url; /* in a mesh: where its shard listens, NULL = any free port of the interface that leads to the meeting server */
    const char *announce_url; /* likewise: where the other workers reach it, NULL = there */
    double
        link_Bps; /* likewise: what its link carries each way, as far as its user knows; 0 = not known. Who has more, holds more */
    double timeout_s;       /* patience: give up after so long without a server, at the start and later; 0 =
                              * DC_DEFAULT_JOIN_S and DC_DEFAULT_PATIENCE_S */
    const char *trace_path; /* write a Chrome/Perfetto trace there, NULL = none */
    const char *codec;      /* what gradients and changes travel as (DC_CODECS), NULL = as the run has it */
    const char
        *local_steps; /* the codec's +local: apart: "8", "8:100", or "auto"; NULL = none, or the run's */
    const char *
        keep_dir; /* where a lossy codec's state, and what layers remember, is kept for a run that is resumed or
                              * goes back, NULL = it is not */
    dc_log_fn log; /* plans and events, may be NULL */
    void *log_context;
    volatile int
        *stop; /* non-zero ends every wait with DC_ESTOPPED; may be NULL; set it from a signal handler */
    volatile int *
        leave; /* likewise, but gradients that are due for the round are still computed and pushed: the run is
                          * to go on without this worker, and dc_worker_leave says so */
} dc_worker_options;

typedef struct dc_worker_info {
    int rank;       /* its number in the run: what its data order and random numbers are to be drawn from */
    int workers;    /* that the run wants; so many take part, or fewer for a while */
    uint64_t round; /* rounds done; grows with dc_worker_round_end */
    uint64_t seed;  /* the run's, the same at every worker */
    int local_steps; /* so many rounds make the one of the server's that is on; it may change with each of them (local_varies), */
    int alone; /* and so many of them are done: 0 = the last one was pushed, and only then a worker leaves */
    bool local_varies; /* their number: the server finds it, or it grows as the run begins */
    bool resumed;      /* the server had a run to go on with */
} dc_worker_info;

/* What a round was like for one worker. */
typedef struct dc_round_report {
    double round_s, compute_s, wait_s; /* wait_s: the computation stood still for parameters */
    double predicted_s;                /* the plan's, 0 before there is one */
    uint64_t sent_bytes, received_bytes;
} dc_round_report;

typedef struct dc_worker dc_worker;

/* dc_worker_join - joins the server, agrees on values and waits until every worker has joined.
 * Blocks. Starts the library's threads. model is borrowed until dc_worker_leave; its arrays
 * are written by the library from here on: values between round_begin and each layer's
 * forward_begin, gradients (sent, then zeroed; with a single worker turned into momentum)
 * after each layer's last backward_end. A worker that is first in a new run uploads its values
 * for all. DC_EURL, DC_ETIMEOUT (no server), DC_EFULL, DC_EMODEL, DC_EVERSION, DC_ESTOPPED; DC_EKEY (not admitted), DC_EFILE
 * (the key's file). */
DC_API dc_error dc_worker_join(dc_worker **worker, dc_model *model, const dc_worker_options *options);

/* dc_worker_info_get - what was agreed. Compute thread. */
DC_API dc_worker_info dc_worker_info_get(const dc_worker *worker);

/* dc_worker_images - that this worker is to feed in a round (dc_worker_info.round counts), known while the round two before it is
 * computed. Compute thread. */
DC_API uint32_t dc_worker_images(dc_worker *worker, uint64_t round);

/* The calls around the computation; all from one thread, the compute thread, in this order:
 *
 *   round_begin
 *     subdivision(last)                            once per subdivision of the batch
 *       forward_begin(0) .. forward_end(0)         layers in execution order; begin blocks until the
 *       ...                                        parameters are there
 *     rate(r)                                      in the last one: the learning rate of this round's update
 *       backward_begin(L-1) .. backward_end(L-1)   layers in reverse; those that the network skips left out
 *       ...
 *   round_end
 *
 * After a failure every further call fails at once with the same error; the caller abandons the round and
 * leaves. forward_begin/_end outside a round (evaluation) are allowed after dc_worker_sync. */
DC_API dc_error dc_worker_round_begin(dc_worker *worker);
DC_API dc_error dc_worker_subdivision(dc_worker *worker, bool last);
DC_API dc_error dc_worker_rate(dc_worker *worker, float rate);
DC_API dc_error dc_worker_forward_begin(dc_worker *worker, int layer);
DC_API dc_error dc_worker_forward_end(dc_worker *worker, int layer);
DC_API dc_error dc_worker_backward_begin(dc_worker *worker, int layer);
DC_API dc_error dc_worker_backward_end(dc_worker *worker, int layer);
DC_API dc_error dc_worker_round_end(dc_worker *worker, dc_round_report *report);

/* What the caller knows of its training, for people who watch the run (dc_server_status). */
typedef struct dc_report {
    double loss; /* of the round that has just ended, mean over this worker's images; NAN = not known */
    double map;  /* of an evaluation made after that round: mean average precision, 0..1; NAN = none */
    uint64_t last_round; /* the run is to end after it; 0 = not known */
} dc_report;

/* dc_worker_report - after round_end: reports to the server how this worker is doing, and what the
 * engine measures. Never blocks for the network and never holds up a round: means over the rounds since the
 * last report go out about twice a second, when no gradient is waiting; a mAP goes out at once. Failures show
 * in the calls around the computation. Compute thread. */
DC_API void dc_worker_report(dc_worker *worker, const dc_report *report);

/* dc_worker_lost_server - whether calls fail because the server is gone, or was started again: then
 * dc_worker_rejoin may bring the worker back. Not after the server has ended the run. Compute thread.
 *
 * dc_worker_rejoin - joins again, as the same worker, for as long as its patience lasts (timeout_s). The round
 * that was under way, and perhaps others before it, did not happen: dc_worker_info_get has the round to go on
 * with, and the caller sets its data order and random numbers back to that. The model's arrays hold that
 * version's values, as after dc_worker_join. Blocks. DC_OK; else the error that ends the run for this worker. */
DC_API bool dc_worker_lost_server(const dc_worker *worker);
DC_API dc_error dc_worker_rejoin(dc_worker *worker);

/* dc_worker_sync - between rounds: blocks until all parameters
 * of the current round are in the model's arrays. */
DC_API dc_error dc_worker_sync(dc_worker *worker);

/* dc_worker_save - between rounds: syncs, fetches the workers' mean statistics and writes a .weights file
 * whole or not at all. The model's arrays keep this worker's own statistics. */
DC_API dc_error dc_worker_save(dc_worker *worker, const char *path, uint64_t seen);

/* dc_worker_finish - after the last round: says that all rounds are done, and blocks until every worker's are, and the end of the run is
 * saved. Until then the server may be lost, or go back to a checkpoint: then dc_worker_lost_server holds, and after dc_worker_rejoin there are
 * rounds to do, unless dc_worker_ended. Then dc_worker_leave(worker, true) returns at once.
 * dc_worker_ended - after dc_worker_rejoin: the server had saved the end of the run before it was lost. Only dc_worker_leave may follow. */
DC_API dc_error dc_worker_finish(dc_worker *worker);
DC_API bool dc_worker_ended(const dc_worker *worker);

/* dc_worker_leave - says goodbye (ok: all rounds were done; else reason says why not; if it was asked to leave, after
 * what is due has been pushed), waits for the server's
 * acknowledgement of everything sent, stops the threads and frees the worker, in every case. The returned
 * error is about the goodbye. */
DC_API dc_error dc_worker_leave(dc_worker *worker, bool ok, const char *reason);

#define DC_MAX_WORKERS 256 /* of a run */

/* How often: after so many rounds or seconds, whichever is first. 0 = not by that; both 0 = never. */
typedef struct dc_every {
    uint64_t rounds;
    double seconds;
} dc_every;

#ifdef __cplusplus
}
#endif
#endif
