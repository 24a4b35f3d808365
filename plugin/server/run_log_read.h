/* run_log_read.h - reads a run's log (run_log_format.h) record by record; whatever is in the file. */
#ifndef DC__RUN_LOG_READ_H
#define DC__RUN_LOG_READ_H

#include "codec/batches.h"
#include "model/model.h"
#include "server/run_log_format.h"

/* One record. Pointers are the reader's until the next call. */
typedef struct dc__log_record {
    dc__log_type type;
    uint64_t round;                /* SAVED: the version */
    dc_model *model;               /* RUN: the reader's until it is closed */
    dc__log_run run;               /* RUN */
    dc__log_server server;         /* SERVER */
    int n;                         /* ROSTER: members; RELAYS: those behind relays */
    const dc__log_member *members; /* ROSTER; RELAYS: number and path */
    int number;                    /* PARTIAL, FORGOT, BASE */
    uint32_t n_blocks;             /* PARTIAL, FORGOT */
    const uint8_t *bitmap;         /* likewise: block b is in it if bitmap[b / 8] >> (b % 8) & 1 */
    float rate;                    /* RATE */
    dc__steps steps;               /* STEPS */
    uint64_t base;                 /* BASE: the version */
} dc__log_record;

typedef struct dc__log_reader dc__log_reader;

/* dc__log_reader_open - a log and its first record, which is RUN. DC_EFILE, DC_EFORMAT, DC_EVERSION, DC_ENOMEM with a line
 * that names the file. dc__log_reader_next - the next record; DC__LOG_END after the last that is whole. A torn end, of a
 * write that was cut off, is no error: dc__log_reader_torn says how many bytes of it there are. */
dc_error dc__log_reader_open(dc__log_reader **reader, const char *path, dc__log_record *record);
dc_error dc__log_reader_next(dc__log_reader *reader, dc__log_record *record);
uint64_t dc__log_reader_torn(const dc__log_reader *reader);
void dc__log_reader_close(dc__log_reader *reader);

/* dc__run_log_hash - of a model's initial values, all floats of the arena but the statistics. */
uint64_t dc__run_log_hash(const dc_model *model, const float *values);

/* Where a log ends when it is cut back to a version. */
typedef struct dc__log_cut {
    uint64_t bytes;
    int servers; /* that have worked on the run */
    bool rated;  /* a learning rate was logged, */
    float rate;  /* and this was the last */
} dc__log_cut;

/* dc__run_log_find_cut - DC_EFORMAT if the log is not this model's, is damaged, or never saved the version. */
dc_error dc__run_log_find_cut(const char *path, const dc_model *model, uint64_t version, dc__log_cut *cut);

#endif
