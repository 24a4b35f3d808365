/* checkpoint.h - writing versions to disk while training goes on.
 *
 * DESIGN
 *   Which version is the next to be written is settled when the version before it is whole, so that workers can hear of it
 * (KEEP) to keep what belongs to it. It stays untouched in its arrays until a later version begins to overwrite it;
 * dc__checkpoint_guard holds that up until the system has all of it, not until it is on the disk. First the run's log,
 * then the .weights, then the state: a crash in between leaves an older state (generations.h), from which a run resumes
 * as if it had stopped there, with the log cut back to it. What cannot be written for want of room ends nothing: a line
 * says so, and the next one is tried in its time. Time is the steady clock's.
 *
 *   One thread writes. Its lock is a leaf. It reads versions and a copy of the statistics. */
#ifndef DC__CHECKPOINT_H
#define DC__CHECKPOINT_H

#include <limits.h>

#include "base/log.h"
#include "server/roster.h"
#include "server/codes.h"
#include "server/generations.h"
#include "server/run_log.h"
#include "server/statistics.h"
#include "server/versions.h"

/* What a server does that holds a part of a model (shards.h); all NULL for one that has all of it. */
typedef struct dc__checkpoint_hooks {
    void *context;
    const dc__versions *whole; /* at the first shard: what files are written of; constant */
    dc__codes *whole_codes;    /* likewise */
    /* At the first: whether the version is to be saved, in order, with versions' lock. */
    void (*announce)(void *context, uint64_t version, bool saved);
    /* Puts a version of all shards together in `whole`, or, at the others, sends it there: then this server's arrays may be
     * overwritten. The writer's thread; when training has ended, the run loop. */
    dc_error (*gather)(void *context, uint64_t version);
    /* At the first, when training has ended: the newest version that all shards have, of *version or the one before. */
    dc_error (*newest)(void *context, uint64_t *version);
} dc__checkpoint_hooks;

typedef struct dc__checkpoint {
    dc__checkpoint_hooks hooks;
    bool follows; /* versions to be saved are announced by the first shard */
    bool
        spares; /* over shards: a version that cannot be put together since a shard is lost does not end the run. As hooks */
    bool
        no_end; /* run loop, when training has ended by an error: its last version is of no use, only those before that workers heard of */
    uint64_t announced;          /* (L) it has said of versions before this one */
    char dir[PATH_MAX];          /* "" = none is ever written */
    dc_every every;              /* between two; never = only at the end */
    uint64_t seed;               /* the run's; constant once training */
    _Atomic uint64_t planned[2]; /* by version & 1: versions to be written; with versions' lock */
    int64_t planned_ns;          /* when the last was settled; likewise */
    dc__generations generations; /* the writer's, while it runs */
    dc__versions *versions;
    dc__codes *codes;
    dc__statistics *statistics;
    dc__roster *roster;
    dc__log *log;
    dc__run_log *run_log;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t writer;
    bool runs;                      /* the writer exists; run loop only */
    bool quit;                      /* (L) from here on */
    bool left;                      /* (L) the run leaves its course: nobody waits for a version any more */
    uint64_t due, writing;          /* versions that are still read, DC__NO_ROUND = none */
    uint64_t syncing;               /* version that the disk is at work on, likewise */
    uint64_t saved;                 /* last version on disk */
    uint64_t failed;                /* checkpoints since that could not be written */
    uint64_t kept[DC__GENERATIONS]; /* generations on disk, oldest first, */
    int n_kept;                     /* and how many */
    float *due_stats;               /* [due_crew.n][floats] as of due; room for every slot */
    dc__crew due_crew;              /* who is in the run at due */
    int due_number;                 /* the roster's next number then, */
    dc__batches due_batches;        /* and the batches of rounds */
    _Atomic uint64_t protected_;    /* version that must not be overwritten, DC__NO_ROUND = none */
} dc__checkpoint;

enum { DC__KEPT_MOST = DC__GENERATIONS + 3 };

void dc__checkpoint_init(dc__checkpoint *c, const char *dir, dc_every every);
void dc__checkpoint_destroy(dc__checkpoint *c);

/* dc__checkpoint_allocate - room for a model's statistics. dc__checkpoint_release - frees it. */
dc_error dc__checkpoint_allocate(dc__checkpoint *c);
void dc__checkpoint_release(dc__checkpoint *c);

/* dc__checkpoint_leave - the run goes back: nobody waits any more for a version to be announced or put together. Until
 * dc__checkpoint_forget. */
void dc__checkpoint_leave(dc__checkpoint *c);

/* dc__checkpoint_start, dc__checkpoint_stop - the writer's thread; stop writes first what is due, and it may be started
 * again. dc__checkpoint_forget - nothing is planned or saved; without the writer at work. */
dc_error dc__checkpoint_start(dc__checkpoint *c);
void dc__checkpoint_stop(dc__checkpoint *c);
void dc__checkpoint_forget(dc__checkpoint *c);

/* dc__checkpoint_begin - training begins, with the checkpoint that it resumes or with none. Run loop. */
void dc__checkpoint_begin(dc__checkpoint *c, bool resumed);

/* dc__checkpoint_if_due - with versions' lock held: the last whole version may be the next to be written; the one that a run
 * begins with is, so that a server that is lost before its first round can be started again.
 * dc__checkpoint_plan - likewise, once it is whole: whether the version after it is to be written. */
void dc__checkpoint_if_due(dc__checkpoint *c);
void dc__checkpoint_plan(dc__checkpoint *c);

/* dc__checkpoint_announced - the first shard has said whether this version, the next one of all, is to be saved. Waits while
 * one before is in line. A receiver's thread. */
void dc__checkpoint_announced(dc__checkpoint *c, uint64_t version, bool saved);

/* dc__checkpoint_is_busy - a version is to be written, or is being. Any thread. */
bool dc__checkpoint_is_busy(dc__checkpoint *c);

/* dc__checkpoint_kept - versions that are on disk or on their way there: a run may resume at any of them. How many; any
 * thread. */
int dc__checkpoint_kept(dc__checkpoint *c, uint64_t versions[DC__KEPT_MOST]);

/* dc__checkpoint_guard - blocks while version may not be overwritten, and
 * says at *heard_ns that the worker is not silent meanwhile: nobody reads
 * what it says. DC_ESTOPPED when the run ends first. A receiver's thread. */
dc_error dc__checkpoint_guard(dc__checkpoint *c, uint64_t version, _Atomic int64_t *heard_ns);

/* dc__checkpoint_final - after every session has ended: the last whole version, if it is not on disk yet, as
 * NAME_final.weights if the run is at its end. Run loop. */
dc_error dc__checkpoint_final(dc__checkpoint *c);

/* dc__checkpoint_has_end - NAME_final.weights are this version's: a run ended with it. */
bool dc__checkpoint_has_end(const dc__checkpoint *c, uint64_t version);

/* dc__checkpoint_saved - last version on disk, DC__NO_ROUND = none. */
uint64_t dc__checkpoint_saved(dc__checkpoint *c);

#endif
