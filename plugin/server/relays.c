/* relays.c - workers that stand behind relays: a relay's word before they come, and whether all of them fit into the run.
 * See server.h. */
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "endpoint/relay_frame.h"
#include "server/server.h"

static dc_error not_with(const char *what)
{
    return dc__fail(DC_EINVAL,
                    "relays do not go together with %s yet: leave it out, or let the workers come to the "
                    "server themselves",
                    what);
}

/* What the server was started with. */
static dc_error check_options(const dc_server *s)
{
    const dc_server_options *o = &s->options;
    if (s->shards.n > 1) return not_with("shards");
    if (o->balance) return not_with("--balance");
    if (o->staleness) return not_with("--staleness");
    if (o->bounds.trim) return not_with("--aggregate");
    if (o->bounds.clip_norm > 0) return not_with("--clip-norm");
    if (o->min_workers && o->min_workers != o->workers) return not_with("--min-workers");
    if (o->on_loss == DC_ON_LOSS_DROP)
        return not_with("--on-loss drop (give wait, or end)"); /* its relay's sums would be of fewer */
    return DC_OK;
}

/* What the run's first worker brought. */
static dc_error check_run(const dc_server *s, const dc__join *join)
{
    const dc__coding *c = &s->training.codes.coding;
    if (!c->up.codec->exact) /* its sum would be coded twice, or as wide as exact ones on the thin link */
        return not_with("a codec that loses something on the way up (exact/int8 loses it down alone)");
    if (dc__coding_local(c)) return not_with("local steps");
    return join->remembers ? not_with("layers that remember the rounds before") : DC_OK;
}

/* A run over relays that goes back to a checkpoint when somebody is lost. */
static bool waits(const dc_server *s)
{
    return s->training.relayed && s->training.on_loss != DC_ON_LOSS_END;
}

dc_error dc__relays_take(dc_server *s, dc__joining *j, const dc__frame *frame)
{
    dc__path path;
    dc_error err = dc__relay_read(frame, &path);
    if (!err) err = check_options(s);
    if (!err && s->training.roster.training && !waits(s)) /* else its workers come again, or are not taken */
        err = dc__fail(DC_EINVAL, "the run has begun: start the relay before its workers join");
    if (!err && path.at[path.n - 1].workers > s->options.workers)
        err = dc__fail(DC_EINVAL, "the relay is for %d workers, and the run for %d: give it fewer --workers",
                       path.at[path.n - 1].workers, s->options.workers);
    if (!err) err = dc__relay_answer(&j->link);
    j->refused = err == DC_OK; /* it has its answer, and a moment to close */
    j->until_ns = dc__now_ns() + DC__LINGER_MS * (int64_t)1000000;
    return err;
}

/* The workers that are here, with those for whom their relays keep a place, and this one must not be more than the run is
 * for: some could never come. */
static dc_error check_places(const dc_server *s, const dc__join *join, int slot)
{
    const dc__roster *r = &s->training.roster;
    const dc__path *paths[DC__CREW_MOST + 1];
    int n = 0, same = 1;
    for (int i = 0; i < r->n; i++) {
        const dc__member *m = &r->member[i];
        if (i == slot || m->state == DC__MEMBER_FREE || m->state >= DC__MEMBER_LOST) continue;
        paths[n++] = &m->path;
        same += dc__path_same(&m->path, &join->path, 1);
    }
    paths[n++] = &join->path;
    const int promised = dc__path_promised(paths, n);
    if (join->path.n > 0 && same > join->path.at[join->path.n - 1].workers)
        return dc__fail(DC_EPROTO, "a relay for %d workers brings another",
                        join->path.at[join->path.n - 1].workers);
    if (promised <= r->wanted) return DC_OK;
    return dc__fail(DC_EFULL,
                    "with those that relays were started for, %d workers would come, and the run is for %d: "
                    "give the server or the relays other --workers",
                    promised, r->wanted);
}

dc_error dc__relays_admit(dc_server *s, const dc__join *join, int slot)
{
    dc__training *t = &s->training;
    const bool behind = join->path.n > 0;
    if (t->roster.training && !behind) return DC_OK;
    dc_error err = behind ? check_options(s) : DC_OK;
    if (!err && behind) err = check_run(s, join);
    if (!err && t->roster.training)
        err = dc__fail(DC_EINVAL, "the run has begun: a worker behind a relay cannot come into it any more");
    if (!err) err = check_places(s, join, slot);
    if (err || !behind || t->relayed) return err;
    t->relayed = true;
    t->bounds.on_bad_value = DC_BAD_STOP;
    const bool goes_back = t->on_loss != DC_ON_LOSS_END && t->checkpoint.dir[0];
    if (goes_back) {
        dc__log_line(&t->log,
                     "workers come over a relay: when a worker or a relay is lost, all go back to the last "
                     "checkpoint, and wait for it; the run ends when a value is not finite");
        return DC_OK;
    }
    dc__log_line(
        &t->log,
        "workers come over a relay%s: the run ends when a worker or a relay is lost, or a value is "
        "not finite",
        t->on_loss == DC_ON_LOSS_END ? "" : ", and without --backup there is no checkpoint to go back to");
    t->on_loss = DC_ON_LOSS_END;
    return DC_OK;
}

static void go_back(dc_server *s, const char *why)
{
    s->expected = 0;
    const dc_error err = dc__server_restart(s, why);
    if (err) dc__roster_end(&s->training.roster, err, dc_last_error());
}

bool dc__relays_go_back(dc_server *s)
{
    dc__roster *r = &s->training.roster;
    char called[DC__CALLED_BYTES], why[DC__LINE_BYTES];
    if (!waits(s) || s->training.ended || r->ending) return false;
    for (int i = 0; i < r->n; i++) {
        const dc__member *m = &r->member[i];
        if (m->state < DC__MEMBER_LOST) continue;
        dc__member_words(m, called);
        (void)snprintf(why, sizeof why, "%.300s%s", m->reason[0] ? m->reason : called,
                       m->reason[0] ? "" : " has left");
        go_back(s, why);
        return true;
    }
    return false;
}

bool dc__relays_come_again(dc_server *s)
{
    if (!waits(s) || !s->training.roster.training || s->training.ended) return false;
    go_back(s, "a worker comes again, or in the place of one that is lost");
    return true;
}

bool dc__relays_whole(const dc_server *s)
{
    const dc__roster *r = &s->training.roster;
    int n = 0;
    const dc__path *paths[DC__CREW_MOST];
    for (int i = 0; i < r->n; i++)
        if (r->member[i].state == DC__MEMBER_READY) paths[n++] = &r->member[i].path;
    return dc__path_promised(paths, n) == n;
}
