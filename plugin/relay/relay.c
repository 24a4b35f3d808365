/* relay.c - a relay from its parent's word to the end of a run. See relay.h. */
#include "relay/relay.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/error.h"
#include "net/tcp.h"

#define MORE_COME_S 10.0 /* a worker that was away at the end of a run finds its relay within that */

/* ---- start ---- */

static dc_error check(const dc_relay_options *o)
{
    dc__address own;
    if (o->workers < 1 || o->workers > DC_MAX_WORKERS)
        return dc__fail(DC_EINVAL, "%d workers: a relay takes 1 to %d", o->workers, DC_MAX_WORKERS);
    dc_error err = dc__invitation_is(o->parent) ? DC_OK : dc__address_parse(o->parent, NULL);
    if (!err) err = dc__address_parse(o->url, &own);
    if (!err && o->own_key_path && !dc__invitation_is(o->parent))
        err = dc__fail(DC_EINVAL, "a key towards the parent needs an invitation for the parent's address");
    if (!err && o->members_path && !o->key_path)
        err = dc__fail(DC_EINVAL, "a list of members needs the relay's key, too");
    if (err || o->insecure || o->key_path || dc__tcp_is_local(&own)) return err;
    return dc__fail(
        DC_EKEY,
        "other machines reach %s: without a key (dynacomm keygen makes one) whoever connects could take "
        "part and read the model",
        o->url);
}

static dc_error set_up(dc_relay *r)
{
    const int n = r->options.workers;
    r->leaf = calloc((size_t)n, sizeof *r->leaf);
    if (!r->leaf) return dc__fail(DC_ENOMEM, "out of memory for a relay of %d workers", n);
    for (int k = 0; k < n; k++) {
        dc__leaf *l = &r->leaf[k];
        l->relay = r;
        l->number = -1;
        dc__passing_init(&l->to_worker);
        dc__passing_init(&l->to_parent);
        dc__passing_init(&l->statistics);
        dc__endpoint_init(&l->down, &dc__relay_down, l, &r->lock);
        dc__endpoint_init(&l->up, &dc__relay_up, l, &r->lock);
    }
    while (r->id == 0)
        if (getrandom(&r->id, sizeof r->id, 0) != sizeof r->id)
            return dc__fail(DC_ENOMEM, "the system gives no random numbers");
    dc_error err =
        dc__invited(r->options.parent, r->options.own_key_path, "relay", &r->log, r->parent, &r->keys);
    if (!err && r->options.key_path)
        err = dc__keeper_open(&r->keeper, r->options.key_path, r->options.members_path, &r->log);
    if (err) return err;
    return dc__listener_open_keyed(&r->listener, r->url, DC__HEADER_BYTES + DC__MAX_JOIN_BYTES,
                                   r->keeper.pair ? &r->keeper : NULL);
}

dc_error dc_relay_start(dc_relay **out, const dc_relay_options *options)
{
    *out = NULL;
    dc_error err = check(options);
    if (err) return err;
    dc_relay *r = calloc(1, sizeof *r);
    if (!r) return dc__fail(DC_ENOMEM, "out of memory for a relay");
    r->options = *options;
    if (!(r->options.patience_s > 0)) r->options.patience_s = DC_DEFAULT_RELAY_PATIENCE_S;
    (void)snprintf(r->url, sizeof r->url, "%s", options->url);
    dc__log_init(&r->log, options->log, options->log_context);
    pthread_mutex_init(&r->lock, NULL);
    dc__condition_init(&r->room);
    err = set_up(r);
    if (err) {
        dc_relay_free(r);
        return err;
    }
    *out = r;
    return DC_OK;
}

/* ---- the run ---- */

void dc_relay_stop(dc_relay *r)
{
    r->stop_requested = true; /* the run loop looks every DC__POLL_MS */
}

static bool has_failed(dc_relay *r)
{
    pthread_mutex_lock(&r->lock);
    const bool failed = r->error != DC_OK;
    pthread_mutex_unlock(&r->lock);
    return failed;
}

/* All workers were there to the end, or those who were away heard of it, and no more come for it. */
static bool is_over(dc_relay *r)
{
    if (dc__relay_is_done(r)) return true;
    return r->announced_ns && r->n_asking == 0 && !dc__relay_is_used(r) &&
           dc__seconds(dc__now_ns() - r->announced_ns) > MORE_COME_S;
}

dc_error dc_relay_run(dc_relay *r)
{
    dc__log_line(&r->log, "listening on %s for %d worker%s of the run at %s", r->url, r->options.workers,
                 r->options.workers > 1 ? "s" : "", r->parent);
    r->ask_until_ns = dc__now_ns() + (int64_t)(r->options.patience_s * 1e9);
    r->ask_again = true;
    bool confirmed = false;
    while (!has_failed(r) && !is_over(r)) {
        const bool asks = r->ask_again && r->n_asking < DC__RELAY_ASKING_MOST;
        const dc_error err = asks ? dc__relay_ask_parent(r) : DC_OK;
        if (err) dc__relay_fail(r, err);
        dc__relay_admit(r); /* blocks up to DC__POLL_MS */
        dc__relay_reap(r);
        if (!has_failed(r)) dc__relay_begins_again(r);
        if (r->confirmed && !confirmed)
            dc__log_line(&r->log, "the parent at %s has a place for them", r->parent);
        confirmed = r->confirmed;
        if (!r->stop_requested) continue;
        (void)dc__fail(DC_ESTOPPED, "the relay was stopped");
        dc__relay_fail(r, DC_ESTOPPED);
    }
    dc__relay_close(r, has_failed(r));
    dc__relay_admit_none(r);
    if (r->error) return dc__fail(r->error, "%s", r->error_line);
    dc__log_line(&r->log, "the run is done");
    return DC_OK;
}

void dc_relay_free(dc_relay *r)
{
    if (!r) return;
    for (int k = 0; r->leaf && k < r->options.workers; k++) {
        dc__endpoint_destroy(&r->leaf[k].down);
        dc__endpoint_destroy(&r->leaf[k].up);
    }
    dc__summing_free(&r->sums);
    dc__fan_free(&r->fan);
    dc__listener_close(r->listener);
    dc__keeper_close(&r->keeper);
    dc__secret_free(r->keys);
    dc_model_free(r->model);
    free(r->leaf);
    pthread_cond_destroy(&r->room);
    pthread_mutex_destroy(&r->lock);
    dc__log_destroy(&r->log);
    free(r);
}
