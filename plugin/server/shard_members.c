/* shard_members.c - what shards tell each other of workers that are lost, come back or come anew. See shards.h. */
#include <string.h>

#include "base/error.h"
#include "server/server.h"

static dc__member_state state_of(const dc_server *s, int slot)
{
    return s->training.roster.member[slot].state;
}

/* ---- BACK ---- */

/* At the end; replaces: instead of what was said before of the worker, but that one word does not take the place of another about when
 * nobody waits for it. False: there is no room. */
static bool put(dc__backs *list, dc__back back, bool replaces)
{
    int k = 0;
    while (k < list->n && !(replaces && list->of[k].number == back.number &&
                            (list->of[k].flags & DC__BACK_PASSED) == (back.flags & DC__BACK_PASSED)))
        k++;
    if (k == DC__BACKS_MOST) return false;
    if (k == list->n) list->n++;
    list->of[k] = back;
    return true;
}

static void take_out(dc__backs *list, int k)
{
    list->n--;
    memmove(&list->of[k], &list->of[k + 1], (size_t)(list->n - k) * sizeof list->of[k]);
}

/* This session's without that flag, or NULL. */
static const dc__back *find(const dc__backs *list, const dc__session *session, uint8_t without)
{
    for (int k = 0; k < list->n; k++)
        if (list->of[k].number == session->number && list->of[k].entry == session->entry &&
            !(list->of[k].flags & without))
            return &list->of[k];
    return NULL;
}

bool dc__shards_back_due(dc__peer *p, dc__header *header)
{
    if (p->go.n == 0) return false;
    const dc__back *b = &p->go.of[0];
    *header = (dc__header){.type = DC__BACK,
                           .flags = b->flags,
                           .round = b->round,
                           .offset = b->entry,
                           .count = (uint32_t)b->number};
    take_out(&p->go, 0);
    return true;
}

/* At another one: the crews of rounds that are still to come follow from it at once, for the next round may begin before the run loop
 * looks. Before the run has begun ENTERS names those with whom it does. */
static bool decide(dc_server *s, const dc__back *back)
{
    dc__training *t = &s->training;
    dc__versions *v = &t->versions;
    bool ok = true;
    pthread_mutex_lock(&v->lock);
    if (back->flags & DC__BACK_PASSED)
        ok = dc__roster_pass(&t->roster, back->number, back->round, v->round);
    else if (back->flags & DC__BACK_ENTERS && t->roster.training)
        ok = dc__roster_let(&t->roster, back->number, back->round, v->round);
    pthread_mutex_unlock(&v->lock);
    return ok;
}

dc_error dc__shards_take_back(dc__peer *p, const dc__frame *frame)
{
    const dc__header *h = &frame->header;
    dc__shards *sh = &p->server->shards;
    const uint8_t may = sh->index == 0 ? DC__BACK_LOST : DC__BACK_ENTERS | DC__BACK_PASSED;
    if (h->count > DC__RANK_MOST || h->offset > UINT32_MAX || h->flags & ~may)
        return dc__fail(DC_EPROTO, "%s sent a BACK frame about a worker that cannot be",
                        p->endpoint.link.peer);
    const dc__back back = {
        .number = (int)h->count, .entry = (uint32_t)h->offset, .round = h->round, .flags = h->flags};
    pthread_mutex_lock(&sh->lock);
    bool ok = put(&p->came, back, true);
    pthread_mutex_unlock(&sh->lock);
    if (ok && sh->index > 0) ok = decide(p->server, &back);
    if (ok) return DC_OK;
    return dc__fail(DC_EPROTO, "%s decides about worker %d and round %llu, which is too late here",
                    p->endpoint.link.peer, back.number, (unsigned long long)back.round + 1);
}

static void say(dc__shards *sh, int peer, dc__back back)
{
    dc__peer *p = &sh->peers[peer];
    pthread_mutex_lock(&sh->lock);
    const bool ok = put(&p->go, back, sh->index > 0);
    dc__endpoint_wake(&p->endpoint);
    pthread_mutex_unlock(&sh->lock);
    if (!ok) dc__roster_end(&sh->server->training.roster, DC_EPEER, "another shard does not hear this one");
}

void dc__shards_tell(dc__shards *sh, dc__back back)
{
    for (int k = 1; k < sh->n; k++)
        say(sh, k, back);
}

