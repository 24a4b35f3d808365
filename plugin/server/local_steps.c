/* local_steps.c - +local:auto: how many batches workers step alone; see schedule/steps.h, server.h.
 *
 * DESIGN
 *   The run loop looks at what the workers have reported: what a batch takes them, and what the network adds to a round as their planners
 * predict it from their links' measured rates. When everybody has reported anew, several times in a row, and another number would be right each time,
 * a change is planned for a round that is far enough ahead: STEPS comes before the last block of the version that the round before it begins
 * with, so every worker knows how many batches a round has before it begins with it. It is in the run's log from that
 * round on, and in every checkpoint from now on. Until it holds nothing else is planned. */
#include <math.h>

#include "base/clock.h"
#include "base/error.h"
#include "schedule/steps.h"
#include "server/server.h"

#define AHEAD 3 /* rounds */
#define LOOK_NS 500000000
#define AGREE 2      /* looks that ask for more */
#define AGREE_LESS 8 /* or for fewer: what waits for the network is time lost, what steps alone is not */

/* What a worker has reported since this time; false if it has not, or there is no plan that was made from measured costs. */
static bool load_of(const dc__watched *w, int64_t since_ns, dc__step_load *load)
{
    const dc__telemetry *r = &w->report;
    if (!w->present || w->plans == 0 || r->rounds == 0 || w->reported_ns <= since_ns) return false;
    load->batch_s = r->round_s - r->wait_s;
    load->added_s = w->shown.plan.wait_s;
    return load->batch_s > 0;
}

/* The crew's; false if somebody is not there, or has not reported. */
static bool gather(dc_server *s, const dc__crew *crew, dc__step_load *loads)
{
    dc__training *t = &s->training;
    bool all = true;
    pthread_mutex_lock(&t->watch.lock);
    for (int k = 0; k < crew->n && all; k++)
        all = t->roster.member[crew->member[k].slot].state == DC__MEMBER_RUNNING &&
              load_of(&t->watch.workers[crew->member[k].slot], s->steps.seen_ns, &loads[k]);
    pthread_mutex_unlock(&t->watch.lock);
    return all;
}

/* With versions' lock. */
static dc__steps plan(dc_server *s, const dc__crew *crew, uint32_t n)
{
    dc__versions *v = &s->training.versions;
    dc__steps next = dc__batches_of(&v->batches, v->round + AHEAD);
    next.n = n;
    dc__batches_change(&v->batches, next);
    for (int k = 0; k < crew->n; k++)
        dc__session_say_steps(&s->sessions[crew->member[k].slot]);
    return next;
}

/* One line: the number, and why. */
static void say(dc_server *s, const dc__step_load *loads, int n, const dc__steps *next, uint32_t before)
{
    double batch_s = 0, added_s = 0;
    char what[96], was[48] = "";
    for (int k = 0; k < n; k++) {
        batch_s = fmax(batch_s, loads[k].batch_s);
        added_s = fmax(added_s, loads[k].added_s);
    }
    const double now = dc__steps_added(loads, n, next->n);
    if (next->n == before)
        (void)snprintf(what, sizeof what, "it stays at");
    else
        (void)snprintf(what, sizeof what, "from round %llu on", (unsigned long long)next->round + 1);
    if (next->n != before)
        (void)snprintf(was, sizeof was, " (with %u it is %.0f %%)", before,
                       100 * dc__steps_added(loads, n, before));
    dc__log_line(
        &s->training.log,
        "local steps: %s %u batch%s between pushes: a batch takes %.3g s, the network adds %.3g s a round, "
        "%.0f %% of its computation%s%s",
        what, next->n, next->n > 1 ? "es" : "", batch_s, added_s, 100 * now, was,
        now > DC__STEPS_HIDDEN && next->n == DC__STEPS_AUTO_MOST
            ? "; that is the most, a codec with fewer bytes would hide it"
            : "");
}

/* Whether enough looks in a row have asked for it: a look that asks for more, or fewer, than `now`. The one that is nearest to `now`
 * counts. */
static bool is_agreed(dc__steps_watch *w, uint32_t now, uint32_t best, bool first)
{
    const int way = first ? 0 : (best > now) - (best < now);
    const bool same = w->agreed > 0 && w->way == way;
    w->way = way;
    if (way == 0 && !first) {
        w->agreed = 0;
        return false;
    }
    if (!same || (best < w->best) == (best > now || first)) w->best = best;
    w->agreed = same ? w->agreed + 1 : 1;
    if (w->agreed < (way < 0 ? AGREE_LESS : AGREE)) return false;
    w->agreed = 0;
    return true;
}

/* Over shards somebody is back with the round before the one that is on here, and needs to know how many batches it had. */
static bool is_behind(const dc_server *s, const dc__crew *crew, uint64_t round)
{
    for (int k = 0; k < crew->n; k++) {
        const int slot = crew->member[k].slot;
        if (s->sessions[slot].start + 1 == round && s->training.roster.member[slot].reached <= round)
            return s->shards.n > 1;
    }
    return false;
}

/* What is to be done now, with versions' lock: a change is planned and *next says which, or the first choice is to leave the number as it is.
 * False: nothing. */
static bool choose(dc_server *s, const dc__crew *crew, dc__step_load *loads, dc__steps *next,
                   uint32_t *before)
{
    dc__versions *v = &s->training.versions;
    dc__steps_watch *w = &s->steps;
    if (v->batches.now.round > v->round || is_behind(s, crew, v->round) || !gather(s, crew, loads))
        return false;
    *next = dc__batches_of(&v->batches, v->round);
    *before = next->n;
    const bool first = !w->chosen && *before == 1;
    w->seen_ns = w->tried_ns;
    if (!is_agreed(w, *before, dc__steps_choose(loads, crew->n, first ? 0 : *before), first)) return false;
    w->chosen = true;
    if (w->best != *before) *next = plan(s, crew, w->best);
    return true;
}

void dc__server_choose_steps(dc_server *s)
{
    dc__training *t = &s->training;
    const int64_t now_ns = dc__now_ns();
    if (!t->codes.coding.local_auto || s->shards.index > 0 || now_ns - s->steps.tried_ns < LOOK_NS) return;
    s->steps.tried_ns = now_ns;
    dc__step_load loads[DC__CREW_MOST];
    dc__steps next;
    uint32_t before;
    pthread_mutex_lock(&t->versions.lock); /* the round that is on stays it */
    const dc__crew crew = *dc__roster_crew(&t->roster, t->versions.round);
    const bool news = choose(s, &crew, loads, &next, &before);
    pthread_mutex_unlock(&t->versions.lock);
    if (news) say(s, loads, crew.n, &next, before);
}
