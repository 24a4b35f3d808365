#include "server/checkpoint.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/floatmode.h"
#include "model/average.h"
#include "model/finite.h"
#include "server/state_file.h"

#define POLL_NS 50000000

void dc__checkpoint_init(dc__checkpoint *c, const char *dir, uint64_t every)
{
    (void)snprintf(c->dir, sizeof c->dir, "%s", dir ? dir : "");
    c->every = every;
    c->due = c->writing = c->saved = DC__NO_ROUND;
    c->protected_ = DC__NO_ROUND;
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

/* What belongs to due. With the lock held. */
static void note_crew(dc__checkpoint *c, const dc__crew *crew)
{
    c->due_crew = *crew;
    c->due_number = c->roster->next_number;
}

void dc__checkpoint_if_due(dc__checkpoint *c)
{
    const uint64_t round = c->versions->round;
    const bool due = c->every > 0 && (round % c->every == 0 || round == c->versions->first_round);
    if (!c->dir[0] || !c->roster->training || !due) return;
    pthread_mutex_lock(&c->lock);
    const bool known = round == c->saved || round == c->writing || round == c->due;
    const dc__crew *crew = dc__roster_crew(c->roster, round);
    if (!known && dc__statistics_copy(c->statistics, crew, round, c->due_stats)) {
        c->due = round;
        note_crew(c, crew);
        protect(c);
    }
    pthread_mutex_unlock(&c->lock);
}

dc_error dc__checkpoint_guard(dc__checkpoint *c, uint64_t version, _Atomic int64_t *heard_ns)
{
    if (version == DC__NO_ROUND || c->protected_ != version) return DC_OK;
    pthread_mutex_lock(&c->lock);
    while ((c->due == version || c->writing == version) && !c->roster->ending) {
        dc__wait_until(&c->changed, &c->lock, dc__now_ns() + POLL_NS);
        *heard_ns = dc__now_ns();
    }
    const bool writing = c->due == version || c->writing == version;
    pthread_mutex_unlock(&c->lock);
    return writing ? dc__fail(DC_ESTOPPED, "the run ended while a checkpoint was written") : DC_OK;
}

/* What is not finite never replaces what is: the files stay as they are. */
static dc_error check_finite(const dc__checkpoint *c, uint64_t version)
{
    const dc__versions *v = c->versions;
    const dc_model *m = v->model;
    const float *moment2 = dc__versions_moment2(v, version);
    const uint64_t moments = dc__model_state_floats(m);
    char what[64];
    (void)snprintf(what, sizeof what, "round %llu is not saved: a value", (unsigned long long)version);
    dc_error err = dc__finite_check(m, 0, dc__model_floats(m), dc__versions_values(v, version), what);
    (void)snprintf(what, sizeof what, "round %llu is not saved: a moment", (unsigned long long)version);
    if (!err) err = dc__finite_check(m, 0, moments, dc__versions_moment1(v, version), what);
    if (!err && moment2) err = dc__finite_check(m, 0, moments, moment2, what);
    return err;
}

/* NAME_ema.weights, once there is an average. */
static dc_error write_average(const dc__checkpoint *c, uint64_t version)
{
    const dc__versions *v = c->versions;
    const dc_model *m = v->model;
    const float *average = dc__versions_average(v, version);
    char path[PATH_MAX];
    if (!average || version < v->first_average) return DC_OK;
    if ((size_t)snprintf(path, sizeof path, "%s/%s_ema.weights", c->dir, m->name) >= sizeof path)
        return dc__fail(DC_EFILE, "the path of the backup directory is too long");
    return dc__model_save_with(m, dc__versions_values(v, version), average, path,
                               version * m->images_per_round);
}

/* What of a version is not in versions. */
typedef struct company {
    dc__crew crew;
    int next_number;
    float *stats; /* [crew.n][floats] */
} company;

/* All files. */
static dc_error write_version(dc__checkpoint *c, uint64_t version, const company *with, bool final)
{
    const dc_model *m = c->versions->model;
    const dc__statistics *s = c->statistics;
    float *values = dc__versions_values(c->versions, version);
    char path[PATH_MAX];
    const char *suffix = final ? "_final.weights" : ".backup";
    if ((size_t)snprintf(path, sizeof path, "%s/%s%s", c->dir, m->name, suffix) >= sizeof path)
        return dc__fail(DC_EFILE, "the path of the backup directory is too long");
    /* The statistics' range of the arena is only ever used here. */
    dc__statistics_mean(with->stats, with->crew.n, s->floats, values + m->start[DC_STATISTIC]);
    const dc__state_head head = {.seed = c->seed, .next_number = with->next_number, .crew = &with->crew};
    dc_error err = check_finite(c, version);
    if (!err) err = dc__run_log_write(c->run_log, version);
    if (!err)
        err = dc__model_save_arena(m, dc__codes_arena(c->codes, c->versions, version), path,
                                   version * c->codes->coding.local_steps * m->images_per_round);
    if (!err) err = write_average(c, version);
    if (!err) err = dc__state_save(c->dir, c->versions, c->codes, version, &head, s->floats, with->stats);
    if (!err) dc__log_line(c->log, "saved round %llu to %s", (unsigned long long)version, path);
    return err;
}

/* Writes what is due; with the lock held, which is let go meanwhile. */
static void write_due(dc__checkpoint *c, company *with)
{
    c->writing = c->due;
    c->due = DC__NO_ROUND;
    protect(c);
    const size_t n = stat_floats(c);
    float *room = realloc(with->stats, (n + 1) * sizeof *room);
    if (room) memcpy(with->stats = room, c->due_stats, n * sizeof *room);
    with->crew = c->due_crew;
    with->next_number = c->due_number;
    pthread_mutex_unlock(&c->lock);
    const dc_error err = room ? write_version(c, c->writing, with, false)
                              : dc__fail(DC_ENOMEM, "out of memory for a checkpoint");
    if (err) dc__roster_end(c->roster, err, dc_last_error());
    pthread_mutex_lock(&c->lock);
    if (!err) c->saved = c->writing;
    c->writing = DC__NO_ROUND;
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
    c->runs = false;
}

dc_error dc__checkpoint_final(dc__checkpoint *c)
{
    dc__checkpoint_stop(c); /* what is due is written first */
    if (!c->dir[0] || !c->roster->training) return DC_OK;
    char line[DC__LINE_BYTES];
    const dc_error result = dc__roster_result(c->roster, line);
    const uint64_t version = c->versions->round;
    if (result && (version == c->saved || version == c->versions->first_round))
        return DC_OK; /* nothing new, and the run is not at its end */
    dc__flush_denormals();
    const dc__crew *crew = dc__roster_crew(c->roster, version);
    const company with = {.crew = *crew, .next_number = c->roster->next_number, .stats = c->due_stats};
    dc__statistics_copy_last(c->statistics, crew, version, c->due_stats); /* free: the writer has ended */
    const dc_error err = write_version(c, version, &with, result == DC_OK);
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

void dc__checkpoint_resumed(dc__checkpoint *c, uint64_t version)
{
    pthread_mutex_lock(&c->lock);
    c->saved = version;
    pthread_mutex_unlock(&c->lock);
}
