/* first_shard.c - the first shard's links to the others. See shards.h. */
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "server/server.h"
#include "server/spread.h"

#define LOOK_NS 50000000
#define LEAVE_S 30.0 /* the others end their sessions with the workers meanwhile */

/* ---- links that come ---- */

/* What the other one was started with must be what this one was. */
static dc_error check_codec(const dc__shards *sh, const dc__shard_hello *hello)
{
    char ours[DC__CODING_BYTES];
    dc__shards_coding(sh, ours);
    if (!hello->coding[0] || strcmp(hello->coding, ours) == 0) return DC_OK;
    return dc__fail(
        DC_EINVAL,
        "shard %d of %d has the codec %s, and the first %s: give all the same, or only the first one",
        hello->shard, hello->shards, hello->coding, ours[0] ? ours : "none");
}

static dc_error check(const dc__shards *sh, const dc__shard_hello *hello, int *number)
{
    const dc_server_options *o = &sh->server->options;
    const int shard = hello->shard, shards = hello->shards;
    if (hello->mesh || sh->mesh) return dc__meeting_place(sh, hello, number);
    if (sh->server->training.roster.training)
        return dc__fail(DC_EINVAL, "the run has begun with other shards: start all of them anew");
    if (sh->n == 1 || sh->index > 0)
        return dc__fail(DC_EINVAL, "shard %d of %d came to a server that is not the first of several", shard,
                        shards);
    if (shards != sh->n || shard < 2 || shard > sh->n)
        return dc__fail(DC_EINVAL,
                        "shard %d of %d came to the first of %d: give all the same number of shards", shard,
                        shards, sh->n);
    if (hello->workers != o->workers)
        return dc__fail(DC_EINVAL,
                        "shard %d of %d is for %d workers, the first for %d: start all for the same", shard,
                        shards, hello->workers, o->workers);
    if (hello->trim != o->bounds.trim)
        return dc__fail(DC_EINVAL, "shard %d of %d has another aggregate than the first: give all the same",
                        shard, shards);
    const dc_error err = check_codec(sh, hello);
    if (err) return err;
    *number = shard - 1;
    if (sh->peers[*number].present)
        return dc__fail(DC_EINVAL, "shard %d of %d is here already, at %s: give each its own number", shard,
                        shards, sh->peers[*number].url);
    return DC_OK;
}

/* The shard that comes again, if its link is not known to have ended, which it has; 0 = none. */
static int lost_one(const dc__shards *sh, const dc__shard_hello *hello)
{
    const int k = hello->shard - 1;
    if (hello->mesh || sh->index > 0 || hello->shards != sh->n || k < 1 || k >= sh->n ||
        !sh->peers[k].present)
        return 0;
    const dc__peer *p = &sh->peers[k];
    const bool up = !p->over && dc__channel_state_of(p->endpoint.link.channel) == DC__CHANNEL_UP;
    return up && strcmp(p->url, hello->url) != 0 ? 0 : k;
}

/* It was killed, or went away from its link. */
static void find_lost(dc__shards *sh, const dc__shard_hello *hello)
{
    char text[DC__SHARD_TEXT_BYTES], why[DC__LINE_BYTES];
    const int k = sh->mesh ? dc__meeting_lost(sh, hello) : lost_one(sh, hello);
    if (k == 0) return;
    dc__shards_text(sh, k, text);
    (void)snprintf(why, sizeof why, "lost %s: it was started again, or cut off", text);
    dc__first_lost(sh, k, why);
}

static double silence_s(const dc_server *s)
{
    return s->options.timeout_s > 0 ? s->options.timeout_s : DC_DEFAULT_TIMEOUT_S;
}

static dc_error answer(dc__shards *sh, dc__link *link, int number)
{
    const dc_server_options *o = &sh->server->options;
    const dc__shard_place place = {.shard = number + 1,
                                   .shards = sh->n,
                                   .workers = o->workers,
                                   .trim = o->bounds.trim,
                                   .here = sh->mesh ? dc__meeting_here(sh) + 1 : 0,
                                   .timeout_s = silence_s(sh->server)};
    dc__channel_admit(link->channel, DC__HEADER_BYTES + DC__MAX_PAYLOAD_BYTES);
    return dc__shard_place_send(link, &place);
}

