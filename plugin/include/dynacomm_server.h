/* dynacomm_server.h - the server's end of libdynacomm: holds a run's parameters, serves its workers, and shows how
 * the run is going. */
#ifndef DYNACOMM_SERVER_H
#define DYNACOMM_SERVER_H

#include "dynacomm.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- server ---- */

/* A worker is lost when its session ends without a goodbye, or when it is silent for too long. A round that it
 * has not pushed all of is held for it: it may come back, as the same process or another with its id, and gives
 * what is missing. Past the time the round goes on without it. */
typedef enum dc_on_loss {
    DC_ON_LOSS_WAIT, /* for loss_wait_s */
    DC_ON_LOSS_DROP, /* not at all */
    DC_ON_LOSS_END   /* the run ends: for runs whose processes are one job */
} dc_on_loss;

#define DC_DEFAULT_LOSS_WAIT_S 60.0
#define DC_DEFAULT_START_AFTER_S 60.0

typedef struct dc_server_options {
    const char *url;        /* to listen on, for all workers; copied */
    int workers;            /* how many the run wants, 1..DC_MAX_WORKERS */
    int min_workers;        /* it trains with no fewer; 0 = all of them */
    double start_after_s;   /* it begins without all of them after so long; 0 = DC_DEFAULT_START_AFTER_S */
    dc_on_loss on_loss;     /* what becomes of a round whose worker is lost */
    double loss_wait_s;     /* of DC_ON_LOSS_WAIT, from when it was last heard; 0 = DC_DEFAULT_LOSS_WAIT_S */
    const char *backup_dir; /* checkpoints; NULL = none; created if missing */
    dc_every backup_every;  /* between checkpoints; never = only at the end */
    bool fresh;             /* ignore a run found in backup_dir */
    const char *key_path;   /* of the server's key: members alone may take part, and all is sealed; "-": from
                               standard input, as dynacomm_keys.h hands it over; NULL: without keys */
    const char *members_path; /* the list of members; NULL: members.txt beside the key */
    bool insecure;            /* without keys, let whoever reaches a tcp:// address take part: otherwise only
                                 addresses of this machine alone are listened on */
    double
        timeout_s; /* a worker that is silent for so long is lost, or for loss_wait_s (10 s at least) where that is less;
                       * 0 = DC_DEFAULT_TIMEOUT_S */
    dc_bounds bounds; /* what is done about gradients that are wrong */
    bool balance;     /* images are given to workers in proportion to what they can compute and send */
    int shard,
        shards; /* this server holds part `shard`, from 1, of a model that so many hold together; 0, 0: all of it */
    bool mesh; /* this server is where the workers of a mesh meet, who hold the model; at most 32 */
    const char *first_url;    /* of the first shard, for the others; else NULL; copied */
    const char *announce_url; /* where workers reach another one; NULL: url; copied */
    const char *codec;        /* for all workers (DC_CODECS), NULL = what the first one asks for */
    int staleness; /* rounds that a worker may be ahead of the slowest: it computes on a version that may be so much older than its
                      round. 0..DC_STALENESS_MOST, 0 = all compute on the same. The run ends when a worker is lost */
    dc_log_fn log; /* may be NULL */
    void *log_context;
} dc_server_options;

typedef struct dc_server dc_server;

/* dc_server_start - listens and returns; DC_EURL, DC_ENET (port taken), DC_EFILE (backup_dir,
 * key), DC_EFORMAT (key, members), DC_EKEY (neither key nor insecure, and url is not this machine's alone). */
DC_API dc_error dc_server_start(dc_server **server, const dc_server_options *options);

/* dc_server_run - serves one run to its end: all workers done (DC_OK), stopped (DC_ESTOPPED), a worker lost
 * (DC_EPEER), a checkpoint that could not be written (DC_EFILE)... Whatever ends it, the last whole round is
 * in backup_dir when this returns. Blocks. */
DC_API dc_error dc_server_run(dc_server *server);

/* dc_server_stop - makes dc_server_run end soon. Async-signal-safe. */
DC_API void dc_server_stop(dc_server *server);

/* dc_server_free - after dc_server_run has returned. */
DC_API void dc_server_free(dc_server *server);

/* dc_server_drop - never waits for this worker again, and does not take it back, also not after the server was started
 * again: the round that it holds up is closed as for DC_ON_LOSS_DROP, and a live worker's part ends. who: its name, number or
 * id (16 hexadecimal digits). line: what was done, or the error's line. Any thread, while dc_server_run runs; blocks for 10 s at
 * most. DC_EINVAL: nobody is called so, or the run ends on a loss; DC_ETIMEOUT. */
DC_API dc_error dc_server_drop(dc_server *server, const char *who, char *line, size_t line_bytes);

/* ---- watching a server ---- */

