/* pace.h - who holds up the others, and why.
 *
 * DESIGN
 *   The server sees when each member has pushed all of a round: the one that is last, and by how much, holds up the others by
 * that. One round says little; over DC__PACE_ROUNDS of them the median counts, so that neither a hiccup nor a worker that
 * was lost for a while is blamed. The workers report what a round costs them: of these costs the one that is furthest above
 * what it costs the others is the reason.
 *   dc__pace_who and dc__pace_why are pure. dc__pace_done is a receiver's, dc__pace_round is called with versions' lock, the
 * rest is the run loop's, which says it once when it has been so for DC__PACE_SAY_S. */
#ifndef DC__PACE_H
#define DC__PACE_H

#include <pthread.h>
#include <stdatomic.h>

#include "dynacomm_server.h"
#include "server/roster.h"

#define DC__PACE_ROUNDS 9
#define DC__PACE_SAY_S 3.0
#define DC__PACE_MUCH .2   /* of a round: it holds up the others */
#define DC__PACE_LITTLE .1 /* it does not any more */

/* Who was last in a round. */
typedef struct dc__paced {
    int slot;
    double held_s;  /* after the one before it */
    double round_s; /* the round took */
} dc__paced;

/* What a round costs a member alone; 0 = not known. */
typedef struct dc__pace_costs {
    int slot;
    double of[DC_CAUSES]; /* seconds, by dc_cause */
} dc__pace_costs;

/* Whom the others wait for. */
typedef struct dc__straggler {
    int slot; /* -1 = nobody */
    double held_s, round_s;
    dc_cause cause;
    double own_s, others_s; /* what that costs it, and the others (median) */
} dc__straggler;

typedef struct dc__pace {
    int slots;
    _Atomic int64_t *done_ns; /* [slots] when it had pushed all of a round */
    pthread_mutex_t lock;     /* guards what follows; a leaf */
    dc__paced rounds[DC__PACE_ROUNDS];
    uint64_t n;          /* rounds so far; the last ones are kept */
    dc__straggler shown; /* what is true by now */
    int seen;            /* run loop: slot that it would be now, */
    int64_t since_ns;    /* run loop: and since when */
} dc__pace;

dc_error dc__pace_init(dc__pace *p, int slots); /* DC_ENOMEM */
void dc__pace_destroy(dc__pace *p);

/* dc__pace_done - a member has pushed all of its round. dc__pace_round - the round of this crew that began at began_ns is
 * whole; one that somebody had not pushed all of does not count. ahead: members may have pushed all of it before it
 * began, and held up nobody then. */
void dc__pace_done(dc__pace *p, int slot);
void dc__pace_round(dc__pace *p, const dc__crew *crew, int64_t began_ns, bool ahead);

/* dc__pace_who - the slot that was last in most of these rounds, if the median of what it held up the others by, 0 where another
 * was last, is at least `share` of the median round; -1 if nobody's is. *held_s, *round_s: those medians. dc__pace_why - which
 * of its costs (costs[who]) is furthest above the median of the others'; DC_CAUSE_UNKNOWN if none is above. n of them. */
int dc__pace_who(const dc__paced *rounds, int n, double share, double *held_s, double *round_s);
dc_cause dc__pace_why(const dc__pace_costs *costs, int n, int who, double *own_s, double *others_s);

/* dc__pace_look - at time now_ns, with the members' costs; true if who it is has changed, *before is what was shown. */
bool dc__pace_look(dc__pace *p, const dc__pace_costs *costs, int n, int64_t now_ns, dc__straggler *before);
dc__straggler dc__pace_shown(dc__pace *p);

#endif
