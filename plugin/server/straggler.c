/* straggler.c - says who holds up the others (pace.h), out of what the server measures and the workers report. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "schedule/rates.h"
#include "server/server.h"

#define LOOK_NS 500000000

/* With the watch's lock held. Computing is whatever is not waiting for the network: layers, images, saving; of all the round's
 * batches. */
static void costs_of(const dc__watched *w, uint32_t batches, dc__pace_costs *c)
{
    const dc__telemetry *r = &w->report;
    if (!w->present || !w->reported_ns || w->plans == 0) return;
    c->of[DC_CAUSE_COMPUTE] = batches * fmax(0, r->round_s - r->wait_s);
    if (r->up_Bps > 0) c->of[DC_CAUSE_UP] = (double)dc__total_bytes(&w->shown.profile, true) / r->up_Bps;
    if (r->down_Bps > 0)
        c->of[DC_CAUSE_DOWN] = (double)dc__total_bytes(&w->shown.profile, false) / r->down_Bps;
}

/* Of all who take part; how many. */
static int gather(dc_server *s, dc__pace_costs costs[DC__CREW_MOST])
{
    dc__training *t = &s->training;
    int n = 0;
    pthread_mutex_lock(&t->versions.lock);
    const uint32_t batches = dc__batches_of(&t->versions.batches, t->versions.round).n;
    pthread_mutex_unlock(&t->versions.lock);
    pthread_mutex_lock(&t->watch.lock);
    for (int i = 0; i < t->roster.n; i++) {
        if (t->roster.member[i].state != DC__MEMBER_RUNNING) continue;
        costs[n] = (dc__pace_costs){.slot = i};
        costs_of(&t->watch.workers[i], batches, &costs[n++]);
    }
    pthread_mutex_unlock(&t->watch.lock);
    return n;
}

const char *dc_cause_name(dc_cause cause)
{
    static const char *const names[DC_CAUSES] = {[DC_CAUSE_UNKNOWN] = "unknown",
                                                 [DC_CAUSE_COMPUTE] = "computation",
                                                 [DC_CAUSE_UP] = "link up",
                                                 [DC_CAUSE_DOWN] = "link down"};
    return names[cause];
}

static void say(dc_server *s, const dc__straggler *now, const dc__straggler *before)
{
    dc__training *t = &s->training;
    char called[DC__CALLED_BYTES];
    dc__member_words(&t->roster.member[now->slot >= 0 ? now->slot : before->slot], called);
    if (now->slot < 0)
        dc__log_line(&t->log, "%s does not hold up the others any more", called);
    else if (now->cause == DC_CAUSE_UNKNOWN)
        dc__log_line(&t->log, "%s holds up the others by %.3g s of a round's %.3g s", called, now->held_s,
                     now->round_s);
    else
        dc__log_line(
            &t->log,
            "%s holds up the others by %.3g s of a round's %.3g s: its %s takes %.3g s a round, the others' "
            "%.3g s",
            called, now->held_s, now->round_s, dc_cause_name(now->cause), now->own_s, now->others_s);
}

void dc__server_watch_pace(dc_server *s)
{
    const int64_t now_ns = dc__now_ns();
    if (now_ns - s->paced_ns < LOOK_NS) return;
    s->paced_ns = now_ns;
    dc__pace_costs costs[DC__CREW_MOST];
    dc__straggler before;
    const int n = gather(s, costs);
    if (!dc__pace_look(&s->training.pace, costs, n, now_ns, &before)) return;
    const dc__straggler now = dc__pace_shown(&s->training.pace);
    say(s, &now, &before);
}
