/* roster.h - who takes part in a run, in which order, with how many images; and how far the run is.
 *
 * A member is a worker of the run. Its place in the roster is its rank: the order in which gradients are
 * summed. Who it is (id) and how it is reached (its session) are other things. The roster is constant while
 * training. Its lock is taken with or without versions' and a session's, never the other way round. */
#ifndef DC__ROSTER_H
#define DC__ROSTER_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/error.h"
#include "secure/key.h"

typedef enum dc__member_state {
    DC__MEMBER_FREE,   /* no worker */
    DC__MEMBER_JOINED, /* welcomed; its values may be on their way */
    DC__MEMBER_READY,
    DC__MEMBER_RUNNING,
    DC__MEMBER_FINISHED, /* said goodbye after its last round */
    DC__MEMBER_LEFT      /* gone; its session is about to end */
} dc__member_state;

typedef struct dc__member {
    uint64_t id;                    /* of the worker: chosen at random when its process joins */
    char name[DC__MEMBER_BYTES];    /* whose key it has proved, "" without keys */
    uint32_t images;                /* that it feeds in a round */
    _Atomic dc__member_state state; /* written with the lock */
    uint64_t finished_round;        /* (L) */
    _Atomic uint64_t reached; /* 1 + the round it has begun to push, 0 = none yet; written with the lock */
} dc__member;

typedef struct dc__roster {
    pthread_mutex_t lock;
    int n;
    dc__member *member;         /* [n], by rank */
    _Atomic bool training;      /* START was sent; written with the lock */
    _Atomic bool ending;        /* likewise */
    int64_t began_ns, ended_ns; /* (L) when */
    dc_error result;            /* (L) why it ended, with its line */
    char result_line[DC__LINE_BYTES];
} dc__roster;

dc_error dc__roster_init(dc__roster *r, int n);
void dc__roster_destroy(dc__roster *r);

/* dc__roster_images - fed in a round by all members. */
uint64_t dc__roster_images(const dc__roster *r);

/* dc__roster_missing - how many have not come as far as state. */
int dc__roster_missing(dc__roster *r, dc__member_state state);

/* dc__roster_set - a member's state. dc__roster_advance - the same if it is `from`; whether it was. */
void dc__roster_set(dc__roster *r, int rank, dc__member_state state);
bool dc__roster_advance(dc__roster *r, int rank, dc__member_state from, dc__member_state to);

/* dc__roster_start - all are READY: training begins; whether it does so now. */
bool dc__roster_start(dc__roster *r);

/* dc__roster_end - the run ends for this reason; the first one counts. */
void dc__roster_end(dc__roster *r, dc_error err, const char *line);

/* dc__roster_pushes - a member begins to push for a round. DC_EPEER with a line if another has finished
 * before it: the round could never be whole. dc__roster_finish - a member is done after so many rounds;
 * likewise if another has gone on. */
dc_error dc__roster_pushes(dc__roster *r, int rank, uint64_t round);
dc_error dc__roster_finish(dc__roster *r, int rank, uint64_t rounds);

/* dc__roster_all_finished - every member is done. */
bool dc__roster_all_finished(dc__roster *r);

/* dc__roster_result - why the run ended; line[DC__LINE_BYTES]. */
dc_error dc__roster_result(dc__roster *r, char *line);

#endif
