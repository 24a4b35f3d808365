/* other_shard.c - another shard's link to the first one. See shards.h. */
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "net/tcp.h"
#include "server/server.h"
#include "server/spread.h"

#define FIND_S 60.0 /* the first shard may be started later */

/* ---- the link ---- */

/* Who listens on all interfaces is reached at the one that leads to the first shard. */
static dc_error find_own(dc__shards *sh)
{
    dc__address own, first;
    char host[64];
    dc_error err = dc__address_parse(sh->own, &own);
    if (!err) err = dc__address_parse(sh->first, &first);
    const bool any =
        own.scheme == DC__TCP &&
        (strcmp(own.host, "*") == 0 || strcmp(own.host, "0.0.0.0") == 0 || strcmp(own.host, "::") == 0);
    if (err || !any) return err;
    if (!dc__tcp_own_host(&first, host, sizeof host))
        return dc__fail(DC_EURL,
                        "this shard listens on all interfaces: say which address workers reach it at");
    const char *form = strchr(host, ':') ? "tcp://[%s]:%d" : "tcp://%s:%d";
    (void)snprintf(sh->own, sizeof sh->own, form, host, own.port);
    return DC_OK;
}

static dc_error send_hello(dc__shards *sh)
{
    const dc_server_options *o = &sh->server->options;
    uint8_t payload[64 + DC__URL_BYTES];
    dc__bytes out = dc__bytes_over(payload, sizeof payload);
    dc__put_text(&out, dc_version());
    dc__put_uint(&out, (uint64_t)(sh->index + 1), 1);
    dc__put_uint(&out, (uint64_t)sh->n, 1);
    dc__put_uint(&out, (uint64_t)o->workers, 4);
    dc__put_uint(&out, (uint64_t)o->bounds.trim, 4);
    dc__put_text(&out, sh->own);
    dc__assert(!out.failed);
    dc__header header = {.type = DC__SHARD};
    return dc__link_send_small(&sh->peers[0].endpoint.link, &header, payload, (uint32_t)(out.at - payload));
}

static dc_error dial(dc__shards *sh)
{
    dc_server *s = sh->server;
    dc__peer *p = &sh->peers[0];
    char name[sizeof p->endpoint.link.peer];
    const double timeout_s = s->options.timeout_s > 0 ? s->options.timeout_s : DC_DEFAULT_TIMEOUT_S;
    const dc__dial_options options = {
        .connect_s = FIND_S, .patience_s = timeout_s, .most_bytes = DC__HEADER_BYTES + DC__MAX_PAYLOAD_BYTES};
    dc__channel *channel;
    const dc_error err = dc__channel_dial(&channel, sh->first, &options);
    if (err) return err;
    (void)snprintf(name, sizeof name, "the first shard at %.40s", sh->first);
    dc__link_open(&p->endpoint.link, channel, name, timeout_s, &p->endpoint.stop);
    p->endpoint.link.log = &s->training.log;
    p->present = true;
    return DC_OK;
}

/* SHARD, or REFUSED. */
static dc_error take_answer(dc__shards *sh)
{
    dc__peer *p = &sh->peers[0];
    dc__frame frame;
    dc__welcome unused;
    dc_error err = dc__link_receive(&p->endpoint.link, &frame, 0);
    if (err || !frame.message) return err;
    const dc__type type = frame.header.type;
    if (type != DC__SHARD) err = dc__welcome_read(&unused, &frame);
    dc__frame_free(&frame);
    if (!err && type != DC__SHARD) err = dc__fail(DC_EPROTO, "the server at %s is no shard", sh->first);
    if (!err) err = dc__endpoint_start(&p->endpoint);
    if (!err) dc__log_line(&sh->server->training.log, "joined %s", p->endpoint.link.peer);
    return err;
}

/* ---- a run ---- */

/* The model of the run before is nobody's any more: its workers have left the first shard, too. */
static bool is_free(dc_server *s)
{
    for (int i = 0; i < s->training.roster.n; i++) {
        if (!s->sessions[i].endpoint.threads) continue;
        dc__roster_gone(&s->training.roster, i, DC__MEMBER_LEFT, "the first shard has another run");
        dc__session_close(&s->sessions[i], 0);
        dc__roster_vacate(&s->training.roster, i);
    }
    dc__server_forget_if_empty(s);
    return s->training.model == NULL;
}

