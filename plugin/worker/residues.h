/* residues.h - what a worker's encoder has not sent yet, on disk: so that a run that is resumed goes on as if it had
 * never stopped.
 *
 *   DIR/NAME.kept-RANK-VERSION: "DYNCKEPT", version and number of trained floats (8 bytes each), the coding (64 bytes),
 * then floats as this machine has them: what is kept, and velocities (of a run where they are the worker's); at the
 * end a XXH3 checksum of all before. Written to a temporary file, synced, renamed.
 *   It stays with the worker: sent to the server it would be as much as the gradients themselves, which are not sent
 * whole because the link is narrow. Written at each version that the server writes a checkpoint of, by a thread of its
 * own (the encoder reads that version's state for as long, and writes the next one's), and when the worker leaves, for
 * the two versions that the server may be at. Those before the last two checkpoints are deleted. */
#ifndef DC__RESIDUES_H
#define DC__RESIDUES_H

#include <pthread.h>

#include "base/log.h"
#include "worker/encoder.h"

typedef struct dc__residues {
    const char *dir; /* NULL: nothing is kept */
    const dc__encoder *encoder;
    dc__log *log;
    int rank;
    uint64_t every, version; /* of the server's checkpoints; to write */
    pthread_t thread;
    bool runs;
} dc__residues;

/* dc__residues_begin - the run begins at this version: reads what was kept there. False if it is lost, which a line tells.
 * Before anything is encoded. */
bool dc__residues_begin(dc__residues *r, dc__encoder *e, uint64_t version, bool resumed);

/* dc__residues_round - the gradients of this round are about to be encoded; all before it are. Compute thread. */
void dc__residues_round(dc__residues *r, uint64_t round);

/* dc__residues_end - nothing is encoded any more; the last round that was begun, UINT64_MAX = none. */
void dc__residues_end(dc__residues *r, uint64_t round);

#endif
