/* ended.c - a run's end is saved before a worker hears of it, and the server stays until all have heard. See server.h.
 *
 * DESIGN
 *   Nobody can make sure that the last word has arrived. So what must not be lost is settled before it is said, on disk; and who
 * stays for the other does so for a bounded time: the server as long as it waits for a worker that is lost, and ends well then; a worker for
 * its patience, and does not: its goodbye may not have arrived.
 *   A server that is killed in between, and started again, finds workers that have no round left to do, and perhaps not all: who
 * had heard does not come back. So it begins no run. Those who were waiting hear that the end is saved; a process that has
 * come anew fetches the last values, as it would in a run that goes on, but waits for nobody. Such a process is served likewise
 * while the server stays. */
#include <math.h>

#include "base/clock.h"
#include "base/error.h"
#include "model/hash.h"
#include "server/server.h"

#define JOIN_AGAIN_S 10.0 /* a worker whose server is there again finds it well within that */
#define SAY_S 1.0         /* who has not heard after so long is named */

bool dc__server_had_ended(dc_server *s, const dc__join *join)
{
    dc__training *t = &s->training;
    const uint64_t round = t->versions.round;
    if (!join->done || s->shards.index > 0) return false;
    if (s->shards.n > 1 && t->on_loss == DC_ON_LOSS_END) return false;
    if (!t->ended && (!t->resumed || t->roster.training)) return false;
    if (join->round != dc__batches_of(&t->versions.batches, round).batch) return false;
    if (!t->ended && !dc__checkpoint_has_end(&t->checkpoint, round)) return false;
    return !join->model || !dc__model_same(t->whole, join->model, "the run", "this worker");
}

/* Those who made the last round are to hear of it: of this server, or of the one before. */
static void owe(dc_server *s)
{
    dc__training *t = &s->training;
    const dc__roster *r = &t->roster;
    dc__generations *g = &t->checkpoint.generations;
    if (s->owes) return;
    if (!r->training && g->n > 0) /* nothing more is saved: what is there beside the last three goes now */
        (void)dc__generations_make_room(g, &t->log, t->whole, g->version[g->n - 1], 0);
    s->owes = true;
    s->heard_ns = s->closing_ns = dc__now_ns();
    for (int k = 0; k < r->saved.n; k++) {
        const int slot = r->saved.member[k].slot;
        s->sessions[slot].owed = !r->training || r->member[slot].state == DC__MEMBER_FINISHED;
    }
}

static void has_heard(dc_server *s, int slot)
{
    s->sessions[slot].owed = false;
    s->heard_ns = dc__now_ns();
}

/* Its place among them; else -1: it may have done as many rounds of a course that the run has left. */
static int place_of(const dc__crew *saved, uint64_t id)
{
    for (int k = 0; k < saved->n; k++)
        if (saved->member[k].id == id) return k;
    return -1;
}

dc_error dc__server_tell_end(dc_server *s, dc__joining *j)
{
    dc__training *t = &s->training;
    const int k = place_of(&t->roster.saved, j->join.worker_id);
    if (k < 0)
        return dc__fail(DC_EINVAL, "the run has ended, with round %llu, without this worker",
                        (unsigned long long)t->versions.round);
    const bool over = s->shards.n > 1;
    const float *values =
        dc__codes_arena(over ? &t->all_codes : &t->codes, over ? &t->all : &t->versions, t->versions.round);
    if (j->join.seed != dc__hash_of_arena(t->whole, values))
        return dc__fail(
            DC_EINVAL,
            "the run has ended, with round %llu, on another course than this process of the worker was on: start it "
            "again, and it gets the last weights",
            (unsigned long long)t->versions.round);
    const dc__crew_member *member = &t->roster.saved.member[k];
    dc__welcome welcome = {.rank = member->number,
                           .workers = t->roster.wanted,
                           .resumed = true,
                           .ended = true,
                           .coding = t->codes.coding};
    dc__shards_welcome(&s->shards, &welcome);
    owe(s);
    dc__session *session = &s->sessions[member->slot];
    if (session->endpoint.threads) { /* of a connection before */
        dc__session_close(session, 0);
        dc__roster_set(&t->roster, member->slot, t->roster.training ? DC__MEMBER_FINISHED : DC__MEMBER_LOST);
    }
    has_heard(s, member->slot);
    dc__log_line(&t->log, "worker %d hears that the run has ended, with round %llu", welcome.rank,
                 (unsigned long long)t->versions.round);
    j->refused = true; /* as one that is, it has a moment to close */
    j->until_ns = s->heard_ns + DC__LINGER_MS * (int64_t)1000000;
    return dc__welcome_send(&j->link, &welcome);
}

