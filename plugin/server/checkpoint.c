#include "server/checkpoint.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/floatmode.h"
#include "model/average.h"
#include "server/state_file.h"

#define POLL_NS 50000000

static void plan_nothing(dc__checkpoint *c)
{
    c->due = c->writing = c->syncing = c->saved = DC__NO_ROUND;
    c->protected_ = c->planned[0] = c->planned[1] = DC__NO_ROUND;
}

void dc__checkpoint_init(dc__checkpoint *c, const char *dir, dc_every every)
{
    (void)snprintf(c->dir, sizeof c->dir, "%s", dir ? dir : "");
    c->every = every;
    c->generations.dir = c->dir;
    plan_nothing(c);
    pthread_mutex_init(&c->lock, NULL);
    dc__condition_init(&c->changed);
}

void dc__checkpoint_destroy(dc__checkpoint *c)
{
    dc__checkpoint_release(c);
    pthread_mutex_destroy(&c->lock);
    pthread_cond_destroy(&c->changed);
}

static size_t stat_floats(const dc__checkpoint *c)
{
    return (size_t)c->statistics->floats * (size_t)c->statistics->members;
}

dc_error dc__checkpoint_allocate(dc__checkpoint *c)
{
    c->due_stats = calloc(stat_floats(c) + 1, sizeof *c->due_stats);
    return c->due_stats ? DC_OK : dc__fail(DC_ENOMEM, "out of memory for a checkpoint");
}

void dc__checkpoint_release(dc__checkpoint *c)
{
    free(c->due_stats);
    c->due_stats = NULL;
}

/* With the lock held: the oldest version that a writer still needs. */
static void protect(dc__checkpoint *c)
{
    c->protected_ = c->writing != DC__NO_ROUND ? c->writing : c->due;
    pthread_cond_broadcast(&c->changed);
}

/* ---- when ---- */

/* What is on disk now, for those who ask. With the lock held, by who owns the generations. */
static void show_kept(dc__checkpoint *c)
{
    c->n_kept = c->generations.n;
    memcpy(c->kept, c->generations.version, (size_t)c->n_kept * sizeof *c->kept);
}

void dc__checkpoint_begin(dc__checkpoint *c, bool resumed)
{
    pthread_mutex_lock(&c->lock);
    c->saved = resumed ? c->versions->round : DC__NO_ROUND;
    show_kept(c);
    pthread_mutex_unlock(&c->lock);
    const uint64_t first = c->versions->round;
    /* Where a run over shards ends with whoever is lost, its first version is one as any other. */
    const bool due = !resumed && c->dir[0] &&
                     (!c->hooks.announce || c->spares || c->every.rounds > 0 || c->every.seconds > 0);
    if (due) c->planned[first & 1] = first;
    if (c->hooks.announce) c->hooks.announce(c->hooks.context, first, due);
    c->planned_ns = dc__now_ns();
    dc__checkpoint_plan(c);
}

/* What belongs to due. With the lock held. */
static void note_crew(dc__checkpoint *c, const dc__crew *crew)
{
    c->due_crew = *crew;
    c->due_number = c->roster->next_number;
    c->due_batches = c->versions->batches;
}

void dc__checkpoint_if_due(dc__checkpoint *c)
{
    const uint64_t round = c->versions->round;
    if (!c->roster->training || c->planned[round & 1] != round) return;
    pthread_mutex_lock(&c->lock);
    const bool known = round == c->saved || round == c->syncing || round == c->writing || round == c->due;
    const dc__crew *crew = dc__roster_crew(c->roster, round);
    if (!known && dc__statistics_copy(c->statistics, crew, round, c->due_stats)) {
        c->due = round;
        note_crew(c, crew);
        protect(c);
    }
    pthread_mutex_unlock(&c->lock);
}

void dc__checkpoint_announced(dc__checkpoint *c, uint64_t version, bool saved)
{
    pthread_mutex_lock(&c->lock);
    while (saved && c->due != DC__NO_ROUND && !c->quit && !c->left)
        dc__wait_until(&c->changed, &c->lock, dc__now_ns() + POLL_NS);
    pthread_mutex_unlock(&c->lock);
    pthread_mutex_lock(&c->versions->lock);
    pthread_mutex_lock(&c->lock);
    const bool whole = version <= c->versions->round;
    if (saved && whole) {
        c->due = version;
        note_crew(c, dc__roster_crew(c->roster, version));
    } else if (saved) {
        c->planned[version & 1] = version;
    }
    c->announced = version + 1;
    protect(c);
    pthread_mutex_unlock(&c->lock);
    pthread_mutex_unlock(&c->versions->lock);
}

/* The first shard has not said yet whether the version is to be saved. With the lock held. */
static bool is_unannounced(const dc__checkpoint *c, uint64_t version)
{
    return c->follows && version >= c->announced;
}

/* Whether the round that overwrites version has to wait: it is still read; or the round makes a version that is to be
 * written, and another one is in line. With the lock held. */
static bool is_in_the_way(const dc__checkpoint *c, uint64_t version)
{
    const uint64_t made = version + c->versions->ring;
    return c->due == version || c->writing == version || is_unannounced(c, version) ||
           (c->due != DC__NO_ROUND && c->planned[made & 1] == made);
}

