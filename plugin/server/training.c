#include "server/training.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "server/run_log_read.h"
#include "server/spread.h"
#include "server/staleness.h"

dc_error dc__training_init(dc__training *t, const dc_server_options *options)
{
    dc__log_init(&t->log, options->log, options->log_context);
    dc__barred_init(&t->barred);
    t->bounds = options->bounds;
    t->clip.factor = options->bounds.clip_norm;
    dc__versions_init(&t->versions);
    dc__versions_init(&t->all);
    t->shares = dc__shares_even(options->shards > 1 ? options->shards : 1, options->mesh);
    t->shard = t->shares.n > 1 ? options->shard - 1 : 0;
    dc__statistics_init(&t->statistics);
    t->bases.most = (uint32_t)options->staleness;
    t->versions.ring = t->statistics.ring = t->bases.most + 2;
    dc__checkpoint_init(&t->checkpoint, options->backup_dir, options->backup_every);
    t->checkpoint.versions = &t->versions;
    t->checkpoint.codes = &t->codes;
    t->checkpoint.statistics = &t->statistics;
    t->checkpoint.roster = &t->roster;
    t->checkpoint.log = &t->log;
    t->checkpoint.run_log = &t->run_log;
    dc__run_log_init(&t->run_log);
    t->on_loss = t->on_loss_asked = options->on_loss;
    t->on_bad_value_asked = options->bounds.on_bad_value;
    t->balance = options->balance;
    t->loss_wait_s = options->loss_wait_s > 0 ? options->loss_wait_s : DC_DEFAULT_LOSS_WAIT_S;
    dc_error err = dc__roster_init(&t->roster, options->workers,
                                   options->min_workers > 0 ? options->min_workers : options->workers);
    t->roster.spread = t->shares.n > 1;
    if (!err) err = dc__codes_init(&t->codes, options->codec, options->workers);
    if (!err) err = dc__watch_init(&t->watch, t->roster.n, options->workers);
    if (!err) err = dc__pace_init(&t->pace, t->roster.n);
    if (!err) err = dc__refusals_init(&t->refusals, t->roster.n);
    t->watch.coding = &t->codes.coding;
    return err;
}

/* Everything that a model needs in memory. */
static void release(dc__training *t)
{
    for (uint32_t k = 0; k <= t->bases.most; k++)
        dc__reduce_release(&t->reduce[k]);
    dc__bases_release(&t->bases);
    dc__omissions_release(&t->omissions);
    dc__codes_release(&t->codes);
    dc__codes_release(&t->all_codes);
    dc__clip_release(&t->clip);
    dc__checkpoint_release(&t->checkpoint);
    dc__statistics_release(&t->statistics);
    dc__versions_release(&t->versions);
    dc__versions_release(&t->all);
    dc__shard_free(&t->part);
    free(t->fingerprint);
    t->fingerprint = NULL;
    t->resumed = false;
    dc__generations_none(&t->checkpoint.generations);
}

void dc__training_destroy(dc__training *t)
{
    release(t);
    dc__checkpoint_destroy(&t->checkpoint);
    dc__statistics_destroy(&t->statistics);
    dc__versions_destroy(&t->versions);
    dc__versions_destroy(&t->all);
    dc__run_log_destroy(&t->run_log);
    dc__refusals_destroy(&t->refusals);
    dc__watch_free(&t->watch);
    dc__pace_destroy(&t->pace);
    dc__roster_destroy(&t->roster);
    dc__barred_destroy(&t->barred);
    dc__log_destroy(&t->log);
    dc_model_free(t->whole);
}

static void set_model(dc__training *t, dc_model *model, dc_model *whole)
{
    pthread_mutex_lock(&t->roster.lock);
    t->model = model;
    t->whole = whole;
    pthread_mutex_unlock(&t->roster.lock);
}