bool dc__server_has_no_rounds_for(const dc_server *s, int slot)
{
    const dc__versions *v = &s->training.versions;
    const uint64_t last = s->sessions[slot].last_round;
    return last > 0 && last <= dc__batches_of(&v->batches, v->round).batch;
}

bool dc__server_begins_at_end(dc_server *s)
{
    dc__training *t = &s->training;
    int ready = 0;
    bool only = true; /* nobody is there who has rounds to do, or may have */
    for (int i = 0; i < t->roster.n; i++) {
        const dc__member_state state = t->roster.member[i].state;
        ready += state == DC__MEMBER_READY;
        only &=
            state != DC__MEMBER_JOINED && (state != DC__MEMBER_READY || dc__server_has_no_rounds_for(s, i));
    }
    t->ended = only && ready > 0 && t->resumed && s->shards.n == 1 && !t->relayed &&
               dc__checkpoint_has_end(&t->checkpoint, t->versions.round);
    if (t->ended) owe(s);
    return t->ended;
}

/* ---- the end ---- */

/* Where a run ends with whoever is lost, nobody comes back to it. */
static bool may_stay(const dc_server *s)
{
    return s->training.on_loss != DC_ON_LOSS_END;
}

/* The mean of those who made the last round, where a checkpoint has it. */
static void keep_statistics(dc__training *t)
{
    const dc__statistics *st = &t->statistics;
    const dc__crew *crew = &t->roster.saved;
    dc__statistics_copy_last(&t->statistics, crew, t->versions.round, t->checkpoint.due_stats);
    dc__statistics_mean(t->checkpoint.due_stats, crew->n, st->floats,
                        dc__versions_values(&t->versions, t->versions.round) + t->model->start[DC_STATISTIC]);
}

/* Saves the end, and says so. False: it could not be saved; *again: since a shard is lost, which is found next. */
static bool close_run(dc_server *s, bool *again)
{
    dc__training *t = &s->training;
    dc__roster *r = &t->roster;
    dc_error err = dc__checkpoint_final(&t->checkpoint);
    if (!err && s->shards.n > 1 && !t->checkpoint.dir[0])
        err = dc__first_gather(&s->shards, t->versions.round);
    *again = err == DC_EPEER && s->shards.n > 1;
    if (err) return false;
    pthread_mutex_lock(&r->lock);
    r->saved = *dc__roster_crew(r, t->versions.round);
    pthread_mutex_unlock(&r->lock);
    if (!t->checkpoint.dir[0] || s->shards.n > 1) keep_statistics(t);
    s->owes = false; /* of a run before, which this one went on from */
    owe(s);
    t->ended = true;
    if (s->shards.n > 1) dc__first_says_end(&s->shards);
    for (int i = 0; i < r->n; i++) {
        dc__session *session = &s->sessions[i];
        const dc__member_state state = r->member[i].state;
        if (state == DC__MEMBER_FINISHED && session->endpoint.threads && !session->over) {
            dc__session_say_ack(session);
        } else if (state == DC__MEMBER_ENTERING) { /* it was to enter with the next round; it comes again */
            dc__session_close(session, DC__LINGER_MS);
            dc__roster_set(r, i, DC__MEMBER_LEFT);
            session->owed = dc__server_has_no_rounds_for(s, i);
        }
    }
    return true;
}

/* Who has got its answer closes its connection, or at least is heard of since. A process that was killed before it was
 * answered has no part in that. */