dc_error dc__checkpoint_guard(dc__checkpoint *c, uint64_t version, _Atomic int64_t *heard_ns)
{
    if (version == DC__NO_ROUND || (c->protected_ == DC__NO_ROUND && !c->follows)) return DC_OK;
    pthread_mutex_lock(&c->lock);
    while (is_in_the_way(c, version) && !c->roster->ending && !c->left) {
        dc__wait_until(&c->changed, &c->lock, dc__now_ns() + POLL_NS);
        *heard_ns = dc__now_ns();
    }
    const bool writing = is_in_the_way(c, version);
    pthread_mutex_unlock(&c->lock);
    return writing ? dc__fail(DC_ESTOPPED, "the run ended while a checkpoint was written") : DC_OK;
}

/* What files are written of. */
static const dc__versions *source(const dc__checkpoint *c)
{
    return c->hooks.whole ? c->hooks.whole : c->versions;
}

static dc__codes *source_codes(const dc__checkpoint *c)
{
    return c->hooks.whole_codes ? c->hooks.whole_codes : c->codes;
}

/* ---- what ---- */

/* A checkpoint's files, until all are whole. */
typedef struct files {
    dc__file weights, average, state; /* without a stream: not begun */
} files;

static void abandon(files *f)
{
    dc__file_abandon(&f->weights);
    dc__file_abandon(&f->average);
    dc__file_abandon(&f->state);
}

/* NAME and ending, in the backup directory. */
static dc_error begin_file(const dc__checkpoint *c, dc__file *file, const char *ending)
{
    char path[PATH_MAX];
    if ((size_t)snprintf(path, sizeof path, "%s/%s%s", c->dir, source(c)->model->name, ending) >= sizeof path)
        return dc__fail(DC_EFILE, "the path of the backup directory is too long");
    return dc__file_begin(file, path);
}

/* What of a version is not in versions. */
typedef struct company {
    dc__crew crew;
    int next_number;
    dc__batches batches;
    float *stats; /* [crew.n][floats] */
} company;

/* Everything that is read of a version. */
static dc_error fill(dc__checkpoint *c, uint64_t version, const company *with, bool final, files *f)
{
    const dc__versions *v = source(c);
    const dc_model *m = v->model;
    const dc__state_head head = {
        .seed = c->seed, .next_number = with->next_number, .crew = &with->crew, .batches = with->batches};
    const float *average = version < v->first_average ? NULL : dc__versions_average(v, version);
    const uint64_t seen = dc__batches_of(&with->batches, version).batch * m->images_per_round;
    char path[PATH_MAX];
    dc_error err = begin_file(c, &f->weights, final ? "_final.weights" : ".backup");
    if (err) return err;
    dc__model_write(m, dc__codes_arena(source_codes(c), v, version), NULL, seen, &f->weights);
    if (average && !f->weights.why) { /* NAME_ema.weights, once there is an average */
        err = begin_file(c, &f->average, "_ema.weights");
        if (err) return err;
        dc__model_write(m, dc__versions_values(v, version), average, seen, &f->average);
    }
    err = dc__generations_path(&c->generations, m, path);
    if (err || f->weights.why || f->average.why) return err;
    err = dc__file_begin(&f->state, path);
    if (err) return err;
    return dc__state_write(&f->state, v, source_codes(c), version, &head, c->statistics->floats, with->stats);
}

/* The state comes last: what a run resumes from has its .weights beside it. */
static dc_error commit(files *f)
{
    dc_error err = dc__file_commit(&f->weights);
    if (!err && f->average.stream) err = dc__file_commit(&f->average);
    if (!err) err = dc__file_commit(&f->state);
    return err;
}

/* The system has all of the version: its arrays may be overwritten. */
static void let_go(dc__checkpoint *c, uint64_t version)
{
    pthread_mutex_lock(&c->lock);
    c->writing = DC__NO_ROUND;
    c->syncing = version;
    protect(c);
    pthread_mutex_unlock(&c->lock);
}

/* All files, or what another shard's server writes them of. */
static dc_error write_version(dc__checkpoint *c, uint64_t version, const company *with, bool final)
{
    if (c->hooks.gather) {
        const dc_error err = c->hooks.gather(c->hooks.context, version);
        if (err || c->follows) return err;
        let_go(c, version);
    }
    const dc_model *m = source(c)->model;
    const dc__statistics *s = c->statistics;
    const uint64_t bytes = dc__state_bytes(m, with->crew.n) + 2 * sizeof(float) * dc__model_floats(m);
    files f = {0};
    /* The statistics' range of the arena is only ever used here. */
    dc__statistics_mean(with->stats, with->crew.n, s->floats,
                        dc__versions_values(source(c), version) + m->start[DC_STATISTIC]);
    dc_error err = dc__versions_finite(source(c), version); /* else the files stay as they are */
    if (!err) err = dc__run_log_write(c->run_log, version);
    if (!err) err = dc__generations_make_room(&c->generations, c->log, m, version, bytes);
    if (!err) err = fill(c, version, with, final, &f);
    let_go(c, version);
    if (!err) err = commit(&f);
    abandon(&f);
    if (err) return err;
    dc__generations_saved(&c->generations, m, version);
    dc__log_line(c->log, "saved round %llu to %s", (unsigned long long)version, f.weights.path);
    return DC_OK;
}

