/* reporter.h - what is reported to the server for people who watch the run.
 *
 * DESIGN
 *   The compute thread adds up what its rounds were like; the sender makes a REPORT frame of the means, at
 * most every DC__REPORT_NS, in a moment when no gradient is waiting - or, since a link that is always full
 * would never let it go, after DC__REPORT_PATIENCE_NS all the same: it is a few hundred bytes. The plan goes
 * along when it is new. (L) is the worker's lock. */
#ifndef DC__REPORTER_H
#define DC__REPORTER_H

#include "endpoint/telemetry.h"
#include "model/model.h"
#include "worker/planner.h"

#define DC__REPORT_NS 450000000 /* a little under half a second, so that rounds of half a second fit */
#define DC__REPORT_PATIENCE_NS 500000000

typedef struct dc__reporter {
    dc_round_report round; /* the last one's; compute thread from here on */
    bool round_counts;     /* and it is not in the sums yet */
    bool plan_news;        /* a plan was adopted since the last one reported */
    dc__telemetry sums;    /* (L) from here on: since the last report; times and losses are sums yet */
    uint32_t losses;       /* in sums.loss */
    bool due, plan_due;
    int64_t due_ns, reported_ns;
    uint8_t *plan; /* [plan_bytes] as it travels */
    size_t plan_bytes;
} dc__reporter;

dc_error dc__reporter_init(dc__reporter *r, int n_layers);
void dc__reporter_free(dc__reporter *r);

/* dc__reporter_round_end - a round has ended; compute thread. dc__reporter_add - with the lock held: the
 * caller's figures after `rounds` rounds and the plan in force; true if a REPORT is due now.
 * dc__reporter_flush - with the lock held: what was not reported yet is due, before a goodbye. dc__reporter_restart - with
 * the lock held: the server is another, or at another round: figures of rounds before are nobody's, the plan, if there is one, is news. */
void dc__reporter_round_end(dc__reporter *r, const dc_round_report *round);
bool dc__reporter_add(dc__reporter *r, const dc_report *figures, uint64_t rounds, const dc__planner *planner);
void dc__reporter_flush(dc__reporter *r);
void dc__reporter_restart(dc__reporter *r, bool has_plan);

/* dc__reporter_is_due - a REPORT may go now. dc__reporter_take - with the lock held: the figures to send, the
 * link's left for the caller to fill in, and starts over; *plan_bytes of r->plan go with them. */
bool dc__reporter_is_due(const dc__reporter *r, bool gradients_wait);
dc__telemetry dc__reporter_take(dc__reporter *r, size_t *plan_bytes);

#endif