typedef enum dc_run_state { DC_RUN_WAITING, DC_RUN_TRAINING, DC_RUN_FINISHED, DC_RUN_FAILED } dc_run_state;
typedef enum dc_worker_state {
    DC_WORKER_AWAITED, /* nobody has taken this rank yet */
    DC_WORKER_JOINING,
    DC_WORKER_ENTERING, /* fetches values, and takes part from the next round on */
    DC_WORKER_TRAINING,
    DC_WORKER_DONE,   /* said goodbye after its last round */
    DC_WORKER_LOST,   /* and waited for */
    DC_WORKER_LEFT,   /* said goodbye, or is not waited for any more */
    DC_WORKER_DROPPED /* and may not come back: dc_server_drop, or it sent what no worker may */
} dc_worker_state;

/* What makes a worker slower than the others. */
typedef enum dc_cause {
    DC_CAUSE_UNKNOWN,
    DC_CAUSE_COMPUTE, /* all that is not waiting for the network */
    DC_CAUSE_UP,      /* its link to the server, */
    DC_CAUSE_DOWN,    /* from the server */
    DC_CAUSES
} dc_cause;

/* dc_cause_name - "computation", "link up", "link down". */
DC_API const char *dc_cause_name(dc_cause cause);

/* One worker, as the server sees it and as it reported last
 * (dc_worker_report); what is not known is 0, a loss or mAP NAN. */
typedef struct dc_status_worker {
    dc_worker_state state;
    char name[32]; /* of the member, "" without keys */
    int rank;
    uint64_t id;                /* that it keeps; 0 = nobody yet */
    uint32_t images;            /* that it feeds in a round */
    double since_s;             /* it has been in its state */
    uint64_t losses;            /* how often it was lost, since it joined this server */
    double lost_s, wait_left_s; /* DC_WORKER_LOST: since when, and how long it is waited for */
    uint64_t round; /* rounds whose gradients it has begun to push: the lowest is who the others wait for */
    uint64_t age;   /* with staleness: rounds that the version was old that it computed the last of them on */
    double silent_s;               /* since its last frame; a live one sends a heartbeat every second */
    uint64_t up_bytes, down_bytes; /* that travelled from it and to it */
    double reported_s;             /* since it reported what follows; -1 = nothing yet */
    double loss, map;
    double round_s, compute_s, wait_s, images_per_s; /* lately; a round of all its batches */
    double up_Bps, down_Bps, overhead_s, rtt_s;      /* its link, as it measures it */
    double predicted_s, floor_s;                     /* of a round, by its plan */
    dc_strategy asked, strategy;                     /* requested, in force */
    uint64_t plans;                                  /* it has reported; 0 = dc_server_plan has none */
    int n_pull, n_push;                              /* segments of the last of them */
    uint32_t slice_bytes;
} dc_status_worker;

/* A point of a curve: what the workers had reported last after round rounds, or from there to the
 * next point. */
typedef struct dc_curve_point {
    uint64_t round;
    double elapsed_s; /* when the last of it was reported */
    double mean, least, most;
} dc_curve_point;

#define DC_CURVE_POINTS 2000 /* most of a curve; neighbours are merged when there are more */

typedef struct dc_status {
    char model[64]; /* "" before the first worker */
    dc_run_state state;
    char line[512]; /* why the run failed */
    int layers;
    uint64_t trained_bytes;
    uint32_t images_per_round; /* of one worker */
    bool resumed;
    bool sealed;                 /* members alone take part, by their keys */
    bool insecure;               /* whoever reaches the server can take part */
    uint64_t first_round, round; /* where this server began; rounds done */
    uint64_t last_round;         /* where the workers mean to end, 0 = not known */
    uint64_t saved_round;        /* the last in the backup, 0 = none */
    uint64_t batches;            /* of a worker in the rounds done, */
    uint32_t local_steps;        /* and in the round that is on: 1, or as many as workers step alone; */
    bool local_auto;             /* the server finds the number */
    double elapsed_s;            /* since the first round began */
    double stalled_s;            /* since the last round was whole */
    double round_s;              /* lately, mean over workers */
    double rate;                 /* learning rate of the last round */
    double loss;                 /* mean of the workers' last ones */
    int wanted, least, here; /* workers: that the run is for, that it trains with at least, that are here */
    uint64_t joins, losses, rejoins, drops; /* of workers, since the server was started */
    uint64_t rounds_held;                   /* rounds that somebody who was lost held up, likewise */
    int restarts;                           /* servers that have worked on the run before this one */
    int straggler;         /* whom the others wait for in most rounds, of workers; -1 = nobody */
    double straggler_s;    /* by so much of a round, */
    dc_cause cause;        /* for this reason: */
    double own_s, usual_s; /* what that takes it, and the others */
    int n_workers, n_loss, n_map;
    dc_status_worker *workers; /* [n_workers] by rank */
    dc_curve_point *loss_curve, *map_curve;
} dc_status;

/* dc_server_status - how the run is going: a copy, free it with dc_status_free. Any thread, from
 * dc_server_start to dc_server_free; holds up nobody for longer than copying takes. DC_ENOMEM. */
DC_API dc_error dc_server_status(dc_server *server, dc_status **status);
DC_API void dc_status_free(dc_status *status);

#ifdef __cplusplus
}
#endif
#endif
