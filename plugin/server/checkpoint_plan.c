/* checkpoint_plan.c - which versions are to be written, and which there are. See checkpoint.h. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "server/checkpoint.h"

bool dc__checkpoint_is_busy(dc__checkpoint *c)
{
    pthread_mutex_lock(&c->lock);
    const bool busy = c->due != DC__NO_ROUND || c->writing != DC__NO_ROUND || c->syncing != DC__NO_ROUND;
    pthread_mutex_unlock(&c->lock);
    return busy;
}

void dc__checkpoint_leave(dc__checkpoint *c)
{
    pthread_mutex_lock(&c->lock);
    c->left = true;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
}

/* Whether the version after the last whole one is to be written. */
static bool next_is_due(dc__checkpoint *c, uint64_t next, int64_t now)
{
    if (!c->dir[0]) return false;
    bool due = c->every.rounds > 0 && next % c->every.rounds == 0;
    if (!due && c->every.seconds > 0 && dc__seconds(now - c->planned_ns) >= c->every.seconds)
        due = !dc__checkpoint_is_busy(c); /* a disk that is slower than that is not asked for more */
    return due;
}

void dc__checkpoint_plan(dc__checkpoint *c)
{
    const uint64_t next = c->versions->round + 1;
    const int64_t now = dc__now_ns();
    const bool due = next_is_due(c, next, now);
    if (c->hooks.announce) c->hooks.announce(c->hooks.context, next, due);
    if (!due) return;
    c->planned[next & 1] = next;
    c->planned_ns = now;
}

int dc__checkpoint_kept(dc__checkpoint *c, uint64_t versions[DC__KEPT_MOST])
{
    pthread_mutex_lock(&c->lock);
    const uint64_t coming[] = {c->syncing, c->writing, c->due};
    int n = c->n_kept;
    memcpy(versions, c->kept, (size_t)n * sizeof *versions);
    for (int k = 0; k < 3; k++)
        if (coming[k] != DC__NO_ROUND) versions[n++] = coming[k];
    pthread_mutex_unlock(&c->lock);
    return n;
}

bool dc__checkpoint_has_end(const dc__checkpoint *c, uint64_t version)
{
    const dc_model *m = c->versions->model;
    char path[PATH_MAX];
    uint8_t head[3 * 4 + 8]; /* as dc__model_write writes it */
    uint64_t seen = 0;
    if ((size_t)snprintf(path, sizeof path, "%s/%s_final.weights", c->dir, m->name) >= sizeof path)
        return false;
    FILE *file = c->dir[0] ? fopen(path, "rbe") : NULL;
    if (!file) return false;
    const bool ok = fread(head, sizeof head, 1, file) == 1;
    (void)fclose(file);
    memcpy(&seen, head + 12, ok ? sizeof seen : 0);
    return ok && seen == dc__batches_of(&c->versions->batches, version).batch * m->images_per_round;
}
