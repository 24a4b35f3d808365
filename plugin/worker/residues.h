/* residues.h - what a worker has and nobody else: what its encoder has not sent yet, and what its layers remember; on disk, so that a
 * run that is resumed, or goes back, goes on as if it had never stopped.
 *
 *   DIR/NAME.kept-RANK-VERSION: "DYNCKEPT", version and number of trained floats (8 bytes each), the coding (64 bytes),
 * then floats as this machine has them: what is kept, velocities (of a run where they are the worker's), and what layers
 * remember; at the end a XXH3 checksum of all before. "DYNCLOST" instead, and no floats, if the worker began with nothing at that version,
 * and is to begin so again. Written to a temporary file, synced, renamed.
 *   It stays with the worker: sent to the server it would be as much as the gradients themselves, which are not sent
 * whole because the link is narrow. Written at each version that the server says it will write a checkpoint of (KEEP), by
 * a thread of its own (the encoder reads that version's state for as long, and writes the next one's), and when the
 * worker leaves, for the two versions that the server may be at. Deleted when the server has no checkpoint of the
 * version any more.
 *   Over shards there is an encoder for each, and one file in the whole model's order: the run may go on over others. */
#ifndef DC__RESIDUES_H
#define DC__RESIDUES_H

#include <pthread.h>

#include "base/log.h"
#include "model/shard.h"
#include "net/wire.h"
#include "worker/encoder.h"
#include "worker/recurrent.h"

/* What is sent to one of the run's servers. */
typedef struct dc__residue {
    dc__encoder *encoder;
    const dc__shard *shard; /* its part of the model; NULL: all of it */
} dc__residue;

typedef struct dc__residues {
    const char *dir;       /* NULL: nothing is kept */
    const dc_model *model; /* all of it */
    dc__residue parts[DC__PARTS_MOST];
    int n_parts;
    dc__recurrent *memory;
    dc__log *log;
    int rank;
    uint64_t version; /* to write */
    uint64_t lost;    /* what was kept of this version is not here, and a file says so; UINT64_MAX = none */
    pthread_mutex_t *lock;
    uint64_t
        announced[2]; /* (L) by version & 1: versions of the server's next checkpoints, UINT64_MAX = none */
    uint64_t needed[DC__VERSIONS_MOST]; /* (L) what the server had when it said so, */
    int n_needed;                       /* (L) so many; 0 = it has not said */
    uint64_t
        held[2]; /* versions that the encoder and the memory have now, in this process; UINT64_MAX = none */
    bool begun;
    pthread_t thread;
    bool runs;
} dc__residues;

/* dc__residues_init - for a worker of this rank that trains this model; lock: the worker's. dc__residues_part - of what this encoder
 * has, too; all of them before anything else. They must stay where they are. */
void dc__residues_init(dc__residues *r, const char *dir, int rank, const dc_model *model,
                       dc__recurrent *memory, pthread_mutex_t *lock, dc__log *log);
void dc__residues_part(dc__residues *r, dc__encoder *encoder, const dc__shard *shard);

/* dc__residues_keeps - there is anything to keep. */
bool dc__residues_keeps(const dc__residues *r);

/* dc__residues_announce - the server will write a checkpoint of this version, and may go back to these n. Receiver. */
void dc__residues_announce(dc__residues *r, uint64_t version, const uint64_t *needed, int n);

/* dc__residues_versions - those that this worker can go on from: of this process, and on disk. How many; without the
 * writer. */
int dc__residues_versions(const dc__residues *r, uint64_t versions[DC__VERSIONS_MOST]);

/* dc__residues_pause - the course that the run took may be left: nothing is encoded any more, `round` is the last that was
 * begun, UINT64_MAX = none; whole: all of it is encoded. Without a sender. */
void dc__residues_pause(dc__residues *r, uint64_t round, bool whole);

/* dc__residues_begin - the run begins at this version: with what this process has of it, else what is on disk, unless the
 * worker is fresh, which had no part in making the version. What is there of later ones is of a course that the run has not taken, and
 * goes; so does what is there of that version, if it is fresh. False if nothing is kept; a line tells if it is lost. Before anything is encoded. Compute thread. */
bool dc__residues_begin(dc__residues *r, uint64_t version, bool resumed, bool fresh);

/* dc__residues_round - the gradients of this round are about to be encoded; all before it are. Compute thread. */
void dc__residues_round(dc__residues *r, uint64_t round);

/* dc__residues_end - after dc__residues_pause: writes what this process has. */
void dc__residues_end(dc__residues *r);

#endif
