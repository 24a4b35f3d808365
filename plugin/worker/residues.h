/* residues.h - what a worker's encoder has not sent yet, on disk: so that a run that is resumed goes on as if it had
 * never stopped.
 *
 *   DIR/NAME.kept-RANK-VERSION: "DYNCKEPT", version and number of trained floats (8 bytes each), the coding (64 bytes),
 * then floats as this machine has them: what is kept, and velocities (of a run where they are the worker's); at the
 * end a XXH3 checksum of all before. Written to a temporary file, synced, renamed.
 *   It stays with the worker: sent to the server it would be as much as the gradients themselves, which are not sent
 * whole because the link is narrow. Written at each version that the server says it will write a checkpoint of (KEEP), by
 * a thread of its own (the encoder reads that version's state for as long, and writes the next one's), and when the
 * worker leaves, for the two versions that the server may be at. Deleted when the server has no checkpoint of the
 * version any more. */
#ifndef DC__RESIDUES_H
#define DC__RESIDUES_H

#include <pthread.h>

#include "base/log.h"
#include "worker/encoder.h"

enum { DC__NEEDED_MOST = 8 }; /* versions that a server may go back to */

typedef struct dc__residues {
    const char *dir; /* NULL: nothing is kept */
    const dc__encoder *encoder;
    dc__log *log;
    int rank;
    uint64_t version; /* to write */
    uint64_t
        lost; /* what was kept of this version is not here, and is not written as if it were; UINT64_MAX = none */
    pthread_mutex_t *lock;
    uint64_t
        announced[2]; /* (L) by version & 1: versions of the server's next checkpoints, UINT64_MAX = none */
    uint64_t needed[DC__NEEDED_MOST]; /* (L) what the server had when it said so, */
    int n_needed;                     /* (L) so many; 0 = it has not said */
    pthread_t thread;
    bool runs;
} dc__residues;

/* dc__residues_init - for a worker of this rank; lock: the worker's. */
void dc__residues_init(dc__residues *r, const char *dir, int rank, pthread_mutex_t *lock, dc__log *log);

/* dc__residues_announce - the server will write a checkpoint of this version, and may go back to these n. Receiver. */
void dc__residues_announce(dc__residues *r, uint64_t version, const uint64_t *needed, int n);

/* dc__residues_begin - the run begins at this version: reads what was kept there, unless the worker is fresh, which had no
 * part in making the version. What is there of later ones is of a course that the run has not taken, and goes. False if
 * nothing is kept; a line tells if it is lost. Before anything is encoded. */
bool dc__residues_begin(dc__residues *r, dc__encoder *e, uint64_t version, bool resumed, bool fresh);

/* dc__residues_round - the gradients of this round are about to be encoded; all before it are. Compute thread. */
void dc__residues_round(dc__residues *r, uint64_t round);

/* dc__residues_end - nothing is encoded any more; the last round that was begun, UINT64_MAX = none. */
void dc__residues_end(dc__residues *r, uint64_t round);

#endif
