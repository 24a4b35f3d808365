/* changes.c - who takes part: losses, those who come back, come new or are passed over.
 *
 * DESIGN
 *   All of it is decided by the run loop, which looks every DC__POLL_MS, and when a connection breaks; what is decided takes effect at the next
 * border (roster.h), but that a round which a member holds up is closed without it. A session's receiver only
 * notes that its member is gone. */
#include <math.h>

#include "base/clock.h"
#include "base/error.h"
#include "server/server.h"

#define BREAK_S 1.0       /* a connection that broke is made again meanwhile, or its worker counts as lost */
#define DROP_S 0.05       /* likewise, where nobody is waited for and who is lost may come back, and */
#define DROP_TRIPS 4      /* round trips: a connection, two of a handshake, and one to spare, */
#define DROP_GUESS_S 0.25 /* or so long in all while the round trip is not known */
#define SAY_AGAIN_S 10.0  /* a link may break and be made again a hundred times */

static dc__member_state state_of(const dc_server *s, int slot)
{
    return s->training.roster.member[slot].state;
}

/* ---- sessions that are over ---- */

static bool is_done_with(dc__session *session, dc__member *m)
{
    if (m->state == DC__MEMBER_LOST || session->over) return true;
    pthread_mutex_lock(&session->lock);
    const bool acked = session->acked || !session->ack_due;
    pthread_mutex_unlock(&session->lock);
    return acked || dc__now_ns() - m->since_ns > (int64_t)(DC__GOODBYE_S * 1e9);
}

/* Since when a worker that was lost at this time was not heard; a server that was stopped itself has heard nobody meanwhile. */
static int64_t lost_since(const dc_server *s, const dc__session *session, int64_t lost_ns)
{
    int64_t since_ns = dc__link_sign_ns(&session->endpoint.link);
    if (since_ns < s->awake_ns) since_ns = s->awake_ns;
    if (session->broke_ns) since_ns = session->broke_ns;
    return since_ns < lost_ns ? since_ns : lost_ns;
}

static void reap(dc_server *s, int slot)
{
    dc__session *session = &s->sessions[slot];
    dc__roster *r = &s->training.roster;
    dc__member *m = &r->member[slot];
    if (!session->endpoint.threads || m->state < DC__MEMBER_LOST || !is_done_with(session, m)) return;
    if (m->state == DC__MEMBER_LOST) m->since_ns = lost_since(s, session, m->since_ns);
    dc__session_close(session, m->state == DC__MEMBER_LEFT ? DC__LINGER_MS : 0);
    dc__watch_present(&s->training.watch, slot, false);
    const bool kept = m->known; /* at another shard also one that the first may name yet */
    if ((!kept || s->shards.index > 0) && !r->training && dc__server_tells(s))
        dc__log_line(&s->training.log, "worker %d left before the start; its place is free", m->number);
    if (!kept) dc__roster_vacate(r, slot);
}

void dc__server_reap(dc_server *s)
{
    dc__roster *r = &s->training.roster;
    if (r->ending) return;
    for (int i = 0; i < r->n; i++)
        reap(s, i);
    if (s->shards.index == 0) dc__server_forget_if_empty(s); /* another shard's model is the first one's */
}

/* ---- losses ---- */

static void give_up(dc_server *s, int slot, const char *why)
{
    dc__roster *r = &s->training.roster;
    dc__roster_gone(r, slot, DC__MEMBER_LEFT, why);
    dc__log_line(&s->training.log, "worker %d %s", r->member[slot].number, why);
}

static double wait_s(const dc_server *s)
{
    return s->training.on_loss == DC_ON_LOSS_DROP ? 0 : s->training.loss_wait_s;
}

/* How long a connection that is gone may be made again before its worker is passed over. Each such time is one that all others stand still. */
static double doubt_s(dc_server *s, int slot)
{
    dc__training *t = &s->training;
    if (t->on_loss != DC_ON_LOSS_DROP || t->keeps || s->shards.index > 0) return BREAK_S;
    const double rtt_s = dc__watch_rtt_s(&t->watch, slot);
    return rtt_s > 0 ? fmin(DROP_S + DROP_TRIPS * rtt_s, BREAK_S) : DROP_GUESS_S;
}

