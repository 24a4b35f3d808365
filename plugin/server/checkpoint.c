/* checkpoint.c - writing versions to disk while training goes on.
 *
 * A version that is due stays untouched in its arrays until version + 2 begins to overwrite it;
 * dc__checkpoint_guard holds that up if the disk is slower than a round. First the .weights, then the state:
 * a crash in between leaves an older state, from which a run resumes as if it had stopped there. */
#include "server/server.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/floatmode.h"

/* With the lock held: the oldest version that a writer still needs. */
static void protect(dc_server *s)
{
    s->protected_ = s->writing != DC__NO_ROUND ? s->writing : s->due;
    pthread_cond_broadcast(&s->changed);
}

void dc__checkpoint_if_due(dc_server *s)
{
    const uint64_t round = s->state.round, every = s->options.backup_every;
    if (!s->backup_dir[0] || !s->running || every == 0 || round % every != 0 || round == s->saved ||
        round == s->writing || round == s->due || round == s->state.first_round)
        return;
    const float *stats = dc__state_stats(s, round);
    if (!stats) return;
    s->due = round;
    memcpy(s->due_stats, stats, (size_t)dc__stat_floats(s) * (size_t)s->workers * sizeof(float));
    protect(s);
}

dc_error dc__checkpoint_guard(dc__peer *peer, uint64_t version)
{
    dc_server *s = peer->server;
    if (version == DC__NO_ROUND || s->protected_ != version) return DC_OK;
    pthread_mutex_lock(&s->lock);
    while ((s->due == version || s->writing == version) && !s->ending) {
        dc__server_wait(s, &s->changed);
        peer->link.heard_ns = dc__now_ns(); /* the worker is not silent: nobody reads what it says */
    }
    const bool writing = s->due == version || s->writing == version;
    pthread_mutex_unlock(&s->lock);
    return writing ? dc__fail(DC_ESTOPPED, "the run ended while a checkpoint was written") : DC_OK;
}

static dc_error write_weights(dc_server *s, uint64_t version, const char *path)
{
    return dc__model_save_arena(s->model, s->state.value[version & 1], path,
                                version * s->model->images_per_round);
}

/* Both files. stats: [workers][statistics]. */
static dc_error write_version(dc_server *s, uint64_t version, const float *stats, bool final)
{
    char path[PATH_MAX];
    const char *suffix = final ? "_final.weights" : ".backup";
    if ((size_t)snprintf(path, sizeof path, "%s/%s%s", s->backup_dir, s->model->name, suffix) >= sizeof path)
        return dc__fail(DC_EFILE, "the path of the backup directory is too long");
    /* The statistics' range of the arena is only ever used here. */
    dc__state_mean_stats(s, stats, s->state.value[version & 1] + s->model->start[DC_STATISTIC]);
    dc_error err = write_weights(s, version, path);
    if (!err) err = dc__state_save(s, version, stats);
    if (!err) dc__server_log(s, "saved round %llu to %s", (unsigned long long)version, path);
    return err;
}

static void *write_checkpoints(void *argument)
{
    dc_server *s = argument;
    dc__flush_denormals();
    float *stats = NULL;
    pthread_mutex_lock(&s->lock);
    for (;;) {
        while (s->due == DC__NO_ROUND && !s->writer_quit)
            pthread_cond_wait(&s->changed, &s->lock);
        if (s->due == DC__NO_ROUND) break;
        s->writing = s->due;
        s->due = DC__NO_ROUND;
        protect(s);
        const size_t n = (size_t)dc__stat_floats(s) * (size_t)s->workers;
        float *room = realloc(stats, (n + 1) * sizeof *stats);
        if (room) memcpy(stats = room, s->due_stats, n * sizeof *stats);
        pthread_mutex_unlock(&s->lock);
        dc_error err = room ? write_version(s, s->writing, stats, false)
                            : dc__fail(DC_ENOMEM, "out of memory for a checkpoint");
        pthread_mutex_lock(&s->lock);
        if (err)
            dc__server_end(s, err, dc_last_error());
        else
            s->saved = s->writing;
        s->writing = DC__NO_ROUND;
        protect(s);
    }
    pthread_mutex_unlock(&s->lock);
    free(stats);
    return NULL;
}

dc_error dc__checkpoint_start(dc_server *s)
{
    if (pthread_create(&s->writer, NULL, write_checkpoints, s) != 0)
        return dc__fail(DC_ENOMEM, "cannot start the checkpoint thread");
    s->writer_runs = true;
    return DC_OK;
}

void dc__checkpoint_stop(dc_server *s)
{
    if (!s->writer_runs) return;
    pthread_mutex_lock(&s->lock);
    s->writer_quit = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->writer, NULL);
    s->writer_runs = false;
}

/* The statistics to save with the last version. Where a worker died before it sent them, those of the round
 * before: nothing in training reads them. */
static const float *last_stats(dc_server *s, uint64_t version)
{
    const size_t n = (size_t)dc__stat_floats(s);
    for (int i = 0; i < s->workers; i++) {
        const bool here = s->state.stat_round[version & 1][i] == version;
        const float *from = s->state.stats[here ? version & 1 : 1 - (version & 1)];
        memcpy(s->due_stats + (size_t)i * n, from + (size_t)i * n, n * sizeof *from);
    }
    return s->due_stats; /* free: the writer has ended */
}

dc_error dc__checkpoint_final(dc_server *s)
{
    dc__checkpoint_stop(s); /* what is due is written first */
    if (!s->backup_dir[0] || !s->running) return DC_OK;
    if (s->result && (s->state.round == s->saved || s->state.round == s->state.first_round))
        return DC_OK; /* nothing new, and the run is not at its end */
    dc__flush_denormals();
    dc_error err = write_version(s, s->state.round, last_stats(s, s->state.round), s->result == DC_OK);
    if (err && s->result) /* both ends of the story */
        dc__server_log(s, "%s", dc_last_error());
    return err;
}
