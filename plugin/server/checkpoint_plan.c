/* checkpoint_plan.c - which versions are to be written, and which there are. See checkpoint.h. */
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