/* A connection that is gone: it may be made again, by the same process or another of the same worker. */
static void watch_connection(dc_server *s, int slot)
{
    dc__training *t = &s->training;
    dc__session *session = &s->sessions[slot];
    const int64_t now = dc__now_ns();
    if (dc__channel_state_of(session->endpoint.link.channel) != DC__CHANNEL_LOST) {
        session->broke_ns = 0;
        return;
    }
    const bool news = !session->broke_ns;
    if (news) session->broke_ns = now;
    const double since_s = dc__seconds(now - session->broke_ns), left_s = wait_s(s) - since_s;
    if (t->on_loss == DC_ON_LOSS_END) return;
    if (left_s > 0) {
        if (news && s->shards.index == 0 &&
            (!session->said_ns || dc__seconds(now - session->said_ns) > SAY_AGAIN_S)) {
            dc__log_line(&t->log, "the connection to worker %d was closed; waiting for it, %.0f s left",
                         session->number, left_s);
            session->said_ns = now;
        }
        return;
    }
    if (since_s < doubt_s(s, slot)) {
        s->in_doubt = true;
        return;
    }
    /* Its process may live: it joins anew when it finds the way. */
    char why[DC__LINE_BYTES];
    (void)snprintf(why, sizeof why, "its connection was closed");
    dc__session_close(session, 0);
    dc__roster_gone(&t->roster, slot, DC__MEMBER_LOST, why);
    t->roster.member[slot].since_ns = session->broke_ns;
}

/* Says once of whom is lost how long it is waited for. */
static void watch_lost(dc_server *s, int slot, const dc__crew *crew)
{
    dc__training *t = &s->training;
    dc__member *m = &t->roster.member[slot];
    const double since_s = dc__seconds(dc__now_ns() - m->since_ns), left_s = wait_s(s) - since_s;
    char why[DC__LINE_BYTES];
    if (s->shards.index > 0) { /* the first says what becomes of it */
        if (m->reason[0]) dc__log_line(&t->log, "%s", m->reason);
        if (!dc__crew_has(crew, slot) && !m->due && s->sessions[slot].reported == DC__REPORTED_LOST)
            dc__roster_gone(&t->roster, slot, DC__MEMBER_LEFT, "");
    } else if (!dc__crew_has(crew, slot) || m->leaves) {
        dc__roster_gone(&t->roster, slot, DC__MEMBER_LEFT, "it was not in the run yet");
    } else if (left_s > 0) {
        if (m->reason[0])
            dc__log_line(&t->log, "%s; waiting for worker %d, lost %.0f s ago, %.0f s left", m->reason,
                         m->number, since_s, left_s);
    } else {
        (void)snprintf(why, sizeof why,
                       t->on_loss == DC_ON_LOSS_DROP ? "is not waited for (%.400s)"
                                                     : "did not come back in time (%.400s)",
                       m->reason[0] ? m->reason : "lost");
        give_up(s, slot, why);
    }
    m->reason[0] = 0;
}

/* Fetches the version that it enters with, and has no part in the round that is on, or none any more. */
static bool comes_anew(const dc_server *s, int slot, const dc__crew *crew)
{
    return state_of(s, slot) == DC__MEMBER_ENTERING &&
           (!dc__crew_has(crew, slot) || s->training.roster.member[slot].closed);
}

/* The round goes on without those who left, if there are others to end it and enough for the next. */
static void close_round(dc_server *s, uint64_t round, const dc__crew *crew)
{
    dc__training *t = &s->training;
    dc__roster *r = &t->roster;
    const int staying = dc__roster_staying(r, crew, -1);
    int coming = 0;
    for (int i = 0; i < r->n; i++)
        coming += comes_anew(s, i, crew);
    for (int k = 0; k < crew->n; k++) {
        const int slot = crew->member[k].slot;
        if (state_of(s, slot) != DC__MEMBER_LEFT || r->member[slot].closed ||
            s->sessions[slot].endpoint.threads || dc__given_is_whole(&s->sessions[slot].given, round))
            continue;
        if (staying > 0 && staying + coming >= r->least) {
            dc__log_line(&t->log, "round %llu goes on without worker %d", (unsigned long long)round + 1,
                         r->member[slot].number);
            dc__roster_close(r, slot);
            dc__training_close(t, round, slot, &s->sessions[slot].given);
            s->announced = false;
        } else if (!s->announced) {
            s->announced = true;
            dc__log_line(&t->log, "waiting for workers: %d of at least %d are here", staying + coming,
                         r->least);
        }
    }
}

/* Nobody of the crew is left to end its round. */
static bool is_deserted(dc_server *s, const dc__crew *crew)
{
    return dc__roster_staying(&s->training.roster, crew, -1) == 0;
}

/* Nobody is left of the crew: those who were to enter with the next round take this one over. */
static void call_back(dc_server *s, const dc__crew *crew)
{
    dc__roster *r = &s->training.roster;
    if (!is_deserted(s, crew)) return;
    for (int i = 0; i < r->n; i++) {
        if (!comes_anew(s, i, crew)) continue;
        dc__session_close(&s->sessions[i], DC__LINGER_MS);
        dc__roster_set(r, i, r->member[i].known ? DC__MEMBER_LEFT : DC__MEMBER_FREE);
    }
}

/* ---- those who come ---- */