static dc_error allocate(dc__training *t, const dc_model *m)
{
    const int members = t->roster.n;
    dc_error err = dc__versions_allocate(&t->versions, m);
    if (!err)
        err = dc__statistics_allocate(&t->statistics, members,
                                      m->start[DC_ROLE_COUNT] - m->start[DC_STATISTIC]);
    if (!err) err = dc__checkpoint_allocate(&t->checkpoint);
    if (!err) err = dc__bases_allocate(&t->bases, members);
    for (uint32_t k = 0; !err && k <= t->bases.most; k++) {
        err = dc__reduce_allocate(&t->reduce[k], members, m->n_blocks);
        t->reduce[k].codec = t->codes.coding.up.codec;
    }
    if (!err) err = dc__omissions_allocate(&t->omissions, members, m->n_blocks);
    if (!err) err = dc__codes_allocate(&t->codes, m);
    t->versions.batches = dc__coding_batches(&t->codes.coding);
    t->versions.changes = dc__coding_local(&t->codes.coding);
    t->versions.plain = dc__coding_plain(&t->codes.coding, m);
    if (!err && !t->codes.coding.up.codec->exact && (t->bounds.trim || t->clip.factor > 0))
        err =
            dc__fail(DC_EINVAL, "sums that bound liars need gradients as they are: the codec must be exact");
    if (!err) err = dc__clip_allocate(&t->clip, m, members);
    return err;
}

/* What a codec has not sent yet, the momentum of a worker's own steps, and what layers remember is with the worker. It comes
 * back with what it had by a checkpoint, and the run goes back there (going_back.c), if there is one. */
static void set_keeps(dc__training *t, bool remembers)
{
    t->keeps =
        t->shard == 0 && (remembers || dc__coding_keeps(&t->codes.coding)); /* the first shard says of what */
    if (!t->keeps || t->checkpoint.dir[0] || t->on_loss != DC_ON_LOSS_WAIT) return;
    t->on_loss = DC_ON_LOSS_END;
    dc__log_line(
        &t->log,
        "%s, and without --backup there is no checkpoint to go back to, so the run ends when a worker "
        "is lost",
        remembers ? "this network's layers remember the rounds before"
                  : "with this codec a worker keeps what it has not sent yet");
}

/* What this server holds of the model. */
static dc_error take_part(dc__training *t, dc_model *whole, dc_model **part)
{
    *part = whole;
    if (t->shares.n == 1) return DC_OK;
    dc_error err = dc__shard_init(&t->part, whole, t->shard, &t->shares);
    if (!err && t->shard == 0) err = dc__versions_allocate(&t->all, whole);
    if (!err && t->shard == 0) err = dc__codes_mirror(&t->all_codes, &t->codes, whole);
    *part = t->part.model;
    return err;
}

/* The run that is found in the directory for backups. */
static dc_error resume(dc__training *t)
{
    dc__checkpoint *c = &t->checkpoint;
    const bool spread = t->shares.n > 1;
    const dc__arrays own = {&t->versions, &t->codes}, all = {&t->all, &t->all_codes};
    const dc__arrays *whole = spread ? &all : &own;
    t->all.batches = t->versions.batches;
    const dc_error err = dc__generations_load(&c->generations, &t->log, whole->versions, whole->codes,
                                              &t->statistics, &t->roster, &c->seed, &t->resumed);
    if (!err && t->resumed && spread) dc__spread_split(&t->part, &all, &own);
    return err;
}

dc_error dc__training_adopt(dc__training *t, dc_model *model, const char *fingerprint, bool remembers,
                            bool fresh)
{
    if (model->n_blocks == 0)
        return dc__fail(DC_EMODEL, "%s has nothing to train: every layer is frozen or has no weights",
                        model->name);
    t->fingerprint = strdup(fingerprint);
    if (!t->fingerprint) return dc__fail(DC_ENOMEM, "out of memory for a fingerprint");
    dc__checkpoint *c = &t->checkpoint;
    dc_error err = DC_OK;
    if (dc__coding_local(&t->codes.coding) && model->optimizer.algorithm != DC_SGD)
        err = dc__fail(DC_EINVAL, "local steps are for SGD: this cfg has adam=1");
    if (!err && dc__coding_local(&t->codes.coding) && model->optimizer.average > 0)
        err = dc__fail(DC_EINVAL,
                       "local steps keep no average of the parameters, and this cfg has ema_alpha=: train "
                       "without one of the two");
    if (!err && dc__coding_local(&t->codes.coding) && t->balance)
        err =
            dc__fail(DC_EINVAL, "local steps are of the cfg's images each: the server must not balance them");
    if (!err) err = dc__staleness_check_run(t->bases.most, &t->codes.coding, remembers);
    dc_model *part = NULL;
    if (!err) err = take_part(t, model, &part);
    if (!err) err = allocate(t, part);
    if (!err && c->dir[0] && !fresh) err = resume(t);
    if (!err && t->resumed) err = dc__barred_open(&t->barred, c->dir, model->name, true);
    if (err) {
        if (t->resumed) dc__roster_forget(&t->roster);
        release(t);
        return err;
    }
    set_model(t, part, model);
    set_keeps(t, remembers);
    c->spares = t->shares.n > 1 && t->on_loss != DC_ON_LOSS_END;
    if (t->resumed)
        dc__log_line(&t->log, "resuming %s at round %llu from %s", model->name,
                     (unsigned long long)t->versions.round, c->dir);
    return DC_OK;
}

