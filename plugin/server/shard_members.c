/* shard_members.c - workers that are lost in a run over shards, and come back. See shards.h. */
#include <string.h>

#include "base/error.h"
#include "server/server.h"

static dc__member_state state_of(const dc_server *s, int slot)
{
    return s->training.roster.member[slot].state;
}

/* ---- what shards tell each other ---- */

/* What was said last of a worker counts. */
static void put(dc__backs *list, dc__back back)
{
    int k = 0;
    while (k < list->n && list->of[k].number != back.number)
        k++;
    if (k == DC__CREW_MOST) return; /* a run has no more workers */
    if (k == list->n) list->n++;
    list->of[k] = back;
}

static void take_out(dc__backs *list, int k)
{
    list->of[k] = list->of[--list->n];
}

/* This session's, or NULL. */
static dc__back *find(dc__backs *list, const dc__session *session, bool lost)
{
    for (int k = 0; k < list->n; k++)
        if (list->of[k].number == session->number && list->of[k].entry == session->entry &&
            list->of[k].lost == lost)
            return &list->of[k];
    return NULL;
}

bool dc__shards_back_due(dc__peer *p, dc__header *header)
{
    if (p->go.n == 0) return false;
    const dc__back *b = &p->go.of[0];
    *header = (dc__header){.type = DC__BACK,
                           .flags = b->lost ? DC__BACK_LOST : 0,
                           .round = b->round,
                           .offset = b->entry,
                           .count = (uint32_t)b->number};
    take_out(&p->go, 0);
    return true;
}

dc_error dc__shards_take_back(dc__peer *p, const dc__frame *frame)
{
    const dc__header *h = &frame->header;
    if (h->count > DC__RANK_MOST || h->offset > UINT32_MAX)
        return dc__fail(DC_EPROTO, "%s sent a BACK frame about a worker that cannot be",
                        p->endpoint.link.peer);
    dc__shards *sh = &p->server->shards;
    pthread_mutex_lock(&sh->lock);
    put(&p->came, (dc__back){.number = (int)h->count,
                             .entry = (uint32_t)h->offset,
                             .round = h->round,
                             .lost = h->flags & DC__BACK_LOST});
    pthread_mutex_unlock(&sh->lock);
    return DC_OK;
}

static void say(dc__shards *sh, int peer, dc__back back)
{
    dc__peer *p = &sh->peers[peer];
    pthread_mutex_lock(&sh->lock);
    put(&p->go, back);
    dc__endpoint_wake(&p->endpoint);
    pthread_mutex_unlock(&sh->lock);
}

/* ---- at another one: the first hears who is lost here, and who is back ---- */

static void tell(dc_server *s, int slot)
{
    dc__session *session = &s->sessions[slot];
    const dc__member_state state = state_of(s, slot);
    const bool lost = state == DC__MEMBER_LOST;
    const dc__reported now = lost                        ? DC__REPORTED_LOST
                             : state == DC__MEMBER_READY ? DC__REPORTED_READY
                                                         : DC__REPORTED_NOTHING;
    if (session->entry == 0 || now == DC__REPORTED_NOTHING || now == session->reported) return;
    session->reported = now;
    say(&s->shards, 0,
        (dc__back){.number = session->number,
                   .entry = session->entry,
                   .round = s->training.versions.round,
                   .lost = lost});
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

static void hear(dc_server *s, int shard)
{
    dc__shards *sh = &s->shards;
    dc__backs *came = &sh->peers[shard].came;
    dc__back back;
    for (bool any = true; any;) {
        any = false;
        pthread_mutex_lock(&sh->lock);
        for (int k = 0; k < came->n && !any; k++) {
            any = came->of[k].lost;
            back = came->of[k];
            if (any) take_out(came, k);
        }
        pthread_mutex_unlock(&sh->lock);
        if (any) lose(s, &back, shard);
    }
}

void dc__shards_look(dc__shards *sh)
{
    dc_server *s = sh->server;
    if (s->training.on_loss == DC_ON_LOSS_END) return;
    for (int i = 0; sh->index > 0 && i < s->training.roster.n; i++)
        tell(s, i);
    for (int k = 1; sh->index == 0 && k < sh->n; k++)
        hear(s, k);
}

/* ---- entering ---- */

/* The round that a worker begins with: of all shards the earliest that is on, if all have it again. */
static bool agree(dc__shards *sh, const dc__session *session, uint64_t *round)
{
    bool all = true;
    *round = sh->server->training.versions.round;
    pthread_mutex_lock(&sh->lock);
    for (int k = 1; k < sh->n && all; k++) {
        const dc__back *back = find(&sh->peers[k].came, session, false);
        all = back != NULL;
        if (back && back->round < *round) *round = back->round;
    }
    pthread_mutex_unlock(&sh->lock);
    return all;
}

/* The first shard's word for this session. */
static bool is_announced(dc__shards *sh, const dc__session *session, uint64_t *round)
{
    pthread_mutex_lock(&sh->lock);
    const dc__back *back = find(&sh->peers[0].came, session, false);
    if (back) *round = back->round;
    pthread_mutex_unlock(&sh->lock);
    return back != NULL;
}

/* Version `round` is intact here: it is the last whole one, or the one before, and the worker has not pushed since. */
static bool enter(dc_server *s, int slot, uint64_t round)
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

bool dc__shards_let_in(dc_server *s, int slot, bool rounds)
{
    dc__shards *sh = &s->shards;
    dc__session *session = &s->sessions[slot];
    uint64_t round = 0;
    if (sh->index == 0 ? !agree(sh, session, &round) : !is_announced(sh, session, &round)) return false;
    if (sh->index == 0 && rounds && dc__server_goes_back(s, slot, round)) return true;
    if (!enter(s, slot, round)) {
        (void)dc__fail(DC_EPROTO, "%s says that worker %d begins with round %llu, which is not on here",
                       dc__shards_first(sh), session->number, (unsigned long long)round + 1);
        dc__roster_end(&s->training.roster, DC_EPROTO, dc_last_error());
        return false;
    }
    for (int k = 1; sh->index == 0 && k < sh->n; k++)
        say(sh, k, (dc__back){.number = session->number, .entry = session->entry, .round = round});
    s->announced = false;
    dc__log_line(&s->training.log, "worker %d is back, and goes on from round %llu on", session->number,
                 (unsigned long long)round + 1);
    return false;
}