static void look_who_heard(dc_server *s)
{
    const int64_t now = dc__now_ns();
    for (int i = 0; i < s->training.roster.n; i++) {
        dc__session *session = &s->sessions[i];
        const dc__link *link = &session->endpoint.link;
        if (s->training.roster.member[i].state != DC__MEMBER_FINISHED || !session->endpoint.threads) continue;
        pthread_mutex_lock(&session->lock);
        const int64_t acked_ns = session->acked ? session->acked_ns : INT64_MAX;
        pthread_mutex_unlock(&session->lock);
        if (acked_ns == INT64_MAX) continue;
        const bool answers = dc__channel_state_of(link->channel) == DC__CHANNEL_UP &&
                             dc__seconds(now - acked_ns) > DC__GOODBYE_S &&
                             dc__link_sign_ns(link) - acked_ns > (int64_t)(DC__GOODBYE_S / 2 * 1e9);
        if (!answers && !session->over && !dc__link_ended(link)) continue;
        dc__session_close(session, 0);
        has_heard(s, i);
    }
}

static double stay_s(const dc_server *s)
{
    const dc__training *t = &s->training;
    const bool again = t->resumed && t->versions.round == t->versions.first_round;
    const double wait_s = again                           ? dc__server_start_after_s(s)
                          : t->on_loss == DC_ON_LOSS_WAIT ? t->loss_wait_s
                                                          : 0;
    return fmax(wait_s, JOIN_AGAIN_S);
}

/* How many are still to hear; each is named, with these words. */
static int count_owed(dc_server *s, const char *words, double left_s)
{
    char called[DC__CALLED_BYTES];
    int owed = 0;
    for (int i = 0; i < s->training.roster.n; i++) {
        owed += s->sessions[i].owed;
        if (!words || !s->sessions[i].owed) continue;
        dc__member_words(&s->training.roster.member[i], called);
        if (left_s > 0)
            dc__log_line(&s->training.log, "%s %s, %.0f s", called, words, left_s);
        else
            dc__log_line(&s->training.log, "%s %s", called, words);
    }
    return owed;
}

/* Somebody fetches the last values. */
static bool is_serving(const dc_server *s)
{
    const dc__roster *r = &s->training.roster;
    for (int i = 0; i < r->n; i++) {
        const dc__member_state state = r->member[i].state;
        if (state == DC__MEMBER_JOINED || state == DC__MEMBER_RUNNING) return true;
        if (state == DC__MEMBER_READY && dc__server_has_no_rounds_for(s, i)) return true;
    }
    return false;
}

/* Of an end that is saved: nobody is left who is to hear of it, or all had their time. */
static bool all_heard(dc_server *s)
{
    const dc__training *t = &s->training;
    const int64_t now = dc__now_ns();
    if (t->ended) look_who_heard(s);
    if (is_serving(s)) return false;
    if (!t->ended && (t->roster.training || dc__server_members(s) > 0)) return false; /* other rounds */
    const int owed = count_owed(s, NULL, 0);
    const double left_s = stay_s(s) - dc__seconds(now - s->heard_ns);
    if (owed == 0 && s->n_joining == 0) return true;
    if (t->ended && owed > 0 && !s->said_owed && dc__seconds(now - s->closing_ns) > SAY_S) {
        s->said_owed = true;
        (void)count_owed(s, "has not heard that the run has ended, and is saved: waiting for it", left_s);
    }
    if (left_s > 0) return false;
    if (t->ended) (void)count_owed(s, "did not hear that the run has ended: it tries for its patience", 0);
    return true;
}

bool dc__server_is_done(dc_server *s)
{
    dc__training *t = &s->training;
    const bool stays = may_stay(s);
    bool again = false;
    if ((stays || s->shards.again) && s->shards.index > 0) return dc__other_is_done(&s->shards);
    if (!t->ended && dc__roster_all_finished(&t->roster, t->versions.round)) {
        if (stays && s->shards.n > 1 && !dc__first_may_end(&s->shards, t->versions.round)) return false;
        if (!stays || !close_run(s, &again)) return !again;
    }
    return s->owes && all_heard(s);
}
