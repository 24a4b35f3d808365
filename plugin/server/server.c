/* server.c - a run from its first worker to its last. See server.h. */
#include "server/server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "endpoint/fingerprint.h"
#include "base/file.h"
#include "server/staleness.h"

#define PAUSE_NS 2000000000 /* between two looks of the run loop: it does not take as long */

/* With versions' lock held. */
static void offer(void *server, uint32_t first, uint32_t n, uint64_t version)
{
    dc_server *s = server;
    for (int i = 0; i < s->training.roster.n; i++)
        dc__session_offer(&s->sessions[i], first, n, version);
}

/* Likewise. */
static void border(void *server, uint64_t round, bool changed)
{
    dc_server *s = server;
    for (int i = 0; i < s->training.roster.n; i++)
        dc__session_border(&s->sessions[i], round, changed);
}

static void set_hooks(dc_server *s)
{
    dc__checkpoint *c = &s->training.checkpoint;
    if (s->shards.n == 1) return;
    c->hooks.context = &s->shards;
    c->follows = s->shards.index > 0;
    c->hooks.gather = c->follows ? dc__other_deliver : dc__first_gather;
    if (c->follows) s->training.omitted = dc__other_omits;
    if (c->follows) return;
    c->hooks.whole = &s->training.all;
    c->hooks.whole_codes = &s->training.all_codes;
    c->hooks.announce = dc__first_announce;
    c->hooks.newest = dc__first_newest;
}

static dc_error set_up(dc_server *s)
{
    dc__staleness_options(&s->options);
    dc_error err = dc__shards_init(&s->shards, s, &s->options);
    if (!err) err = dc__training_init(&s->training, &s->options);
    set_hooks(s);
    s->training.offer = offer;
    s->training.border = border;
    s->training.context = s;
    s->sessions = err ? NULL : calloc((size_t)s->training.roster.n, sizeof *s->sessions);
    if (!err && !s->sessions) err = dc__fail(DC_ENOMEM, "out of memory for a server's sessions");
    for (int i = 0; s->sessions && i < s->training.roster.n; i++)
        dc__session_init(&s->sessions[i], &s->training, i);
    if (s->listener || err) return err;
    err = dc__server_guard(s);
    if (err) return err;
    return dc__listener_open_keyed(&s->listener, s->url, DC__HEADER_BYTES + DC__MAX_JOIN_BYTES,
                                   s->keeper.pair ? &s->keeper : NULL);
}

/* What would fail at the first checkpoint, perhaps hours later, fails now. */
static dc_error check_backup(const char *path)
{
    struct stat st;
    if (strlen(path) > PATH_MAX - 200) return dc__fail(DC_EFILE, "the backup directory's path is too long");
    if (mkdir(path, 0777) != 0 && errno != EEXIST)
        return dc__fail(DC_EFILE, "cannot make the backup directory %s: %s", path, strerror(errno));
    if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
        return dc__fail(DC_EFILE, "%s is not a directory: give another for backups", path);
    if (access(path, R_OK | W_OK | X_OK) != 0)
        return dc__fail(DC_EFILE, "cannot write into the backup directory %s: %s", path, strerror(errno));
    return DC_OK;
}

/* This server is the only one there, so what is half written is a dead one's. */
static dc_error take_backup(dc_server *s)
{
    const char *path = s->options.backup_dir;
    if (!path) return DC_OK;
    dc_error err = check_backup(path);
    if (!err) err = dc__lock_directory(path, "backup directory", &s->backup_lock);
    if (err) return err;
    (void)snprintf(s->backup, sizeof s->backup, "%s", path);
    dc_sweep(path);
    return DC_OK;
}

static dc_error check_bounds(const dc_server_options *o)
{
    const dc_bounds *b = &o->bounds;
    if (b->trim && o->workers < 3)
        return dc__fail(DC_EINVAL, "an aggregate other than the mean needs 3 workers or more, there are %d",
                        o->workers);
    if (b->trim > 0 && 2 * b->trim >= o->workers)
        return dc__fail(
            DC_EINVAL,
            "a mean without the %d smallest and largest leaves none of %d workers: trim at most %d", b->trim,
            o->workers, (o->workers - 1) / 2);
    if (o->balance && (b->trim || b->clip_norm != 0))
        return dc__fail(DC_EINVAL,
                        "gradients of different numbers of images are not compared: balance them, or bound "
                        "liars, not both");
    if (b->clip_norm != 0 && o->workers < 2)
        return dc__fail(DC_EINVAL,
                        "norms are compared between workers: a bound on them needs 2 workers or more");
    return DC_OK;
}