void dc__training_forget(dc__training *t)
{
    dc_model *whole = t->whole;
    set_model(t, NULL, NULL);
    dc__roster_forget(&t->roster);
    dc__checkpoint_forget(&t->checkpoint);
    dc__barred_close(&t->barred, &t->log);
    t->on_loss = t->on_loss_asked;
    t->bounds.on_bad_value = t->on_bad_value_asked;
    t->relayed = t->keeps = t->begun = false;
    t->ended = false;
    release(t);
    dc_model_free(whole);
}

bool dc__training_carries(const dc__training *t)
{
    const dc__coding *c = &t->codes.coding;
    return t->roster.wanted == 1 && t->bases.most == 0 && t->model->optimizer.algorithm == DC_SGD &&
           c->up.codec->exact && c->down.codec->exact && !dc__coding_local(c);
}

/* ---- the log ---- */

dc_error dc__training_log_start(dc__training *t)
{
    dc__versions *v = &t->versions;
    const char *dir = t->checkpoint.dir;
    if (!dir[0]) return DC_OK;
    const dc__versions *whole = t->shares.n > 1 ? &t->all : v; /* its initial values have been put together */
    char note[DC__LINE_BYTES] = "", coding[DC__CODING_BYTES];
    dc__coding_text(&t->codes.coding, coding);
    const dc__log_run run = {.seed = t->checkpoint.seed,
                             .first_round = v->first_round,
                             .first_step = v->first_step,
                             .values_hash = dc__run_log_hash(t->whole, dc__versions_values(whole, v->round)),
                             .coding = coding};
    const dc__log_server server = {.workers = t->roster.wanted,
                                   .carried = dc__training_carries(t),
                                   .trim = t->bounds.trim,
                                   .clip_norm = t->clip.factor};
    dc_error err = t->resumed ? dc__run_log_resume(&t->run_log, dir, t->whole, &run, v->round, note)
                              : dc__run_log_begin(&t->run_log, dir, t->whole, &run);
    if (note[0]) dc__log_line(&t->log, "%s", note);
    if (!err && !t->resumed) err = dc__barred_open(&t->barred, dir, t->model->name, false);
    if (!err) dc__run_log_server(&t->run_log, v->round, &server);
    return err;
}

/* of_fresh: where the fresh members' statistics come from. */
static void log_roster(dc__training *t, uint64_t round, const dc__crew *crew, dc__log_statistics of_fresh)
{
    dc__log_member members[DC__CREW_MOST];
    pthread_mutex_lock(&t->roster.lock);
    for (int k = 0; k < crew->n; k++) {
        const dc__crew_member *m = &crew->member[k];
        members[k] = (dc__log_member){.id = m->id,
                                      .number = m->number,
                                      .images = m->images,
                                      .statistics = m->fresh ? of_fresh : DC__LOG_OWN};
        const dc__member *its = &t->roster.member[m->slot];
        if (its->number != m->number) continue;
        memcpy(members[k].note, its->note, sizeof members[k].note);
        members[k].path = its->path;
    }
    pthread_mutex_unlock(&t->roster.lock);
    dc__run_log_roster(&t->run_log, round, crew->n, members);
    dc__run_log_relays(&t->run_log, round, crew->n, members);
}

