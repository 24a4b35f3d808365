/* shard_crew.c - who makes which round, over shards: the first decides, the others do as it says. See shards.h.
 *
 * DESIGN
 *   The crew of a round is the same at all shards, though no two of them need be at the same round, and nobody waits for an answer.
 *     - A worker that is not waited for any more is a member up to the round that is on at the first. No shard is more than one ahead, and that
 *       one cannot end its round without this worker, or this word. What it had given of a round counts, which may be other blocks at
 *       each shard; the others go on without it, and the log says which (shard_omitted.c).
 *     - A worker that comes begins AHEAD rounds after the one that is on at the first. The others hear of that in time: they do not make
 *       round R before they know whether version R - 1 is to be saved (checkpoint.h's guard), which the first says when its round R - 2 ends, after what
 *       it has said in that round or before.
 *     - A worker that comes back into a round that is held for it begins with the earliest that is on anywhere: no two shards are more
 *       than one round apart, since nobody pushes for a round before all have its version; and the worker has not pushed since.
 *     - Where nobody of the crew is left, those who come could only begin after a round that never ends: all go back to the last
 *       checkpoint (going_back.c).
 *   A shard that hears of something too late says so, and its link ends, as if it had been lost: all go back. */
#include "base/error.h"
#include "server/server.h"

#define AHEAD 4

static dc__member_state state_of(const dc_server *s, int slot)
{
    return s->training.roster.member[slot].state;
}

/* ---- those who come ---- */

/* Into the round that is held for it. Version `round` is intact here: it is the last whole one, or the one before. */
static bool go_on(dc_server *s, int slot, uint64_t round)
{
    dc__training *t = &s->training;
    dc__session *session = &s->sessions[slot];
    pthread_mutex_lock(&t->versions.lock);
    const bool intact = round == t->versions.round || round + 1 == t->versions.round;
    if (intact) {
        dc__given_repeat(&session->given, round);
        if (dc__roster_advance(&t->roster, slot, DC__MEMBER_READY, DC__MEMBER_RUNNING))
            dc__session_start(session, round);
    }
    pthread_mutex_unlock(&t->versions.lock);
    return intact;
}

/* With this round, which has not begun, or only just: its member is in the crew then. With versions' lock. */
static bool begin_with(dc_server *s, int slot, uint64_t round)
{
    dc__training *t = &s->training;
    dc__session *session = &s->sessions[slot];
    const uint64_t now = t->versions.round;
    if (now > round) return false;
    dc__given_enter(&session->given, round);
    if (now < round) {
        (void)dc__roster_advance(&t->roster, slot, DC__MEMBER_READY,
                                 DC__MEMBER_ENTERING); /* it asks at once */
        dc__session_begins_with(session, round, true);
    } else if (dc__roster_advance(&t->roster, slot, DC__MEMBER_READY, DC__MEMBER_RUNNING)) {
        dc__session_start(session, round);
    }
    return true;
}

static void end_late(dc_server *s, int slot, uint64_t round)
{
    (void)dc__fail(DC_EPROTO, "%s says that worker %d begins with round %llu, which is not on here",
                   dc__shards_first(&s->shards), s->sessions[slot].number, (unsigned long long)round + 1);
    dc__roster_end(&s->training.roster, DC_EPROTO, dc_last_error());
}

static void say_back(dc_server *s, int slot, const char *how, uint64_t round)
{
    s->announced = false;
    dc__log_line(&s->training.log, "worker %d %s from round %llu on", s->sessions[slot].number, how,
                 (unsigned long long)round + 1);
}

/* At another one, what the first has said about this session. */
static void let_as_announced(dc_server *s, int slot)
{
    dc__versions *v = &s->training.versions;
    dc__back word;
    if (!dc__shards_word(&s->shards, &s->sessions[slot], &word)) return;
    const bool comes = word.flags & DC__BACK_ENTERS;
    bool ok;
    if (comes) {
        pthread_mutex_lock(&v->lock);
        ok = begin_with(s, slot, word.round);
        pthread_mutex_unlock(&v->lock);
    } else {
        ok = go_on(s, slot, word.round);
    }
    if (ok)
        say_back(s, slot, comes ? "takes part" : "is back, and goes on", word.round);
    else
        end_late(s, slot, word.round);
}

