/* other_shard.c - another shard's link to the first one. See shards.h. */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "net/tcp.h"
#include "server/server.h"
#include "server/spread.h"

#define AS_FIRST_S 1e9     /* who is lost is waited for until the first shard says otherwise */
#define AGAIN_NS 200000000 /* between two attempts to reach the first one */
#define SHUT_S 0.5         /* but a handshake that comes to nothing is another key's */

/* ---- the link ---- */

dc_error dc__shards_own(const char *first, char own[DC__URL_BYTES])
{
    dc__address here, there;
    char host[64];
    dc_error err = dc__address_parse(own, &here);
    if (!err) err = dc__address_parse(first, &there);
    const bool any =
        here.scheme == DC__TCP &&
        (strcmp(here.host, "*") == 0 || strcmp(here.host, "0.0.0.0") == 0 || strcmp(here.host, "::") == 0);
    if (err || !any) return err;
    if (!dc__tcp_own_host(&there, host, sizeof host))
        return dc__fail(DC_EURL,
                        "this shard listens on all interfaces: say which address workers reach it at");
    const char *form = strchr(host, ':') ? "tcp://[%s]:%d" : "tcp://%s:%d";
    (void)snprintf(own, DC__URL_BYTES, form, host, here.port);
    return DC_OK;
}

static dc_error send_hello(dc__shards *sh)
{
    const dc_server_options *o = &sh->server->options;
    dc__shard_hello hello = {
        .shard = sh->index + 1, .shards = sh->n, .workers = o->workers, .trim = o->bounds.trim, .rank = -1};
    if (sh->mesh) { /* it has its number, and was in a run */
        hello.mesh = true;
        hello.rank = sh->rank;
        hello.Bps = sh->Bps;
        hello.id = sh->id;
        hello.shares = sh->server->training.shares;
    }
    (void)snprintf(hello.url, sizeof hello.url, "%s", sh->own);
    dc__shards_coding(sh, hello.coding);
    return dc__shard_hello_send(&sh->peers[0].endpoint.link, &hello);
}

/* A copy of the server's key is what proves a shard to the first one. */
static dc_error own_keys(const dc_server *s, dc__dial_keys **keys)
{
    *keys = NULL;
    if (!s->keeper.pair) return DC_OK;
    dc__dial_keys *k = *keys = dc__secret_alloc(sizeof *k);
    if (!k) return dc__fail(DC_ENOMEM, "out of memory for a key");
    k->own = *s->keeper.pair;
    k->cipher = dc__cipher_best();
    memcpy(k->server_key, k->own.public_key, DC__KEY_BYTES);
    return DC_OK;
}

static dc_error dial(dc__shards *sh)
{
    dc_server *s = sh->server;
    dc__peer *p = &sh->peers[0];
    char name[sizeof p->endpoint.link.peer];
    const double timeout_s = s->options.timeout_s > 0 ? s->options.timeout_s : DC_DEFAULT_TIMEOUT_S;
    dc__dial_keys *keys;
    dc__channel *channel;
    dc_error err = own_keys(s, &keys);
    const double find_s =
        sh->again ? fmax(dc__seconds(sh->again_until_ns - dc__now_ns()), 1) : DC__FIND_FIRST_S;
    const dc__dial_options options = {.connect_s = find_s,
                                      .patience_s = timeout_s,
                                      .shut_s = sh->again ? 0 : SHUT_S, /* the first had this key */
                                      .most_bytes = DC__HEADER_BYTES + DC__MAX_PAYLOAD_BYTES,
                                      .keys = keys};
    if (!err) err = dc__channel_dial(&channel, sh->first, &options);
    dc__secret_free(keys);
    if (err) return err;
    (void)snprintf(name, sizeof name, "%s at %.40s", dc__shards_first(sh), sh->first);
    dc__link_open(&p->endpoint.link, channel, name, timeout_s, &p->endpoint.stop);
    p->endpoint.link.log = &s->training.log;
    p->present = true;
    return DC_OK;
}

static dc_error start(dc__shards *sh)
{
    dc__endpoint *e = &sh->peers[0].endpoint;
    const dc_error err = dc__endpoint_start(e);
    if (!err) dc__log_line(&sh->server->training.log, "joined %s", e->link.peer);
    return err;
}

/* Of a link that ended because of keys: what is wrong at a shard. */
static dc_error wrong_key(const dc__shards *sh)
{
    const char *peer = sh->peers[0].endpoint.link.peer;
    if (!sh->server->keeper.pair)
        return dc__fail(DC_EKEY, "%s has a key, and this shard has none: give it a copy of that key", peer);
    return dc__fail(
        DC_EKEY, "%s does not have this shard's key, or is no first shard: give all shards copies of one key",
        peer);
}

/* SHARD, or REFUSED. */
static dc_error take_answer(dc__shards *sh)
{
    dc__peer *p = &sh->peers[0];
    dc__frame frame;
    dc__shard_place place;
    dc_error err = dc__link_receive(&p->endpoint.link, &frame, 0);
    if (err == DC_EKEY) return wrong_key(sh);
    if (err || !frame.message) return err;
    err = dc__shard_place_read(&place, &frame, p->endpoint.link.peer);
    dc__frame_free(&frame);
    return err ? err : start(sh);
}