dc_error dc__first_take(dc__shards *sh, dc__link *link, const dc__frame *frame)
{
    dc_server *s = sh->server;
    char text[DC__SHARD_TEXT_BYTES];
    dc__shard_hello hello;
    int number = 0;
    dc_error err = dc__shard_hello_read(&hello, frame);
    if (!err) err = dc__shards_prove(sh, link->channel);
    if (!err) find_lost(sh, &hello);
    if (!err) err = check(sh, &hello, &number);
    if (!err) err = answer(sh, link, number);
    if (err) return err;
    dc__peer *p = &sh->peers[number];
    dc__shards_text(sh, number, text);
    (void)snprintf(p->url, sizeof p->url, "%s", hello.url);
    dc__link_move(&p->endpoint.link, link, text, silence_s(s), &p->endpoint.stop);
    p->endpoint.link.log = &s->training.log;
    p->over = p->left = p->ready = p->sending = p->begin_due = p->stop_due = p->ack_due = p->end_due = false;
    p->go.n = p->came.n = 0;
    p->endpoint.stop = false;
    p->now_due = p->got = DC__NO_ROUND;
    p->keep_next = 0;
    p->run_due = s->training.model != NULL;
    p->members_due = s->keeper.pair != NULL;
    err = dc__endpoint_start(&p->endpoint);
    if (err) return err;
    p->present = true;
    if (sh->mesh)
        dc__meeting_came(sh, number, &hello);
    else
        dc__log_line(&s->training.log, "%s is here, at %s", text, hello.url);
    return DC_OK;
}

void dc__first_watch(dc__shards *sh)
{
    dc__training *t = &sh->server->training;
    dc__first_tells_members(sh);
    for (int k = 1; k < sh->n; k++) {
        dc__peer *p = &sh->peers[k];
        if (!p->present || !p->over) continue;
        dc__first_lost(sh, k, p->why);
    }
    if (t->roster.training || t->roster.ending) return;
    dc__first_awaits(sh);
    if (t->model) dc__shards_look(sh);
}

/* ---- the run ---- */

static void wake_all(dc__shards *sh)
{
    for (int k = 1; k < sh->n; k++)
        dc__endpoint_wake(&sh->peers[k].endpoint);
}

dc_error dc__first_adopted(dc__shards *sh)
{
    const dc_model *whole = sh->server->training.whole;
    dc_error err = DC_OK;
    sh->run++;
    for (int k = 1; !err && k < sh->n; k++) {
        dc__peer *p = &sh->peers[k];
        p->has_part = sh->mesh;
        pthread_mutex_lock(&sh->lock);
        dc__shard_free(&p->shard);
        err = dc__shard_init(&p->shard, whole, k, &sh->server->training.shares);
        p->ready = false;
        p->got = DC__NO_ROUND;
        p->run_due = err == DC_OK;
        dc__endpoint_wake(&p->endpoint);
        pthread_mutex_unlock(&sh->lock);
    }
    return err;
}

bool dc__first_may_begin(dc__shards *sh)
{
    dc__training *t = &sh->server->training;
    bool ready = true;
    pthread_mutex_lock(&sh->lock);
    for (int k = 1; k < sh->n; k++)
        ready = ready && (sh->peers[k].ready || dc__shards_are_elastic(sh));
    pthread_mutex_unlock(&sh->lock);
    if (!ready || t->resumed || !t->checkpoint.dir[0]) return ready;
    const uint64_t round = t->versions.first_round;
    dc__versions_begin(&t->all, round, t->versions.first_step);
    pthread_mutex_lock(&sh->lock);
    for (int k = 1; k < sh->n; k++)
        sh->peers[k].now_due = round;
    wake_all(sh);
    pthread_mutex_unlock(&sh->lock);
    const dc_error err = dc__first_gather(sh, round);
    /* A shard that was lost meanwhile is found next. */
    if (err && !(err == DC_EPEER && t->on_loss != DC_ON_LOSS_END))
        dc__roster_end(&t->roster, err, dc_last_error());
    return err == DC_OK;
}

void dc__first_begins(dc__shards *sh, uint64_t round)
{
    sh->went_back = false;
    pthread_mutex_lock(&sh->lock);
    sh->keep_end = round;
    for (int k = 1; k < sh->n; k++) {
        sh->peers[k].keep_next = round;
        sh->peers[k].begin_due = true;
    }
    wake_all(sh);
    pthread_mutex_unlock(&sh->lock);
}

