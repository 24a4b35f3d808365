/* tally.c - what happens to the workers of a run, as numbers for people; see server.h. */
#include "server/server.h"

static void lose(dc_server *s, int slot)
{
    dc__roster *r = &s->training.roster;
    pthread_mutex_lock(&r->lock);
    r->member[slot].losses++;
    pthread_mutex_unlock(&r->lock);
    s->tally.losses++;
}

void dc__server_came(dc_server *s, int slot, dc__member_state was, bool anew)
{
    const bool back = !anew && s->training.roster.training && s->training.roster.member[slot].known;
    dc__session *session = &s->sessions[slot];
    if (back && was == DC__MEMBER_LOST && !session->away) lose(s, slot); /* gone and back between two looks */
    if (back)
        s->tally.rejoins++;
    else
        s->tally.joins++;
    session->away = false;
}

/* Whether a member of the round's crew that is away has not given all of it; who has a session may have begun to. With
 * versions' lock. */
static bool holds_up(const dc_server *s, uint64_t round)
{
    const dc__crew *crew = dc__roster_crew(&s->training.roster, round);
    for (int k = 0; k < crew->n; k++) {
        const int slot = crew->member[k].slot;
        const dc__session *session = &s->sessions[slot];
        const bool given = session->endpoint.threads ? s->training.roster.member[slot].reached > round
                                                     : dc__given_is_whole(&session->given, round);
        if (session->away && !given) return true;
    }
    return false;
}

void dc__server_count(dc_server *s)
{
    dc__training *t = &s->training;
    bool any = false;
    for (int i = 0; i < t->roster.n; i++) {
        dc__session *session = &s->sessions[i];
        const dc__member_state state = t->roster.member[i].state;
        const bool part = state == DC__MEMBER_ENTERING || state == DC__MEMBER_RUNNING;
        const bool away = state == DC__MEMBER_LOST || (part && session->broke_ns);
        if (away && !session->away) lose(s, i);
        if (!away && session->away && part) s->tally.rejoins++; /* the connection was made again */
        session->away = away;
        any |= away;
    }
    if (!any) return;
    pthread_mutex_lock(&t->versions.lock);
    const uint64_t round = t->versions.round;
    const bool held = holds_up(s, round);
    pthread_mutex_unlock(&t->versions.lock);
    if (held && s->held_round != round + 1) s->tally.rounds_held++;
    if (held) s->held_round = round + 1;
}

int dc__server_members(dc_server *s)
{
    dc__roster *r = &s->training.roster;
    int n = 0;
    pthread_mutex_lock(&r->lock);
    for (int i = 0; i < r->n; i++) {
        const dc__member_state state = r->member[i].state;
        const bool awaited = state == DC__MEMBER_LOST && r->training;
        n += awaited || (state != DC__MEMBER_FREE && state < DC__MEMBER_LOST);
    }
    pthread_mutex_unlock(&r->lock);
    return n;
}