static dc_error check(const dc_server_options *options)
{
    if (options->workers < 1 || options->workers > DC_MAX_WORKERS)
        return dc__fail(DC_EINVAL, "%d workers: a server takes 1 to %d", options->workers, DC_MAX_WORKERS);
    if (options->min_workers < 0 || options->min_workers > options->workers)
        return dc__fail(DC_EINVAL, "at least %d workers of %d: it goes on with 1 to %d", options->min_workers,
                        options->workers, options->workers);
    dc_error err = check_bounds(options);
    if (!err) err = dc__shards_check(options);
    if (!err) err = dc__staleness_check(options);
    return err ? err : dc__address_parse(options->url, NULL);
}

dc_error dc__server_make(dc_server **out, const dc_server_options *options, dc__listener *listener,
                         dc__listener *inner)
{
    *out = NULL;
    dc_error err = check(options);
    dc_server *s = err ? NULL : calloc(1, sizeof *s);
    if (!err && !s) err = dc__fail(DC_ENOMEM, "out of memory for a server of %d workers", options->workers);
    if (err) {
        dc__listener_close(listener);
        dc__listener_close(inner);
        return err;
    }
    s->options = *options;
    s->listener = listener;
    s->inner = inner;
    (void)snprintf(s->url, sizeof s->url, "%s", options->url);
    s->backup_lock = -1;
    dc__drop_init(&s->drop);
    if (options->shards < 2 || options->shard == 1) err = take_backup(s);
    if (!err) err = set_up(s);
    if (err) {
        dc_server_free(s);
        return err;
    }
    *out = s;
    return DC_OK;
}

dc_error dc_server_start(dc_server **out, const dc_server_options *options)
{
    dc_server_options o = *options;
    *out = NULL;
    if (o.mesh && (o.shards || o.first_url))
        return dc__fail(DC_EINVAL, "the workers of a mesh hold its shards: this server is none of them");
    if (o.mesh) {
        o.shard = 1;
        o.shards = o.workers + 1;
    }
    return dc__server_make(out, &o, NULL, NULL);
}

void dc_server_stop(dc_server *s)
{
    s->stop_requested = true; /* the run loop looks every DC__POLL_MS */
}

/* Ends every worker's threads: first with a message (STOP, BYE_ACK), if it says one, then, after DC__GOODBYE_S, by force. */
static void say_goodbye(dc_server *s, bool says)
{
    const int n = s->training.roster.n;
    for (int i = 0; says && i < n; i++)
        dc__session_say_stop(&s->sessions[i]);
    const int64_t until = dc__now_ns() + (int64_t)(DC__GOODBYE_S * 1e9);
    for (int i = 0; i < n; i++) {
        dc__endpoint *e = &s->sessions[i].endpoint;
        while (says && e->threads && dc__now_ns() < until && !dc__link_ended(&e->link)) {
            const struct timespec pause = {.tv_nsec = 5000000};
            nanosleep(&pause, NULL);
        }
        e->stop = true;
    }
    for (int i = 0; i < n; i++)
        dc__session_close(&s->sessions[i], DC__LINGER_MS);
}

static void watch_shards(dc__shards *sh)
{
    if (sh->n > 1) (sh->index == 0 ? dc__first_watch : dc__other_watch)(sh);
}

/* A worker that was killed has what it kept of versions that it heard of (KEEP), and of no other. */
static bool is_kept_lost(const dc__training *t)
{
    bool lost = false;
    for (int i = 0; i < t->roster.n; i++)
        lost |= t->roster.member[i].state == DC__MEMBER_LOST;
    return lost && t->keeps;
}

