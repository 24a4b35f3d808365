/* shard_omitted.c - which of a member's blocks count in a round, at each shard, for the run's log, which the first writes. See shards.h.
 *
 * DESIGN
 *   A member that is lost in a round had given some blocks to one shard and others to another: each shard knows of its own. The others
 * say so before they send the version that the round makes, or any later one (STATE), on the same link: a version is saved
 * with all that decided it. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "server/server.h"

/* ---- at another one ---- */

void dc__other_omits(void *server, uint64_t round, int number, const uint64_t *counted)
{
    dc_server *s = server;
    dc__shards *sh = &s->shards;
    dc__peer *p = &sh->peers[0];
    const uint32_t bytes = (s->training.model->n_blocks + 7) / 8;
    dc__omitted *o = malloc(sizeof *o + bytes);
    if (!o) {
        dc__roster_end(&s->training.roster, DC_ENOMEM, "out of memory for the run's log");
        return;
    }
    *o = (dc__omitted){.round = round, .number = number, .bytes = bytes};
    for (uint32_t k = 0; k < bytes; k++)
        o->bitmap[k] = (uint8_t)(counted[k / 8] >> (8 * (k % 8)));
    pthread_mutex_lock(&sh->lock);
    if (!p->omitted) p->omitted_end = &p->omitted;
    *p->omitted_end = o;
    p->omitted_end = &o->next;
    dc__endpoint_wake(&p->endpoint);
    pthread_mutex_unlock(&sh->lock);
}

bool dc__other_omitted_due(const dc__peer *p)
{
    return p->omitted != NULL;
}

/* The oldest; NULL if there is none. With the lock held. */
static dc__omitted *take(dc__peer *p)
{
    dc__omitted *o = p->omitted;
    if (o) p->omitted = o->next;
    return o;
}

dc_error dc__other_omitted_send(void *peer, dc__header *header)
{
    dc__peer *p = peer;
    dc__shards *sh = &p->server->shards;
    pthread_mutex_lock(&sh->lock);
    dc__omitted *o = take(p);
    pthread_mutex_unlock(&sh->lock);
    if (!o) return DC_OK;
    *header = (dc__header){.type = DC__OMITTED, .round = o->round, .count = (uint32_t)o->number};
    const dc_error err = dc__link_send_small(&p->endpoint.link, header, o->bitmap, o->bytes);
    free(o);
    return err;
}

void dc__other_omitted_free(dc__peer *p)
{
    for (dc__omitted *o = take(p); o; o = take(p))
        free(o);
}

/* ---- at the first ---- */

dc_error dc__first_takes_omitted(dc__peer *p, const dc__frame *frame)
{
    dc__training *t = &p->server->training;
    const dc__header *h = &frame->header;
    const dc_model *part = p->shard.model;
    if (!part || !t->roster.training || h->count > DC__RANK_MOST ||
        h->payload_bytes != (part->n_blocks + 7) / 8)
        return dc__fail(DC_EPROTO, "%s sent an OMITTED frame that cannot be", p->endpoint.link.peer);
    uint64_t *counted = calloc((size_t)part->n_blocks / 64 + 1, sizeof *counted);
    if (!counted) return dc__fail(DC_ENOMEM, "out of memory for the run's log");
    for (uint32_t k = 0; k < h->payload_bytes; k++)
        counted[k / 8] |= (uint64_t)frame->payload[k] << (8 * (k % 8));
    const dc_error err = dc__training_log_shard(t, &p->shard, h->round, (int)h->count, counted);
    free(counted);
    return err;
}