void dc__first_announce(void *shards, uint64_t version, bool saved)
{
    dc__shards *sh = shards;
    pthread_mutex_lock(&sh->lock);
    dc__assert(version == sh->keep_end);
    sh->keep[version % DC__KEEPS_MOST] = saved;
    sh->keep_end = version + 1;
    wake_all(sh);
    pthread_mutex_unlock(&sh->lock);
}

/* ---- versions ---- */

/* All of the version has come from a shard, or never will: *err. With the lock held. */
static bool has_come(dc__shards *sh, dc__peer *p, uint64_t version, dc_error *err)
{
    char text[DC__SHARD_TEXT_BYTES];
    if (p->got == version) return true;
    if (sh->leaving) {
        *err = dc__fail(DC_EPEER, "round %llu is not saved: the run goes back", (unsigned long long)version);
        return true;
    }
    if (p->left && p->at >= version && !p->requested) {
        p->requested = true; /* by itself it sends nothing any more */
        p->now_due = version;
        dc__endpoint_wake(&p->endpoint);
    }
    if (!p->over && !(p->left && p->at < version)) return false;
    dc__shards_text(sh, p->number, text);
    *err = dc__fail(DC_EPEER, "round %llu is not saved: %s is lost", (unsigned long long)version, text);
    return true;
}

dc_error dc__first_gather(void *shards, uint64_t version)
{
    dc__shards *sh = shards;
    dc__training *t = &sh->server->training;
    dc_error err = DC_OK;
    const dc__arrays own = {&t->versions, &t->codes}, all = {&t->all, &t->all_codes};
    dc__spread_gather(&t->part, &own, version, &all);
    pthread_mutex_lock(&sh->lock);
    sh->gathering = version;
    pthread_cond_broadcast(&sh->news);
    for (int k = 1; !err && k < sh->n; k++) {
        sh->peers[k].requested = false;
        while (!has_come(sh, &sh->peers[k], version, &err))
            dc__wait_until(&sh->news, &sh->lock, dc__now_ns() + LOOK_NS);
    }
    pthread_mutex_unlock(&sh->lock);
    return err;
}

dc_error dc__first_newest(void *shards, uint64_t *version)
{
    dc__shards *sh = shards;
    dc_error err = DC_OK;
    char text[DC__SHARD_TEXT_BYTES];
    const int64_t until_ns = dc__now_ns() + (int64_t)(LEAVE_S * 1e9);
    pthread_mutex_lock(&sh->lock);
    sh->closing = true;
    pthread_cond_broadcast(&sh->news);
    for (int k = 1; !err && k < sh->n; k++) {
        dc__peer *p = &sh->peers[k];
        while (!p->left && !p->over && dc__now_ns() < until_ns)
            dc__wait_until(&sh->news, &sh->lock, dc__now_ns() + LOOK_NS);
        dc__shards_text(sh, k, text);
        if (!p->left)
            err = dc__fail(DC_EPEER, "the last rounds are not saved: %s is lost", text);
        else if (p->at < *version)
            *version = p->at;
    }
    pthread_mutex_unlock(&sh->lock);
    return err;
}

void dc__first_stop(dc__shards *sh)
{
    char line[DC__LINE_BYTES];
    if (dc__roster_result(&sh->server->training.roster, line) == DC_OK) return; /* they end by themselves */
    pthread_mutex_lock(&sh->lock);
    for (int k = 1; k < sh->n; k++)
        sh->peers[k].stop_due = true;
    wake_all(sh);
    pthread_mutex_unlock(&sh->lock);
}

void dc__first_done(dc__shards *sh)
{
    const int64_t until_ns = dc__now_ns() + (int64_t)(DC__GOODBYE_S * 1e9);
    pthread_mutex_lock(&sh->lock);
    for (int k = 1; k < sh->n; k++)
        sh->peers[k].ack_due = true;
    wake_all(sh);
    for (int k = 1; k < sh->n; k++)
        while (sh->peers[k].present && !sh->peers[k].over && dc__now_ns() < until_ns)
            dc__wait_until(&sh->news, &sh->lock, dc__now_ns() + LOOK_NS);
    pthread_mutex_unlock(&sh->lock);
    for (int k = 1; k < sh->n; k++) {
        dc__endpoint_stop(&sh->peers[k].endpoint);
        dc__link_close(&sh->peers[k].endpoint.link, DC__LINGER_MS);
    }
}