/* The fresh begin with the mean of the sources' statistics. Where those are others than the rest of the crew, a roster of
 * them stands before the crew's: only the last one makes the round. */
static void log_crew(dc__training *t, uint64_t round, const dc__crew *sources)
{
    const dc__crew *crew = dc__roster_crew(&t->roster, round);
    int fresh = 0;
    for (int k = 0; k < crew->n; k++)
        fresh += crew->member[k].fresh;
    const bool others = sources->n == crew->n - fresh;
    if (fresh && !others) {
        dc__crew makers = *sources;
        for (int k = 0; k < makers.n; k++)
            makers.member[k].fresh = false;
        log_roster(t, round, &makers, DC__LOG_OWN);
    }
    log_roster(t, round, crew, others ? DC__LOG_OF_OTHERS : DC__LOG_OF_BEFORE);
}

/* ---- rounds ---- */

/* How many batches this round has, where the number is found while the run goes on. */
static void log_steps(dc__training *t, uint64_t round)
{
    if (!t->codes.coding.local_auto) return;
    const dc__steps steps = dc__batches_of(&t->versions.batches, round);
    dc__run_log_steps(&t->run_log, &steps);
}

uint64_t dc__training_crew(dc__training *t, dc__crew *crew)
{
    pthread_mutex_lock(&t->versions.lock);
    const uint64_t round = t->versions.round;
    *crew = *dc__roster_crew(&t->roster, round);
    pthread_mutex_unlock(&t->versions.lock);
    return round;
}

void dc__training_crew_changed(dc__training *t, uint64_t round, const dc__crew *makers)
{
    dc__crew sources;
    dc__statistics_begin(&t->statistics, dc__roster_crew(&t->roster, round), makers, round, &sources);
    log_crew(t, round, &sources);
}

void dc__training_border(dc__training *t, uint64_t round)
{
    /* Those who are ahead of others read the next rounds' crew, which is always the same then. */
    const bool changed = t->bases.most == 0 && dc__roster_border(&t->roster, round);
    if (changed) dc__training_crew_changed(t, round, dc__roster_crew(&t->roster, round - 1));
    if (t->versions.batches.now.round == round) log_steps(t, round);
    dc__clip_begin(&t->clip, round);
    t->border(t->context, round, changed);
}

static void say_staleness(dc__training *t)
{
    const uint32_t most = t->bases.most;
    const dc_optimizer *o = &t->model->optimizer;
    if (most == 0) return;
    dc__log_line(
        &t->log,
        "workers may be up to %u round%s ahead of the slowest, and compute on parameters that are as old: the "
        "run ends when one is lost, or a value is not finite",
        most, most > 1 ? "s" : "");
    if (o->algorithm == DC_SGD && o->momentum >= 0 && o->momentum < 1)
        dc__log_line(
            &t->log,
            "with momentum %g, the largest learning_rate that is stable with gradients of %u round%s ago is %.0f times "
            "smaller than without: if the loss grows, take a smaller learning_rate, and burn_in",
            (double)o->momentum, most, most > 1 ? "s" : "",
            dc__staleness_limit((double)o->momentum, 0) / dc__staleness_limit((double)o->momentum, most));
}

void dc__training_begin(dc__training *t)
{
    dc__roster *r = &t->roster;
    dc__bases_begin(&t->bases, t->versions.round);
    say_staleness(t);
    if (dc__training_log_start(t) != DC_OK) dc__roster_end(r, DC_EFILE, dc_last_error());
    log_crew(t, t->versions.round, &r->saved);
    log_steps(t, t->versions.round);
    pthread_mutex_lock(&t->versions.lock);
    if (!t->resumed) dc__checkpoint_if_due(&t->checkpoint);
    pthread_mutex_unlock(&t->versions.lock);
}

bool dc__training_is_on(dc__training *t)
{
    if (t->begun) return true;
    if ((t->shares.n == 1 || (t->shard == 0 && t->checkpoint.spares)) &&
        dc__checkpoint_is_busy(&t->checkpoint))
        return false;
    t->begun = true;
    pthread_mutex_lock(&t->versions.lock);
    t->versions.whole_ns = dc__now_ns();
    t->border(t->context, t->versions.round, true);
    pthread_mutex_unlock(&t->versions.lock);
    return true;
}
