/* bench.h - dynacomm bench: a worker that waits instead of computing. Private to bench*.c.
 *
 * DESIGN
 *   The engine, the server, the sockets and the bytes are the real ones; only a layer's forward and backward
 * are replaced by waits of their profiled length, so that several edges of any speed fit on one small machine
 * without sharing its cores (bench_rounds.c). The model has the profile's layers, one tensor of zeros each
 * (bench_model.c). What each round took goes to stdout as a table, and what all took as one line below it
 * (bench_report.c). scripts/bench runs servers and workers in the network lab and makes tables of these. */
#ifndef DC__TOOL_BENCH_H
#define DC__TOOL_BENCH_H

#include <signal.h>

#include "dynacomm_plan.h"

typedef struct dc__bench_options {
    const char *profile;            /* path */
    double scale;                   /* bytes and computation are divided by it */
    double speed;                   /* computation alone is divided by it */
    double jitter;                  /* a round's computation is longer by this share of it, in the mean */
    int rounds, warm_up;            /* measured; before them, not counted */
    double down_Bps, up_Bps, rtt_s; /* of the link by other means, for floor and bound; 0 = the engine's */
    bool hold; /* wait for a line on stdin before the first round, for its end before leaving */
    dc_worker_options worker;
} dc__bench_options;

/* One round as it was. */
typedef struct dc__bench_round {
    dc_round_report report;
    double floor_s, bound_s;
    double down_Bps, up_Bps; /* as the engine measured them by then */
    double rtt_s;
    dc_strategy strategy; /* of the plan that is in force */
    int n_pull, n_push;
    uint32_t slice_bytes;
} dc__bench_round;

typedef struct dc__bench {
    dc__bench_options options;
    dc_profile_table table; /* scaled */
    double compute_s;       /* of a round: the sum over the table */
    dc_model *model;
    float *values, *gradients; /* [trained floats], zeros; the model's */
    dc_worker *worker;
    dc__bench_round *rounds; /* [options.rounds], the measured ones */
    int done;                /* rounds, warm-up included */
    double cpu_s;            /* of this process over the measured rounds */
    double measured_s;       /* their length */
} dc__bench;

/* dc__bench_load - reads and scales the profile and builds the model, named after the file. On failure, as
 * after it, dc__bench_unload frees what there is. */
dc_error dc__bench_load(dc__bench *bench);
void dc__bench_unload(dc__bench *bench);

/* dc__bench_run - the rounds, on a worker that has joined. Blocks. stop is polled in waits. */
dc_error dc__bench_run(dc__bench *bench, const volatile sig_atomic_t *stop);

/* dc__bench_head, dc__bench_line, dc__bench_summary - the table's header, one
 * row per round, and the last line: "summary" and key=value words, medians
 * over the measured rounds. To stdout, flushed. DC_EFILE if it refuses. */
dc_error dc__bench_head(void);
dc_error dc__bench_line(int round, bool measured, const dc__bench_round *line);
dc_error dc__bench_summary(const dc__bench *bench);

#endif