/* deserted: nobody else was left when it was decided what it must have kept. With versions' lock. */
static void let_in(dc_server *s, int slot, bool deserted, bool *back, uint64_t *from)
{
    dc__training *t = &s->training;
    dc__roster *r = &t->roster;
    dc__session *session = &s->sessions[slot];
    const uint64_t round = t->versions.round;
    const dc__crew *crew = dc__roster_crew(r, round);
    const bool passed = r->member[slot].closed, alone = t->ended || (deserted && is_deserted(s, crew));
    *back = dc__crew_has(crew, slot) && (!passed || alone);
    *from = round;
    if (*back && dc__training_carries(t)) dc__training_redo(t, &session->given);
    if (*back && passed) {
        dc__training_reopen(t, slot, &session->given);
        dc__session_start(session, round);
    } else if (*back && dc__given_resume(&session->given, round)) {
        if (dc__roster_advance(r, slot, DC__MEMBER_READY, DC__MEMBER_RUNNING))
            dc__session_start(session, round);
    } else if (!*back && alone) {
        dc__training_take_over(t, slot, &session->given);
        dc__session_start(session, round);
    } else {
        *from = round + 1;
        dc__given_enter(&session->given, round + 1);
        r->member[slot].enters = round + 1;
        (void)dc__roster_advance(r, slot, DC__MEMBER_READY, DC__MEMBER_ENTERING);
        dc__session_begins_with(session, round + 1, true);
    }
}

/* The version that a worker must have kept something of, as it comes back into the round that is on: of the first round
 * that it computes again, or has not begun. DC__NO_ROUND if it begins with nothing. */
static uint64_t goes_on_from(dc_server *s, int slot, bool deserted, const dc__crew *crew, uint64_t round)
{
    const bool whole = dc__given_is_whole(&s->sessions[slot].given, round);
    const dc__member *m = &s->training.roster.member[slot];
    if ((m->closed && !deserted) || (m->fresh && !whole)) return DC__NO_ROUND;
    for (int k = 0; k < crew->n; k++)
        if (crew->member[k].slot == slot && (whole || !crew->member[k].fresh)) return round + whole;
    return DC__NO_ROUND;
}

static void enter(dc_server *s, int slot, bool deserted)
{
    dc__training *t = &s->training;
    bool back;
    uint64_t from;
    pthread_mutex_lock(&t->versions.lock);
    let_in(s, slot, deserted, &back, &from);
    pthread_mutex_unlock(&t->versions.lock);
    s->announced = false;
    dc__log_line(&t->log, "worker %d %s from round %llu on", t->roster.member[slot].number,
                 back ? "is back, and goes on" : "takes part", (unsigned long long)from + 1);
}

/* How rounds that are still to come would be better. */
static void look_ahead(dc_server *s)
{
    dc__server_watch_pace(s);
    dc__server_balance(s);
    dc__server_choose_steps(s);
}

/* Where no round is left, nothing has to be as it was, and nobody else takes part. */
static bool may_enter(const dc_server *s, int slot, bool *rounds)
{
    *rounds = !dc__server_has_no_rounds_for(s, slot);
    return state_of(s, slot) == DC__MEMBER_READY && !(*rounds && s->training.ended);
}

void dc__server_change(dc_server *s)
{
    dc__roster *r = &s->training.roster;
    bool gone = false, ready = false;
    s->in_doubt = false;
    for (int i = 0; i < r->n; i++) {
        const dc__member_state state = state_of(s, i);
        if (state == DC__MEMBER_RUNNING || state == DC__MEMBER_ENTERING) watch_connection(s, i);
        gone |= state_of(s, i) >= DC__MEMBER_LOST || r->member[i].leaves;
        ready |= state == DC__MEMBER_READY;
    }
    if (gone && dc__relays_go_back(s)) return;
    if (s->shards.n > 1) dc__shards_look(&s->shards);
    dc__server_count(s);
    if (!s->training.ended) look_ahead(s);
    if (!gone && !ready) return;
    dc__crew crew;
    const uint64_t round = dc__training_crew(&s->training, &crew);
    for (int i = 0; i < r->n; i++)
        if (state_of(s, i) == DC__MEMBER_LOST && !s->sessions[i].endpoint.threads) watch_lost(s, i, &crew);
    for (int i = 0; ready && i < r->n; i++) {
        bool rounds;
        if (!may_enter(s, i, &rounds)) continue;
        if (s->shards.n > 1) {
            if (dc__shards_let_in(s, i, rounds)) return;
            continue;
        }
        const bool deserted = is_deserted(s, &crew);
        const uint64_t from = goes_on_from(s, i, deserted, &crew, round);
        if (rounds && from != DC__NO_ROUND && dc__server_goes_back(s, i, from)) return;
        enter(s, i, deserted);
    }
    if (s->training.ended) return;
    if (s->shards.n > 1) {
        if (gone) dc__shards_pass(s);
        return;
    }
    if (gone) call_back(s, &crew);
    if (gone) close_round(s, round, &crew);
}
