/* start.c - when a run begins, and with whom. */
#include "base/clock.h"
#include "base/error.h"
#include "server/server.h"

static dc__member_state state_of(const dc_server *s, int slot)
{
    return s->training.roster.member[slot].state;
}

static void begin(dc_server *s, int need)
{
    dc__training *t = &s->training;
    dc__roster *r = &t->roster;
    const uint64_t round = t->versions.first_round;
    if (!t->ended && dc__server_goes_back_further(s)) return;
    if (s->shards.n > 1 && dc__shards_are_elastic(&s->shards))
        dc__shards_call(s);
    else
        dc__roster_call(r);
    for (int i = 0; i < r->n; i++)
        if (r->member[i].called && !r->member[i].absent) {
            dc__given_enter(&s->sessions[i].given, round);
            dc__session_begins_with(&s->sessions[i], round, false);
        }
    if (!dc__roster_start(r, round, need)) return;
    if (dc__shards_are_elastic(&s->shards)) dc__shards_called(s, round);
    if (s->shards.n > 1 && s->shards.index == 0) dc__first_begins(&s->shards, round);
    s->expected = 0;
    dc__checkpoint_begin(&t->checkpoint, t->resumed);
    const int n = dc__roster_crew(r, round)->n;
    if (t->ended)
        dc__log_line(
            &t->log, "%s has ended, with round %llu: %d worker%s no rounds to do, and fetch%s its end",
            t->model->name, (unsigned long long)round, n, n > 1 ? "s have" : " has", n > 1 ? "" : "es");
    else
        dc__log_line(&t->log, "training %s with %d worker%s from round %llu on", t->model->name, n,
                     n > 1 ? "s" : "", (unsigned long long)round);
    dc__training_begin(t);
}

/* A new run's values are worker 0's. */
static bool has_values(dc_server *s)
{
    dc__shards *sh = &s->shards;
    uint64_t round;
    const int first = dc__roster_numbered(&s->training.roster, 0);
    if (s->training.resumed || first < 0) return s->training.resumed;
    const bool all =
        sh->index > 0 || !dc__shards_are_elastic(sh) || dc__shards_is_ready(sh, &s->sessions[first], &round);
    return all && state_of(s, first) == DC__MEMBER_READY;
}

/* Workers that are awaited for the start: as many as the run wants, but for those of a run that is resumed who may not come
 * back, and in whose place nobody had come. */
static int awaited(dc_server *s)
{
    dc__training *t = &s->training;
    const dc__roster *r = &t->roster;
    int staying = 0;
    if (!t->resumed) return r->wanted;
    if (s->expected > 0) return s->expected < r->least ? r->least : s->expected;
    for (int k = 0; k < r->saved.n; k++)
        staying += !dc__barred_has(&t->barred, r->saved.member[k].id, NULL);
    int n = r->wanted - dc__barred_count(&t->barred);
    n = n < staying ? staying : n;
    n = n < r->least ? r->least : n;
    return n > r->wanted ? r->wanted : n;
}

/* Where the run ends with whoever is lost, the first of several shards begins when all workers are at all of them; the others when it says
 * so. */
static void begin_over_shards(dc_server *s, int ready)
{
    dc__shards *sh = &s->shards;
    if (sh->index > 0 && dc__shards_are_elastic(sh)) {
        if (dc__shards_begun(sh)) begin(s, 1);
        return;
    }
    if (ready < s->training.roster.wanted || !has_values(s)) return;
    if (sh->index == 0 ? dc__first_may_begin(sh) : dc__shards_begun(sh)) begin(s, ready);
}

/* Over shards, of those who are ready at all of them. */
static void begin_with(dc_server *s, int need)
{
    if (s->shards.n == 1 || dc__first_may_begin(&s->shards)) begin(s, need);
}

/* As soon as all are here, or enough of them for long enough. */
static void begin_elastic(dc_server *s, int ready)
{
    dc__training *t = &s->training;
    const dc__roster *r = &t->roster;
    if (!s->first_ready_ns) s->first_ready_ns = dc__now_ns();
    const double left_s = dc__server_start_after_s(s) - dc__seconds(dc__now_ns() - s->first_ready_ns);
    if (ready >= awaited(s) && has_values(s)) {
        begin_with(s, ready);
    } else if (ready >= r->least && left_s <= 0 && has_values(s)) {
        begin_with(s, r->least);
    } else if (ready >= r->least && !s->announced) {
        s->announced = true;
        dc__log_line(&t->log, "%d of %d workers are ready: the run begins without the others in %.0f s%s",
                     ready, r->wanted, left_s > 0 ? left_s : 0,
                     has_values(s) ? "" : ", if worker 0 is here, whose values it begins with");
    }
}

void dc__server_begin(dc_server *s)
{
    dc__training *t = &s->training;
    dc__roster *r = &t->roster;
    dc__shards *sh = &s->shards;
    const bool elastic = sh->index == 0 && dc__shards_are_elastic(sh);
    const int ready =
        elastic ? dc__shards_ready_all(s) : dc__roster_count(r, DC__MEMBER_READY, DC__MEMBER_READY);
    if (ready == 0) s->first_ready_ns = 0;
    if (r->ending || (ready == 0 && sh->index == 0)) return;
    if (sh->n > 1 && !elastic) {
        begin_over_shards(s, ready);
        return;
    }
    if (t->relayed && !dc__relays_whole(s)) return;
    if (dc__server_begins_at_end(s)) {
        begin(s, ready);
        return;
    }
    begin_elastic(s, ready);
}