/* At the first: it comes anew. A round that it was to begin with already, before it was lost, stays that. */
static void let_come(dc_server *s, int slot)
{
    dc__training *t = &s->training;
    dc__member *m = &t->roster.member[slot];
    const dc__session *session = &s->sessions[slot];
    pthread_mutex_lock(&t->versions.lock);
    const uint64_t now = t->versions.round, from = m->due ? m->enters : now + AHEAD;
    const bool left =
        !dc__crew_has(dc__roster_crew(&t->roster, now), slot) && !(m->leaves && (m->due || now <= m->until));
    if (left) { /* else it is a member still, at some shard */
        (void)dc__roster_let(&t->roster, m->number, from, now);
        dc__shards_tell(&s->shards, (dc__back){.number = m->number,
                                               .entry = session->entry,
                                               .round = from,
                                               .flags = DC__BACK_ENTERS});
        (void)begin_with(s, slot, from);
    }
    pthread_mutex_unlock(&t->versions.lock);
    if (left) say_back(s, slot, "takes part", from);
}

/* Nobody is left to end the round that is on: those who are here begin again where all can. */
static void go_back(dc_server *s, uint64_t round)
{
    char why[DC__LINE_BYTES];
    (void)snprintf(why, sizeof why, "nobody is left of those who made round %llu",
                   (unsigned long long)round + 1);
    s->expected = dc__server_members(s);
    const dc_error err = dc__server_restart(s, why);
    if (err) dc__roster_end(&s->training.roster, err, dc_last_error());
}

bool dc__shards_let_in(dc_server *s, int slot, bool rounds)
{
    dc__shards *sh = &s->shards;
    dc__roster *r = &s->training.roster;
    dc__session *session = &s->sessions[slot];
    dc__crew crew;
    uint64_t round = 0;
    if (sh->index > 0) {
        let_as_announced(s, slot);
        return false;
    }
    if (!dc__shards_is_ready(sh, session, &round)) return false;
    const uint64_t now = dc__training_crew(&s->training, &crew);
    const bool member = dc__crew_has(&crew, slot) && !r->member[slot].leaves;
    if (!member && !s->training.ended) {
        const bool deserted = dc__roster_staying(r, &crew, -1) == 0;
        if (deserted) go_back(s, now);
        if (!deserted) let_come(s, slot);
        return deserted;
    }
    if (rounds && dc__server_goes_back(s, slot, round)) return true;
    if (!go_on(s, slot, round)) {
        end_late(s, slot, round);
        return false;
    }
    dc__shards_tell(sh, (dc__back){.number = session->number, .entry = session->entry, .round = round});
    say_back(s, slot, "is back, and goes on", round);
    return false;
}

/* ---- those who are not waited for ---- */

static void pass_over(dc_server *s, int slot, bool member)
{
    dc__training *t = &s->training;
    dc__member *m = &t->roster.member[slot];
    pthread_mutex_lock(&t->versions.lock);
    const uint64_t now = t->versions.round, until = m->due && m->enters > now ? m->enters : now;
    (void)dc__roster_pass(&t->roster, m->number, until, now);
    pthread_mutex_unlock(&t->versions.lock);
    dc__shards_tell(&s->shards, (dc__back){.number = m->number,
                                           .entry = s->sessions[slot].entry,
                                           .round = until,
                                           .flags = DC__BACK_PASSED});
    s->announced = false;
    if (member)
        dc__log_line(&t->log, "round %llu goes on without worker %d", (unsigned long long)now + 1, m->number);
}

/* Somebody has done all rounds: of those who have not nothing is needed any more. */
static bool is_at_end(const dc__roster *r, const dc__crew *crew, uint64_t round)
{
    for (int k = 0; k < crew->n; k++) {
        const dc__member *m = &r->member[crew->member[k].slot];
        if (m->state == DC__MEMBER_FINISHED && m->finished_round <= round) return true;
    }
    return false;
}

/* At the first: those who left, if others are there to end the round, and enough for the next. */
static void pass_all(dc_server *s, uint64_t round, const dc__crew *crew)
{
    dc__roster *r = &s->training.roster;
    const bool end = is_at_end(r, crew, round);
    const int staying = dc__roster_staying(r, crew, -1);
    int coming = 0;
    for (int i = 0; i < r->n; i++)
        coming += state_of(s, i) == DC__MEMBER_ENTERING && r->member[i].due && !r->member[i].leaves;
    for (int i = 0; i < r->n; i++) {
        const dc__member *m = &r->member[i];
        const bool member = dc__crew_has(crew, i);
        if (m->state != DC__MEMBER_LEFT || m->leaves || s->sessions[i].endpoint.threads ||
            (!member && !m->due))
            continue;
        if (end || (staying > 0 && staying + coming >= r->least)) {
            pass_over(s, i, member);
        } else if (!s->announced) {
            s->announced = true;
            dc__log_line(&s->training.log, "waiting for workers: %d of at least %d are here",
                         staying + coming, r->least);
        }
    }
}