/* Over shards the last version is put together when all have stopped. */
static dc_error end_over_shards(dc_server *s)
{
    dc__training *t = &s->training;
    char line[DC__LINE_BYTES];
    t->checkpoint.no_end = is_kept_lost(t);
    if (s->shards.index == 0) dc__first_stop(&s->shards);
    /* A worker that leaves a mesh which waits for it ends nothing but its own shard. */
    const bool leaves = s->shards.worker_left && (s->shards.again || dc__shards_are_elastic(&s->shards));
    if (dc__roster_result(&t->roster, line) && !leaves) dc__server_refuse_waiting(s, line);
    say_goodbye(s, !leaves);
    dc__barred_save(&t->barred, &t->log);
    const dc_error err = t->ended ? DC_OK : dc__checkpoint_final(&t->checkpoint);
    dc__checkpoint_stop(&t->checkpoint);
    (s->shards.index == 0 ? dc__first_done : dc__other_end)(&s->shards);
    const dc_error result = dc__roster_result(&t->roster, line);
    return result ? dc__fail(result, "%s", line) : err;
}

/* The end of a run is saved before anybody hears of it: a server that dies in between finds its workers when it is started
 * again, and so does one that cannot save it, unless the run is one job. Any other end is said first. */
static dc_error end(dc_server *s)
{
    dc__training *t = &s->training;
    char line[DC__LINE_BYTES];
    dc_error result = dc__roster_result(&t->roster, line), err = DC_OK;
    if (!result && !t->ended) err = dc__checkpoint_final(&t->checkpoint);
    if (err && t->on_loss == DC_ON_LOSS_END) dc__roster_fail(&t->roster, err, dc_last_error());
    if (err) (void)snprintf(line, sizeof line, "%s", dc_last_error());
    say_goodbye(s, !err || t->on_loss == DC_ON_LOSS_END);
    dc__barred_save(&t->barred, &t->log);
    if (result) err = dc__checkpoint_final(&t->checkpoint);
    dc__checkpoint_stop(&t->checkpoint);
    if (!result) result = err;
    return result ? dc__fail(result, "%s", line) : DC_OK;
}

/* A process that was stopped, or whose machine was asleep, must not take others for silent. */
static void note_awake(dc_server *s)
{
    const int64_t now = dc__now_ns();
    if (now - s->looked_ns > PAUSE_NS) s->awake_ns = now;
    s->looked_ns = now;
}

dc_error dc_server_run(dc_server *s)
{
    dc__training *t = &s->training;
    dc__roster *r = &t->roster;
    dc__log_line(&t->log, "listening on %s for %d worker%s", s->url, r->wanted, r->wanted > 1 ? "s" : "");
    dc__shards_say(&s->shards);
    dc_error err = dc__checkpoint_start(&t->checkpoint);
    if (err) return err;
    dc__server_requests(s, true);
    while (!r->ending) {
        note_awake(s);
        dc__server_admit(s); /* blocks up to DC__POLL_MS */
        dc__server_reap(s);
        watch_shards(&s->shards);
        dc__server_watch_gate(s);
        dc__server_take_request(s);
        if (s->stop_requested && t->ended) dc__roster_end(r, DC_OK, "all rounds are done");
        if (s->stop_requested) dc__roster_end(r, DC_ESTOPPED, "the server was stopped");
        if (!r->training)
            dc__server_begin(s);
        else if (dc__training_is_on(t))
            dc__server_change(s);
        dc__barred_save(&t->barred, &t->log);
        if (dc__server_is_done(s)) dc__roster_end(r, DC_OK, "all rounds are done");
    }
    dc__server_requests(s, false);
    return s->shards.n > 1 ? end_over_shards(s) : end(s);
}

void dc_server_free(dc_server *s)
{
    if (!s) return;
    for (int i = 0; s->sessions && i < s->training.roster.n; i++)
        dc__session_destroy(&s->sessions[i]);
    dc__server_admit_none(s);
    dc__shards_destroy(&s->shards);
    dc__listener_close(s->listener);
    dc__listener_close(s->inner);
    dc__keeper_close(&s->keeper);
    dc__training_destroy(&s->training);
    dc__drop_destroy(&s->drop);
    dc__unlock_directory(s->backup, s->backup_lock);
    free(s->sessions);
    free(s);
}
