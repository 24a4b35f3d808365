/* session.h - one training run of one network, alone or as a worker of a server: the seam between Darknet's
 * training commands and libdynacomm. The commands (train_classifier.c, train_detector.c) see only this.
 *
 * DESIGN
 *   A session owns the hooks on a network's layers. A round is one call: forward and backward of every
 * subdivision and, alone, the update; as a worker, the plugin's pulls and pushes run inside it. Parameters of
 * the next version may still be arriving when a round returns; dk_session_sync waits for them (saving and
 * evaluating need it). All calls come from the thread that parsed the network. Every function returns 0, or a
 * dc_error after it has printed nothing: the line to print is dc_last_error(). */
#ifndef DK_SESSION_H
#define DK_SESSION_H

#include <darknet.h>
#include <stdbool.h>
#include <stdint.h>

#include "dynacomm.h"

typedef struct dk_session dk_session;

typedef struct dk_session_options {
    const char *name;       /* of the model, for files and lines: the cfg's without .cfg */
    const char *url;        /* server, NULL = train alone */
    const char *key_path;   /* dc_worker_options.key_path */
    dc_strategy strategy;   /* for this worker's link */
    const char *trace_path; /* NULL = no trace */
    const char *codec;      /* of gradients and changes (DC_CODECS), NULL = the run's */
    const char
        *local_steps; /* batches that a worker steps alone before it pushes, or "auto"; NULL = the run's */
    const char *keep_dir;    /* for a codec's state, NULL = it is not kept */
    const char *fingerprint; /* text that every worker must share beyond the layers (may be NULL) */
    uint64_t last_round;     /* to train to, 0 = without end */
    uint64_t seed;           /* requested by this worker; dk_session_seed is what the run uses */
    int rank;                /* requested number among the workers, -1 = any; fix it to repeat a run */
    uint64_t id;     /* who this worker is, the same whenever it comes back; 0 = one for this process */
    double link_Bps; /* dc_worker_options.link_Bps */
    const char *listen, *announce; /* dc_worker_options.listen_url, announce_url; may be NULL */
    double timeout_s;              /* a server that is gone is given up after this long; 0 = the default */
    bool clear;          /* start a new schedule: refuse a server that resumes another run's state */
    volatile int *stop;  /* set to non-zero by a signal handler: every wait ends with DC_ESTOPPED */
    volatile int *leave; /* likewise: a worker leaves the run when it has pushed for its round */
} dk_session_options;

typedef struct dk_round {
    uint64_t round;   /* rounds done, this one included */
    float loss;       /* mean over this worker's images, as Darknet prints it */
    float rate;       /* learning rate applied */
    double seconds;   /* whole round */
    double wait_s;    /* of it, computation waiting for the network */
    double compute_s; /* of it, layers computing */
    uint64_t sent_bytes, received_bytes;
} dk_round;

/* dk_session_open - hooks net and, with a url, joins the server: blocks until the server has all its workers.
 * The worker's net->seen and parameters are the server's afterwards. Refuses layers that cannot be trained
 * exactly (binary, xnor). net stays the caller's and must outlive the session. */
int dk_session_open(network *net, const dk_session_options *options, dk_session **session);

/* dk_session_rank / _workers - this worker's number, 0-based, and how many there are (0 and 1 when alone). */
int dk_session_rank(const dk_session *session);
int dk_session_workers(const dk_session *session);

/* dk_session_seed - the run's seed: the options' when alone,
 * else the one that the server gave to every worker. */
uint64_t dk_session_seed(const dk_session *session);

/* dk_session_round - rounds done so far (of the whole run, resumed ones included). */
uint64_t dk_session_round(const dk_session *session);

/* dk_session_multiple - the run must end after a multiple of so many rounds (local steps); 1 where their number changes.
 * dk_session_end - the round that a run ends with which is to have `last` of them, 0 = all: the first push from there on, as far as it is
 * known yet. */
uint64_t dk_session_multiple(const dk_session *session);
uint64_t dk_session_end(const dk_session *session, uint64_t last);

/* dk_session_images - of a round that follows so many rounds: net->batch * net->subdivisions, or another multiple of net->batch if the
 * server balances its workers. Known for rounds up to two after the one that is next. The thread that trains. */
uint64_t dk_session_images(const dk_session *session, uint64_t round);

/* dk_session_train - one round on d: dk_session_images rows of X and y, in order. Borrows d. */
int dk_session_train(dk_session *session, const data *d, dk_round *round);

/* dk_session_finish - after the last round, before dk_session_close: returns when the end of the run is saved; alone, at once. It may fail as
 * a round may, and then there can be rounds to make again.
 * dk_session_lost_server - a call has failed because the server is gone, or was started again.
 * dk_session_rejoin - joins it again for as long as patience lasts; dk_session_round is then the round to go on
 * with, which may be an earlier one: images and random numbers are to be those of that round.
 * dk_session_ended - after dk_session_rejoin: the end of the run is saved, and only dk_session_close may follow. */
bool dk_session_lost_server(const dk_session *session);
int dk_session_rejoin(dk_session *session);
bool dk_session_ended(const dk_session *session);
int dk_session_finish(dk_session *session);

/* dk_session_report - after each round: reports to the server, for people who watch it, this worker's
 * loss (NAN = not known), the mAP in 0..1 of an evaluation made after that round (NAN = none was) and
 * the round that the run is to end after (0 = not known). Never waits; nothing happens when alone. */
void dk_session_report(dk_session *session, double loss, double map, uint64_t last_round);

/* dk_session_sync - waits until every parameter of the current version is in the network. */
int dk_session_sync(dk_session *session);

/* dk_session_save - writes the network's .weights to path: whole or not at all (temporary file, fsync,
 * rename). Syncs first; saved rolling statistics are the workers' mean. */
int dk_session_save(dk_session *session, const char *path);

/* dk_session_averaged - alone: there is a moving average of the weights (ema_alpha). Over a server, the server
 * has it. dk_session_save_average - writes it as dk_session_save does the weights. */
bool dk_session_averaged(const dk_session *session);
int dk_session_save_average(dk_session *session, const char *path);

/* dk_session_reason - reported to the server if the run ends badly for a reason of the caller's; copied. */
void dk_session_reason(dk_session *session, const char *why);

/* dk_session_close - finishes (all rounds acknowledged by the server) if ok, else leaves the run and reports
 * the server so; unhooks the network and frees the session, in every case. */
int dk_session_close(dk_session *session, bool ok);

#endif
