/* run_log.h - writes a run's log (run_log_format.h).
 *
 * DESIGN
 *   Records are kept in memory until the checkpoint of a version that they decided, appended then and synced before
 * the checkpoint's own files. A run that resumes from a checkpoint cuts the log back to it. The lock is a leaf,
 * and is not held while the disk is at work. */
#ifndef DC__RUN_LOG_H
#define DC__RUN_LOG_H

#include <limits.h>
#include <pthread.h>
#include <stdio.h>

#include "codec/batches.h"
#include "model/model.h"
#include "server/run_log_format.h"

typedef struct dc__run_log {
    pthread_mutex_t lock;
    char path[PATH_MAX];  /* "" = nothing is logged */
    uint8_t *pending;     /* (L) records that are not on disk yet */
    size_t n, room;       /* (L) bytes of it */
    bool short_of_memory; /* (L) a record was lost: the next write fails */
    int servers;          /* that worked on the run before this one; constant once training */
    bool rated;           /* (L) a learning rate was logged, */
    float rate;           /* (L) and this was the last */
} dc__run_log;

void dc__run_log_init(dc__run_log *log);
void dc__run_log_destroy(dc__run_log *log);

/* dc__run_log_begin - a new run's log in dir, instead of one that is there. dc__run_log_resume - goes on with the
 * log in dir, cut back to this version; if there is none, or it does not reach the version, a new one that begins
 * there, with a line in note[DC__LINE_BYTES] ("" = no news). DC_EFILE, also if one that is there cannot be read;
 * DC_ENOMEM. Before training. */
dc_error dc__run_log_begin(dc__run_log *log, const char *dir, const dc_model *model, const dc__log_run *run);
dc_error dc__run_log_resume(dc__run_log *log, const char *dir, const dc_model *model, const dc__log_run *run,
                            uint64_t version, char *note);

/* What decided a version; any thread, never waits for the disk. dc__run_log_roster - the members from this round
 * on, by order of summation. dc__run_log_relays - which of them stand behind relays; nothing if none does.
 * dc__run_log_partial - only the blocks in this bitmap of a member count in a round; of several for one round, from shards, those that are in
 * all. It may come when later rounds' records are here, but not written.
 * dc__run_log_forgot - a member's process of this round has nothing kept; blocks in this bitmap had come before (NULL: none).
 * dc__run_log_rate - the learning rate that made version round + 1. dc__run_log_server - a server goes on with a run.
 * dc__run_log_steps - from steps->round on a round has so many batches. dc__run_log_base - a member computed a round on that version. */
void dc__run_log_server(dc__run_log *log, uint64_t round, const dc__log_server *server);
void dc__run_log_roster(dc__run_log *log, uint64_t round, int n, const dc__log_member *members);
void dc__run_log_relays(dc__run_log *log, uint64_t round, int n, const dc__log_member *members);
void dc__run_log_partial(dc__run_log *log, uint64_t round, int number, uint32_t n_blocks,
                         const uint64_t *bitmap);
void dc__run_log_forgot(dc__run_log *log, uint64_t round, int number, uint32_t n_blocks,
                        const uint64_t *bitmap);
void dc__run_log_rate(dc__run_log *log, uint64_t round, float rate);
void dc__run_log_base(dc__run_log *log, uint64_t round, int number, uint64_t base);
void dc__run_log_steps(dc__run_log *log, const dc__steps *steps);

/* run_log_place.c; with the lock held. dc__run_log_place - the record that begins at that byte of pending, the last one, goes before those of
 * later rounds. dc__run_log_merge - a PARTIAL of this member and round that is pending: blocks that are not in this bitmap, too, do not count in it.
 * False if there is none. */
void dc__run_log_place(dc__run_log *log, size_t from);
bool dc__run_log_merge(dc__run_log *log, uint64_t round, int number, uint32_t n_blocks,
                       const uint64_t *bitmap);

/* dc__run_log_write - appends all that decided versions up to this one, and syncs. The checkpoint's thread, before
 * its files. DC_EFILE with a line; what was not written is kept for the next try. */
dc_error dc__run_log_write(dc__run_log *log, uint64_t version);

#endif