/* The model that the first shard has announced. */
static dc_error adopt(dc__shards *sh)
{
    dc_server *s = sh->server;
    dc__training *t = &s->training;
    const dc__header *h = &sh->coming_head;
    if (!is_free(s)) return DC_OK;
    pthread_mutex_lock(&sh->lock);
    sh->adopting = true; /* no further one is taken meanwhile */
    pthread_mutex_unlock(&sh->lock);
    const bool resumed = h->flags & DC__RUN_RESUMED;
    dc_error err = dc__codes_agree(&t->codes, "exact", true);
    if (!err) err = dc__training_adopt(t, sh->coming, sh->coming_fingerprint, false, true);
    if (err) return err;
    if (resumed) {
        t->resumed = true;
        t->checkpoint.seed = h->offset;
        dc__versions_begin(&t->versions, h->round, h->count);
        t->versions.first_average = sh->coming_average;
        dc__log_line(&t->log, "resuming %s at round %llu from the first shard", t->model->name,
                     (unsigned long long)h->round);
    }
    pthread_mutex_lock(&sh->lock);
    sh->coming = NULL;
    sh->adopting = false;
    sh->run = sh->coming_run;
    sh->state_here = !resumed;
    sh->peers[0].ready = false;
    pthread_cond_broadcast(&sh->news);
    pthread_mutex_unlock(&sh->lock);
    return DC_OK;
}

/* All workers are here. */
static void say_ready(dc__shards *sh)
{
    dc__roster *r = &sh->server->training.roster;
    dc__peer *p = &sh->peers[0];
    const bool all = dc__roster_count(r, DC__MEMBER_READY, DC__MEMBER_READY) >= r->wanted;
    pthread_mutex_lock(&sh->lock);
    if (all && !p->ready) {
        p->ready = p->ready_due = true;
        dc__endpoint_wake(&p->endpoint);
    }
    pthread_mutex_unlock(&sh->lock);
}

void dc__other_watch(dc__shards *sh)
{
    dc__peer *p = &sh->peers[0];
    dc__roster *r = &sh->server->training.roster;
    dc_error err = DC_OK;
    if (!p->present) err = dial(sh);
    if (!err && !p->asked) {
        p->asked = true;
        err = find_own(sh);
        if (!err) err = send_hello(sh);
    }
    if (!err && !p->endpoint.threads) err = take_answer(sh);
    if (!err && p->over && !r->ending) err = dc__fail(DC_EPEER, "%s", p->why);
    pthread_mutex_lock(&sh->lock);
    const bool coming = sh->coming != NULL;
    pthread_mutex_unlock(&sh->lock);
    if (!err && coming && !r->training) err = adopt(sh);
    if (!err && !coming && sh->server->training.model && !r->training) say_ready(sh);
    if (err) dc__roster_end(r, err, dc_last_error());
}

/* ---- versions and the end ---- */

dc_error dc__other_deliver(void *shards, uint64_t version)
{
    dc__shards *sh = shards;
    dc__peer *p = &sh->peers[0];
    pthread_mutex_lock(&sh->lock);
    p->send = version;
    dc__endpoint_wake(&p->endpoint);
    while (p->send == version && !p->over)
        dc__wait_until(&sh->news, &sh->lock, dc__now_ns() + DC__POLL_NS);
    const bool sent = p->send != version;
    pthread_mutex_unlock(&sh->lock);
    return sent ? DC_OK : dc__fail(DC_EPEER, "%s", p->why);
}

void dc__other_end(dc__shards *sh)
{
    dc__peer *p = &sh->peers[0];
    pthread_mutex_lock(&sh->lock);
    p->at = sh->server->training.versions.round;
    p->bye_due = true;
    dc__endpoint_wake(&p->endpoint);
    while (p->endpoint.threads && !p->acked && !p->over)
        dc__wait_until(&sh->news, &sh->lock, dc__now_ns() + DC__POLL_NS);
    pthread_mutex_unlock(&sh->lock);
    dc__endpoint_stop(&p->endpoint);
    dc__link_close(&p->endpoint.link, DC__LINGER_MS);
}
