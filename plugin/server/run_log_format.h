/* run_log_format.h - the file of a run's log, NAME.log beside the checkpoints: what decided each version and is not
 * computed from the data. Whoever has the log and everybody's data can make the same weights again, bit for bit.
 *
 *   "DYNCLOG1", then records. A record: bytes of its payload (4), type (1), 0 (3), payload, and a XXH3 checksum of
 * all before in the record (8). Numbers are little-endian.
 *
 *   RUN      model description (length 4, bytes), seed (8), first round (8), optimizer steps behind it (8), XXH3 of the
 *            initial values (8), settings (text)
 *   ROSTER   from this round (8) on these members (4) make the versions, flags (1: 1 = a single worker carries the
 *            momentum); in the order of summation: id (8), number (4), images (4), flags (1: 1 = begins here)
 *   PARTIAL  in this round (8), of the member with this number (4) only the blocks in this bitmap count: blocks (4),
 *            bytes
 *   RATE     from this round (8) on, the learning rate (4)
 *   SAVED    this version (8) was saved by a checkpoint: what stands before made it
 *
 * Records of a round come after the SAVED of the versions before it, so a log can be cut back to any checkpoint. */
#ifndef DC__RUN_LOG_FORMAT_H
#define DC__RUN_LOG_FORMAT_H

#include "dynacomm.h"

#define DC__RUN_LOG_MAGIC "DYNCLOG1"
#define DC__RUN_LOG_HEAD 8u /* of a record, before its payload; its checksum has as many bytes */

typedef enum dc__log_type {
    DC__LOG_END, /* never written: a reader's, after the last record */
    DC__LOG_RUN,
    DC__LOG_ROSTER,
    DC__LOG_PARTIAL,
    DC__LOG_RATE,
    DC__LOG_SAVED
} dc__log_type;

typedef struct dc__log_member {
    uint64_t id;
    int number;
    uint32_t images; /* that it feeds in a round */
    bool fresh;      /* begins with the round: its statistics are then the mean of the others' */
} dc__log_member;

/* What a run begins with. */
typedef struct dc__log_run {
    uint64_t seed, first_round, first_step;
    bool carried;
    uint64_t values_hash;
    const char
        *settings; /* NAME=VALUE, separated by ", ": what else changes the sum or the step; "" = nothing */
} dc__log_run;

#endif
