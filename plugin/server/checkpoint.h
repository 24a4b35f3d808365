/* checkpoint.h - writing versions to disk while training goes on.
 *
 * DESIGN
 *   A version that is due stays untouched in its arrays until version + 2 begins to overwrite it;
 * dc__checkpoint_guard holds that up if the disk is slower than a round. First the run's log, then the .weights, then
 * the state: a crash in between leaves an older state, from which a run resumes as if it had stopped there, with the
 * log cut back to it.
 *
 *   One thread writes. Its lock is a leaf. It reads versions and a copy of the statistics. */
#ifndef DC__CHECKPOINT_H
#define DC__CHECKPOINT_H

#include <limits.h>

#include "base/log.h"
#include "server/roster.h"
#include "server/codes.h"
#include "server/run_log.h"
#include "server/statistics.h"
#include "server/versions.h"

typedef struct dc__checkpoint {
    char dir[PATH_MAX]; /* "" = none is ever written */
    uint64_t every;     /* rounds between two, 0 = only at the end */
    uint64_t seed;      /* the run's; constant once training */
    dc__versions *versions;
    dc__codes *codes;
    dc__statistics *statistics;
    dc__roster *roster;
    dc__log *log;
    dc__run_log *run_log;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t writer;
    bool runs;                   /* the writer exists; run loop only */
    bool quit;                   /* (L) from here on */
    uint64_t due, writing;       /* versions, DC__NO_ROUND = none */
    uint64_t saved;              /* last version on disk */
    float *due_stats;            /* [due_crew.n][floats] as of due; room for every slot */
    dc__crew due_crew;           /* who is in the run at due */
    int due_number;              /* the roster's next number then */
    _Atomic uint64_t protected_; /* version that must not be overwritten, DC__NO_ROUND = none */
} dc__checkpoint;

void dc__checkpoint_init(dc__checkpoint *c, const char *dir, uint64_t every);
void dc__checkpoint_destroy(dc__checkpoint *c);

/* dc__checkpoint_allocate - room for a model's statistics. dc__checkpoint_release - frees it. */
dc_error dc__checkpoint_allocate(dc__checkpoint *c);
void dc__checkpoint_release(dc__checkpoint *c);

/* dc__checkpoint_start, dc__checkpoint_stop - the writer's thread; stop writes first what is due. */
dc_error dc__checkpoint_start(dc__checkpoint *c);
void dc__checkpoint_stop(dc__checkpoint *c);

/* dc__checkpoint_if_due - with versions' lock held: the last whole version may be the next to be written; the one that a run
 * begins with is, so that a server that is lost before its first round can be started again. */
void dc__checkpoint_if_due(dc__checkpoint *c);

/* dc__checkpoint_guard - blocks while version may not be overwritten, and
 * says at *heard_ns that the worker is not silent meanwhile: nobody reads
 * what it says. DC_ESTOPPED when the run ends first. A receiver's thread. */
dc_error dc__checkpoint_guard(dc__checkpoint *c, uint64_t version, _Atomic int64_t *heard_ns);

/* dc__checkpoint_final - after every session has ended: the last whole version, if it is not on disk yet, as
 * NAME_final.weights if the run is at its end. Run loop. */
dc_error dc__checkpoint_final(dc__checkpoint *c);

/* dc__checkpoint_saved - last version on disk, DC__NO_ROUND
 * = none. dc__checkpoint_resumed - it is this one. */
uint64_t dc__checkpoint_saved(dc__checkpoint *c);
void dc__checkpoint_resumed(dc__checkpoint *c, uint64_t version);

#endif
