/* run_log_format.h - the file of a run's log, NAME.log beside the checkpoints: what decided each version and is not
 * computed from the data. Whoever has the log and everybody's data can make the same weights again, bit for bit.
 *
 *   "DYNCLOG3", then records. A record: bytes of its payload (4), type (1), 0 (3), payload, and a XXH3 checksum of
 * all before in the record (8). "DYNCLOG2" was the same, but for runs with local steps, whose server stepped with a momentum of its own:
 * those are refused, others are read and gone on with. Numbers are little-endian.
 *
 *   RUN      model description (length 4, bytes), seed (8), first round (8), optimizer steps behind it (8), XXH3 of the
 *            initial values (8), coding (text)
 *   SERVER   from this round (8) on another process of a server, for so many workers (4): flags (1: 1 = its single worker
 *            carries the momentum), bounds on what is summed: trim (4, of dc_bounds), clip_norm (8, a double)
 *   ROSTER   from this round (8) on these members (4) make the versions, in the order of summation: id (8),
 *            number (4), images (4), where its statistics come from (1: dc__log_statistics), how it computes (text). The
 *            last one of a round counts
 *   PARTIAL  in this round (8), of the member with this number (4) only the blocks in this bitmap count: blocks (4),
 *            bytes
 *   FORGOT   in this round (8), the member with this number (4) was another process, which had not got what codecs keep:
 *            with the blocks in this bitmap its earlier process had been first: blocks (4), bytes
 *   RELAYS   of the roster before it, for this round (8), these members (4) stand behind relays: number (4), relays from the
 *            worker to the server (1), and of each its id (8). Gradients are summed along them: see tree.h
 *   RATE     from this round (8) on, the learning rate (4)
 *   STEPS    with +local:auto, from this round (8), before which a worker has computed so many batches (8), a round has so many (4)
 *   BASE     with --staleness, in this round (8), the member with this number (4) computed on that older version (8); without one, on
 *            the round's own
 *   SAVED    this version (8) was saved by a checkpoint: what stands before made it
 *
 * What decided a round comes after the SAVED of the versions before it, so a log can be cut back to any checkpoint; but the
 * SERVER, the ROSTER, the RELAYS and the STEPS of a round come before the SAVED of the version that it begins with: what is saved is theirs. */
#ifndef DC__RUN_LOG_FORMAT_H
#define DC__RUN_LOG_FORMAT_H

#include "dynacomm.h"
#include "endpoint/path.h"

#define DC__RUN_LOG_MAGIC "DYNCLOG3"
#define DC__RUN_LOG_MAGIC_OUTER "DYNCLOG2"
#define DC__RUN_LOG_HEAD 8u /* of a record, before its payload; its checksum has as many bytes */

typedef enum dc__log_type {
    DC__LOG_END, /* never written: a reader's, after the last record */
    DC__LOG_RUN,
    DC__LOG_ROSTER,
    DC__LOG_PARTIAL,
    DC__LOG_RATE,
    DC__LOG_SAVED,
    DC__LOG_SERVER,
    DC__LOG_FORGOT,
    DC__LOG_RELAYS,
    DC__LOG_STEPS,
    DC__LOG_BASE
} dc__log_type;

/* The rolling statistics that a member of a roster begins with. */
typedef enum dc__log_statistics {
    DC__LOG_OWN,       /* its own of that version; in the first roster, the model's */
    DC__LOG_OF_OTHERS, /* it is new: the mean of those of the roster that are not, in its order */
    DC__LOG_OF_BEFORE  /* the mean of the roster before */
} dc__log_statistics;

typedef struct dc__log_member {
    uint64_t id;
    int number;
    uint32_t images;          /* that it feeds in a round */
    char note[DC_NOTE_BYTES]; /* how it computes: the fourth line of its fingerprint */
    dc__log_statistics statistics;
    dc__path path; /* relays that it stands behind; of each only the id counts */
} dc__log_member;

/* What a run begins with. */
typedef struct dc__log_run {
    uint64_t seed, first_round, first_step;
    uint64_t values_hash;
    const char *coding; /* as dc__coding_text writes it */
} dc__log_run;

/* What a process of a server adds to it; it may be started again with other options. */
typedef struct dc__log_server {
    int workers;      /* that it is for */
    bool carried;     /* a single worker, which carries the momentum */
    int trim;         /* of dc_bounds */
    double clip_norm; /* likewise */
} dc__log_server;

#endif