void dc__other_goes_on(dc__shards *sh, dc__link *link)
{
    dc__peer *p = &sh->peers[0];
    const dc_server *s = sh->server;
    char name[sizeof link->peer];
    (void)snprintf(name, sizeof name, "%s", link->peer);
    dc__link_move(&p->endpoint.link, link, name, s->options.timeout_s, &p->endpoint.stop);
    p->endpoint.link.log = &sh->server->training.log;
    p->present = p->asked = sh->met = true;
}

/* ---- a run ---- */

/* The model of the run before is nobody's any more: its workers have left the first shard, too. */
static bool is_free(dc_server *s)
{
    for (int i = 0; i < s->training.roster.n; i++) {
        if (!s->sessions[i].endpoint.threads) continue;
        dc__roster_gone(&s->training.roster, i, DC__MEMBER_LEFT, "another run is announced");
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
    t->on_loss = h->flags & DC__RUN_DROPS   ? DC_ON_LOSS_DROP
                 : h->flags & DC__RUN_WAITS ? DC_ON_LOSS_WAIT
                                            : DC_ON_LOSS_END;
    t->loss_wait_s = AS_FIRST_S;
    t->shares = sh->coming_shares;
    dc_error err = dc__codes_agree(&t->codes, sh->coming_coding, true);
    if (!err) err = dc__training_adopt(t, sh->coming, sh->coming_fingerprint, false, true);
    if (err) return err;
    if (resumed) {
        t->resumed = true;
        t->checkpoint.seed = h->offset;
        dc__versions_begin(&t->versions, h->round, h->count);
        t->versions.first_average = sh->coming_average;
        dc__log_line(&t->log, "resuming %s at round %llu from %s", t->model->name,
                     (unsigned long long)h->round, dc__shards_first(sh));
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

/* The run waits for who is lost, or did before, or there is none yet: its link to the first shard has ended, or that one did not take it yet. */
static bool comes_again(dc__shards *sh)
{
    dc__peer *p = &sh->peers[0];
    const int64_t now_ns = dc__now_ns();
    /* Else nobody is there at all; a worker's user starts it again. */
    const bool early = !sh->server->training.model && p->present && !sh->mesh;
    if (!sh->again && !early && sh->server->training.on_loss == DC_ON_LOSS_END) return false;
    if (sh->again && !sh->server->training.model && now_ns > sh->again_until_ns) return false;
    if (!p->over) (void)snprintf(p->why, sizeof p->why, "%.400s", dc_last_error());
    dc__other_lost(sh);
    return true;
}

void dc__other_watch(dc__shards *sh)
{
    dc__peer *p = &sh->peers[0];
    dc__roster *r = &sh->server->training.roster;
    dc_error err = DC_OK;
    if (!p->present && dc__now_ns() - sh->asked_ns < AGAIN_NS) return;
    if (!p->present) sh->asked_ns = dc__now_ns();
    if (!p->present) err = dial(sh);
    if (!err && !p->asked) {
        p->asked = true;
        err = dc__shards_own(sh->first, sh->own);
        if (!err) err = send_hello(sh);
    }
    if (!err && !p->endpoint.threads) err = sh->met ? start(sh) : take_answer(sh);
    if (!err && p->over && !p->acked && !r->ending) err = dc__fail(DC_EPEER, "%s", p->why);
    if (err == DC_EPEER && comes_again(sh)) return;
    pthread_mutex_lock(&sh->lock);
    const bool coming = sh->coming != NULL;
    pthread_mutex_unlock(&sh->lock);
    if (!err && coming && !r->training) err = adopt(sh);
    if (!err && !coming && sh->server->training.model && !r->training)
        (dc__shards_are_elastic(sh) ? dc__shards_look : say_ready)(sh);
    if (err && sh->again && sh->had_end)
        dc__roster_end(r, DC_OK, "all rounds are done");
    else if (err)
        dc__roster_end(r, err, dc_last_error());
}

/* ---- versions and the end ---- */

dc_error dc__other_deliver(void *shards, uint64_t version)
{
    dc__shards *sh = shards;
    dc__peer *p = &sh->peers[0];
    pthread_mutex_lock(&sh->lock);
    p->send = version;
    dc__endpoint_wake(&p->endpoint);
    while (p->send == version && !p->over && !dc__link_ended(&p->endpoint.link))
        dc__wait_until(&sh->news, &sh->lock, dc__now_ns() + DC__POLL_NS);
    const bool sent = p->send != version;
    pthread_mutex_unlock(&sh->lock);
    return sent ? DC_OK : dc__fail(DC_EPEER, "%s", p->over ? p->why : "the first shard is lost");
}

void dc__other_end(dc__shards *sh)
{
    dc__peer *p = &sh->peers[0];
    pthread_mutex_lock(&sh->lock);
    p->at = sh->server->training.versions.round;
    p->bye_due = true;
    dc__endpoint_wake(&p->endpoint);
    /* Of a mesh that never began there is nothing to be collected. */
    while (p->endpoint.threads && (!sh->mesh || sh->begin) && !p->acked && !p->over)
        dc__wait_until(&sh->news, &sh->lock, dc__now_ns() + DC__POLL_NS);
    pthread_mutex_unlock(&sh->lock);
    dc__endpoint_stop(&p->endpoint);
    dc__link_close(&p->endpoint.link, DC__LINGER_MS);
}
