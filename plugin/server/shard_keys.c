/* shard_keys.c - with keys: who another shard is, and which workers may come to it. See shards.h. */
#include <string.h>

#include "base/error.h"
#include "server/server.h"

_Static_assert(DC__CREW_MOST *(2 + 2 + DC__MEMBER_BYTES + 2 + DC__KEY_TEXT_BYTES) < DC__MAX_PAYLOAD_BYTES,
               "all of them go in one frame");

/* ---- who comes ---- */

static bool is_shard(const dc__channel *channel)
{
    return strcmp(dc__channel_member(channel), DC__SHARD_MEMBER) == 0;
}

dc_error dc__shards_prove(const dc__shards *sh, const dc__channel *channel)
{
    if (!sh->server->keeper.pair || is_shard(channel)) return DC_OK;
    return dc__fail(DC_EKEY, "%s is a member and no shard: another shard has a copy of the server's key",
                    dc__channel_member(channel));
}

/* The first shard's word on who comes; number: which one it is there. */
static bool is_announced(dc__shards *sh, const dc__channel *channel, int number)
{
    bool found = false;
    pthread_mutex_lock(&sh->lock);
    for (int k = 0; k < sh->n_admitted && !found; k++)
        found = sh->admitted[k].number == number &&
                strcmp(sh->admitted[k].who.name, dc__channel_member(channel)) == 0;
    pthread_mutex_unlock(&sh->lock);
    return found;
}

dc_error dc__shards_worker(const dc__shards *sh, const dc__channel *channel)
{
    if (sh->n == 1 || !sh->server->keeper.pair || !is_shard(channel)) return DC_OK;
    return dc__fail(DC_EKEY, "the server's own key is no worker's: invite this worker (dynacomm invite)");
}

bool dc__shards_has(dc__shards *sh, const dc__channel *channel, const dc__join *join)
{
    if (sh->index == 0 || !sh->server->keeper.pair || is_announced(sh, channel, join->rank)) return true;
    (void)dc__fail(DC_EKEY, "%s is not worker %d at the first shard", dc__channel_member(channel),
                   join->rank);
    return false;
}

/* ---- the first's word ---- */

/* A worker that is lost may come back to all shards with the key that it had, which the list before has. */
static const dc__admitted *of_lost(const dc_server *s, const dc__member *m)
{
    const dc__shards *sh = &s->shards;
    if (m->state != DC__MEMBER_LOST || !s->training.roster.training) return NULL;
    for (int k = 0; k < sh->n_admitted; k++)
        if (sh->admitted[k].number == m->number) return &sh->admitted[k];
    return NULL;
}

/* Who takes part, as it is now. */
static int list_members(dc_server *s, dc__admitted *list)
{
    int n = 0;
    for (int i = 0; i < s->training.roster.n; i++) {
        const dc__member *m = &s->training.roster.member[i];
        const dc__session *session = &s->sessions[i];
        const dc__admitted *lost = of_lost(s, m);
        if (lost) list[n++] = *lost;
        if (m->state == DC__MEMBER_FREE || m->state >= DC__MEMBER_LOST || !session->endpoint.threads)
            continue;
        const uint8_t *key = dc__channel_member_key(session->endpoint.link.channel);
        if (!key) continue;
        dc__admitted *a = &list[n++];
        *a = (dc__admitted){.number = m->number};
        (void)snprintf(a->who.name, sizeof a->who.name, "%s", m->name);
        memcpy(a->who.key, key, sizeof a->who.key);
    }
    return n;
}

void dc__first_tells_members(dc__shards *sh)
{
    dc_server *s = sh->server;
    if (!s->keeper.pair || s->training.ended) return; /* at the end nobody else comes */
    dc__admitted *now = sh->listing;
    const int n = list_members(s, now);
    if (n == sh->n_admitted && memcmp(now, sh->admitted, (size_t)n * sizeof *now) == 0) return;
    pthread_mutex_lock(&sh->lock);
    memcpy(sh->admitted, now, (size_t)n * sizeof *now);
    sh->n_admitted = n;
    for (int k = 1; k < sh->n; k++) {
        sh->peers[k].members_due = true;
        dc__endpoint_wake(&sh->peers[k].endpoint);
    }
    pthread_mutex_unlock(&sh->lock);
}

dc_error dc__first_send_members(void *peer, dc__header *header)
{
    dc__peer *p = peer;
    dc__shards *sh = &p->server->shards;
    const size_t room = (size_t)DC__CREW_MOST * (2 + 2 + DC__MEMBER_BYTES + 2 + DC__KEY_TEXT_BYTES);
    void *payload, *message = dc__link_alloc((uint32_t)room, &payload);
    if (message) {
        dc__bytes out = dc__bytes_over(payload, room);
        char text[DC__KEY_TEXT_BYTES];
        pthread_mutex_lock(&sh->lock);
        header->count = (uint32_t)sh->n_admitted;
        for (int k = 0; k < sh->n_admitted; k++) {
            dc__secret_text(text, sh->admitted[k].who.key, DC__KEY_BYTES);
            dc__put_uint(&out, (uint64_t)sh->admitted[k].number, 2);
            dc__put_text(&out, sh->admitted[k].who.name);
            dc__put_text(&out, text);
        }
        pthread_mutex_unlock(&sh->lock);
        dc__assert(!out.failed);
        header->payload_bytes = (uint32_t)(out.at - (uint8_t *)payload);
    }
    return dc__link_send(&p->endpoint.link, header, message);
}

/* ---- at another one ---- */

/* One of a MEMBERS frame; false: it is none. */
static bool read_one(dc__bytes *in, dc__admitted *a)
{
    char text[DC__KEY_TEXT_BYTES];
    *a = (dc__admitted){.number = (int)dc__get_uint(in, 2)};
    dc__get_text(in, a->who.name, sizeof a->who.name);
    dc__get_text(in, text, sizeof text);
    return !in->failed && dc__name_check(a->who.name) == DC_OK &&
           dc__secret_of_text(a->who.key, DC__KEY_BYTES, text, strlen(text));
}

dc_error dc__other_takes_members(dc__peer *p, const dc__frame *frame)
{
    dc_server *s = p->server;
    dc__shards *sh = &s->shards;
    const uint32_t n = frame->header.count;
    dc__bytes in = dc__bytes_over(frame->payload, frame->header.payload_bytes);
    dc__members members = {0};
    dc_error err = DC_OK;
    bool whole = s->keeper.follows && n <= DC__CREW_MOST;
    for (uint32_t k = 0; k < n && whole && !err; k++) {
        dc__admitted *a = &sh->listing[k];
        whole = read_one(&in, a);
        if (whole) err = dc__members_push(&members, a->who.name, a->who.key);
    }
    if (!whole || in.at != in.end) err = dc__fail(DC_EPROTO, "a MEMBERS frame is not as it must be");
    if (!err) {
        pthread_mutex_lock(&sh->lock);
        memcpy(sh->admitted, sh->listing, n * sizeof *sh->admitted);
        sh->n_admitted = (int)n;
        pthread_mutex_unlock(&sh->lock);
        err = dc__keeper_announce(&s->keeper, &members);
    }
    dc__members_free(&members);
    return err;
}