/* The round that is on goes on without what they have not given of it. */
static void close_round(dc_server *s, uint64_t round, const dc__crew *crew)
{
    dc__training *t = &s->training;
    for (int k = 0; k < crew->n; k++) {
        const int slot = crew->member[k].slot;
        dc__session *session = &s->sessions[slot];
        const dc__member *m = &t->roster.member[slot];
        const bool quiet = !session->endpoint.threads || m->state < DC__MEMBER_RUNNING; /* has come back */
        if (!m->leaves || m->closed || !quiet || dc__given_is_whole(&session->given, round)) continue;
        dc__roster_close(&t->roster, slot);
        dc__training_close(t, round, slot, &session->given);
    }
}

void dc__shards_pass(dc_server *s)
{
    dc__crew crew;
    const uint64_t round = dc__training_crew(&s->training, &crew);
    if (s->shards.index == 0) pass_all(s, round, &crew);
    close_round(s, round, &crew);
}

/* ---- with whom the run begins ---- */

int dc__shards_ready_all(dc_server *s)
{
    uint64_t round;
    int n = 0;
    for (int i = 0; i < s->training.roster.n; i++)
        n += state_of(s, i) == DC__MEMBER_READY && dc__shards_is_ready(&s->shards, &s->sessions[i], &round);
    return n;
}

/* What has come from the first. */
static dc__backs words(dc__shards *sh)
{
    pthread_mutex_lock(&sh->lock);
    const dc__backs came = sh->peers[0].came;
    pthread_mutex_unlock(&sh->lock);
    return came;
}

/* Those whom the first has named for this round. */
static void call_named(dc_server *s, uint64_t round)
{
    dc__roster *r = &s->training.roster;
    const dc__backs came = words(&s->shards);
    for (int k = 0; k < came.n; k++) {
        const dc__back *back = &came.of[k];
        const int slot = dc__roster_numbered(r, back->number);
        if (!(back->flags & DC__BACK_ENTERS) || back->round != round) continue;
        if (slot < 0) {
            dc__roster_end(r, DC_EPROTO, "the first shard begins with a worker that is not here");
            return;
        }
        r->member[slot].called = true;
        r->member[slot].absent =
            state_of(s, slot) != DC__MEMBER_READY || s->sessions[slot].entry != back->entry;
    }
}

void dc__shards_call(dc_server *s)
{
    dc__shards *sh = &s->shards;
    dc__roster *r = &s->training.roster;
    uint64_t round;
    dc__roster_call(r);
    for (int i = 0; i < r->n; i++)
        r->member[i].called =
            sh->index == 0 && r->member[i].called && dc__shards_is_ready(sh, &s->sessions[i], &round);
    if (sh->index > 0) call_named(s, s->training.versions.first_round);
}

/* Before the run had begun here, its crews were not known to the link's thread. */
static void let_named(dc_server *s)
{
    dc__training *t = &s->training;
    const dc__backs came = words(&s->shards);
    pthread_mutex_lock(&t->versions.lock);
    for (int k = 0; k < came.n; k++)
        if (came.of[k].flags & DC__BACK_ENTERS && came.of[k].round > t->versions.first_round)
            (void)dc__roster_let(&t->roster, came.of[k].number, came.of[k].round, t->versions.round);
    pthread_mutex_unlock(&t->versions.lock);
}

void dc__shards_called(dc_server *s, uint64_t round)
{
    if (s->shards.index > 0) {
        let_named(s);
        return;
    }
    const dc__crew *crew = dc__roster_crew(&s->training.roster, round);
    for (int k = 0; k < crew->n; k++)
        dc__shards_tell(&s->shards, (dc__back){.number = crew->member[k].number,
                                               .entry = s->sessions[crew->member[k].slot].entry,
                                               .round = round,
                                               .flags = DC__BACK_ENTERS});
}