/* A disk without room, and what else a file can meet, may pass: the run goes on. A line at the first of them, then only
 * at each power of two, and one when it is over. The writer's, without the lock: only it changes the number. */
static void tell(dc__checkpoint *c, uint64_t version, dc_error err)
{
    const uint64_t failed = c->failed + 1;
    if (err == DC_EFILE && (failed & (failed - 1)) == 0)
        dc__log_line(c->log, "round %llu is not saved, and training goes on: %.380s",
                     (unsigned long long)version, dc_last_error());
    else if (err && err != DC_EFILE && !(err == DC_EPEER && c->spares))
        dc__roster_end(c->roster, err, dc_last_error());
    else if (!err && c->failed)
        dc__log_line(c->log, "checkpoints are written again: the %llu before round %llu could not be",
                     (unsigned long long)c->failed, (unsigned long long)version);
}

/* Writes what is due; with the lock held, which is let go meanwhile. */
static void write_due(dc__checkpoint *c, company *with)
{
    const uint64_t version = c->writing = c->due;
    c->due = DC__NO_ROUND;
    protect(c);
    const size_t n = stat_floats(c);
    float *room = realloc(with->stats, (n + 1) * sizeof *room);
    if (room) memcpy(with->stats = room, c->due_stats, n * sizeof *room);
    with->crew = c->due_crew;
    with->next_number = c->due_number;
    with->batches = c->due_batches;
    pthread_mutex_unlock(&c->lock);
    const dc_error err =
        room ? write_version(c, version, with, false) : dc__fail(DC_ENOMEM, "out of memory for a checkpoint");
    tell(c, version, err);
    pthread_mutex_lock(&c->lock);
    c->failed = err ? c->failed + 1 : 0;
    if (!err) c->saved = version;
    c->writing = c->syncing = DC__NO_ROUND;
    show_kept(c);
    protect(c);
}

static void *write_checkpoints(void *argument)
{
    dc__checkpoint *c = argument;
    dc__flush_denormals();
    company with = {0};
    pthread_mutex_lock(&c->lock);
    for (;;) {
        while (c->due == DC__NO_ROUND && !c->quit)
            pthread_cond_wait(&c->changed, &c->lock);
        if (c->due == DC__NO_ROUND) break;
        write_due(c, &with);
    }
    pthread_mutex_unlock(&c->lock);
    free(with.stats);
    return NULL;
}

dc_error dc__checkpoint_start(dc__checkpoint *c)
{
    if (pthread_create(&c->writer, NULL, write_checkpoints, c) != 0)
        return dc__fail(DC_ENOMEM, "cannot start the checkpoint thread");
    c->runs = true;
    return DC_OK;
}

void dc__checkpoint_stop(dc__checkpoint *c)
{
    if (!c->runs) return;
    pthread_mutex_lock(&c->lock);
    c->quit = true;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
    pthread_join(c->writer, NULL);
    c->runs = c->quit = false;
}

void dc__checkpoint_forget(dc__checkpoint *c)
{
    pthread_mutex_lock(&c->lock);
    plan_nothing(c);
    c->failed = 0;
    c->n_kept = 0;
    c->left = false;
    pthread_mutex_unlock(&c->lock);
}

dc_error dc__checkpoint_final(dc__checkpoint *c)
{
    dc__checkpoint_stop(c); /* what is due is written first */
    if (!c->dir[0] || !c->roster->training) return DC_OK;
    char line[DC__LINE_BYTES];
    const dc_error result = dc__roster_result(c->roster, line);
    uint64_t version = c->versions->round;
    const dc_error lost = c->hooks.newest ? c->hooks.newest(c->hooks.context, &version) : DC_OK;
    if (lost) return lost;
    if (result && (c->no_end || version == c->saved || version == c->versions->first_round))
        return DC_OK; /* nothing new, and the run is not at its end */
    dc__flush_denormals();
    const dc__crew *crew = dc__roster_crew(c->roster, version);
    const company with = {.crew = *crew,
                          .next_number = c->roster->next_number,
                          .batches = c->versions->batches,
                          .stats = c->due_stats};
    dc__statistics_copy_last(c->statistics, crew, version, c->due_stats); /* free: the writer has ended */
    const dc_error err = write_version(c, version, &with, result == DC_OK);
    pthread_mutex_lock(&c->lock);
    if (!err) c->saved = version;
    pthread_mutex_unlock(&c->lock);
    if (err && result) /* both ends of the story */
        dc__log_line(c->log, "%s", dc_last_error());
    return err;
}

uint64_t dc__checkpoint_saved(dc__checkpoint *c)
{
    pthread_mutex_lock(&c->lock);
    const uint64_t saved = c->saved;
    pthread_mutex_unlock(&c->lock);
    return saved;
}