/* ---- at another one: the first hears who is lost here, and who is ready ---- */

static void tell(dc_server *s, int slot)
{
    dc__session *session = &s->sessions[slot];
    dc__roster *r = &s->training.roster;
    const dc__member_state state = state_of(s, slot);
    const bool lost = state == DC__MEMBER_LOST;
    const dc__reported now = lost                        ? DC__REPORTED_LOST
                             : state == DC__MEMBER_READY ? DC__REPORTED_READY
                                                         : DC__REPORTED_NOTHING;
    if (session->entry == 0 || now == DC__REPORTED_NOTHING || now == session->reported) return;
    pthread_mutex_lock(&r->lock);
    r->member[slot].known = true; /* the first may name it */
    pthread_mutex_unlock(&r->lock);
    session->reported = now;
    say(&s->shards, 0,
        (dc__back){.number = session->number,
                   .entry = session->entry,
                   .round = s->training.versions.round,
                   .flags = lost ? DC__BACK_LOST : 0});
}

/* The next one of those that came with this flag. */
static bool next_of(dc__shards *sh, int peer, uint8_t flag, dc__back *back)
{
    dc__backs *came = &sh->peers[peer].came;
    bool any = false;
    pthread_mutex_lock(&sh->lock);
    for (int k = 0; k < came->n && !any; k++) {
        any = came->of[k].flags & flag;
        *back = came->of[k];
        if (any) take_out(came, k);
    }
    pthread_mutex_unlock(&sh->lock);
    return any;
}

/* The first waits no longer for this worker: its session ends here, too, unless it is a later one. */
static void part(dc_server *s, const dc__back *back)
{
    dc__roster *r = &s->training.roster;
    const int slot = dc__roster_numbered(r, back->number);
    dc__session *session = slot < 0 ? NULL : &s->sessions[slot];
    if (!session || session->entry > back->entry) return;
    if (session->endpoint.threads) dc__session_close(session, 0);
    dc__roster_gone(r, slot, DC__MEMBER_LEFT, "");
}

/* ---- at the first ---- */

/* Lost at one shard is lost at all: its process joins all of them anew. */
static void lose(dc_server *s, const dc__back *back, int shard)
{
    dc__roster *r = &s->training.roster;
    char text[DC__SHARD_TEXT_BYTES], why[DC__LINE_BYTES];
    const int slot = dc__roster_numbered(r, back->number);
    dc__session *session = slot < 0 ? NULL : &s->sessions[slot];
    if (s->training.ended || !session || session->entry != back->entry || !session->endpoint.threads ||
        state_of(s, slot) >= DC__MEMBER_LOST)
        return;
    dc__shards_text(&s->shards, shard, text);
    (void)snprintf(why, sizeof why, "lost worker %d at %s", back->number, text);
    dc__session_close(session, 0);
    dc__watch_present(&s->training.watch, slot, false);
    dc__roster_gone(r, slot, DC__MEMBER_LOST, why);
}

void dc__shards_look(dc__shards *sh)
{
    dc_server *s = sh->server;
    dc__back back;
    if (!dc__shards_are_elastic(sh)) return;
    for (int i = 0; sh->index > 0 && i < s->training.roster.n; i++)
        tell(s, i);
    while (sh->index > 0 && next_of(sh, 0, DC__BACK_PASSED, &back))
        part(s, &back);
    for (int k = 1; sh->index == 0 && k < sh->n; k++)
        while (next_of(sh, k, DC__BACK_LOST, &back))
            lose(s, &back, k);
}

bool dc__shards_is_ready(dc__shards *sh, const dc__session *session, uint64_t *round)
{
    bool all = true;
    *round = sh->server->training.versions.round;
    pthread_mutex_lock(&sh->lock);
    for (int k = 1; k < sh->n && all; k++) {
        const dc__back *back = find(&sh->peers[k].came, session, DC__BACK_LOST);
        all = back != NULL;
        if (back && back->round < *round) *round = back->round;
    }
    pthread_mutex_unlock(&sh->lock);
    return all;
}

bool dc__shards_word(dc__shards *sh, const dc__session *session, dc__back *word)
{
    pthread_mutex_lock(&sh->lock);
    const dc__back *back = find(&sh->peers[0].came, session, DC__BACK_PASSED);
    if (back) *word = *back;
    pthread_mutex_unlock(&sh->lock);
    return back != NULL;
}
