/* roster.c - who makes the versions of a replayed run, and with which statistics they begin. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/limits.h"
#include "model/finite.h"
#include "replay/replay.h"
#include "server/reduce.h"
#include "server/statistics.h"

#define ADDENDS_MOST (int)(sizeof((dc__addends *)0)->member / sizeof *((dc__addends *)0)->member)

/* ---- statistics ---- */

/* The mean of those at from[n]. */
static dc_error mean_of(const dc_replay *r, const float *const *from, int n, float *mean)
{
    const size_t floats = (size_t)r->stat_floats;
    float *all = calloc(floats * (size_t)n + 1, sizeof *all);
    if (!all) return dc__fail(DC_ENOMEM, "out of memory for the statistics of %d workers", n);
    for (int k = 0; k < n; k++)
        memcpy(all + floats * (size_t)k, from[k], floats * sizeof *all);
    dc__statistics_mean(all, n, floats, mean);
    free(all);
    return DC_OK;
}

dc_error dc__replay_mean(const dc_replay *r, float *mean)
{
    const float *from[ADDENDS_MOST];
    for (int k = 0; k < r->n_crew; k++)
        from[k] = r->players[r->crew[k]].reported;
    return mean_of(r, from, r->n_crew, mean);
}

void dc__replay_take_statistics(dc_replay *r, dc__player *p)
{
    const size_t n = (size_t)r->stat_floats, most = DC__MAX_SLICE_BYTES / sizeof(float); /* of a frame */
    dc__model_gather(r->model, false, r->model->start[DC_STATISTIC], n, p->statistics);
    for (size_t at = 0; at < n; at += most) {
        const size_t count = n - at < most ? n - at : most;
        if (dc__is_finite(count, p->statistics + at))
            memcpy(p->reported + at, p->statistics + at, count * sizeof *p->reported);
        else /* the worker keeps those of before, too */
            memcpy(p->statistics + at, p->reported + at, count * sizeof *p->reported);
    }
}

/* ---- records ---- */

/* All join anew, and are sent what the server has. */
dc_error dc__replay_server(dc_replay *r)
{
    r->server = r->next.server;
    r->codes.workers = r->server.workers;
    for (int k = 0; k < r->info.members; k++)
        memcpy(r->players[k].statistics, r->players[k].reported, r->stat_floats * sizeof(float));
    dc__clip_release(&r->clip);
    r->clip.factor = r->server.clip_norm;
    return dc__clip_allocate(&r->clip, r->model, r->most_crew);
}

static void set(const dc_replay *r, dc__player *p, const float *statistics)
{
    const size_t bytes = (size_t)r->stat_floats * sizeof *statistics;
    if (p->reported != statistics) memcpy(p->reported, statistics, bytes);
    if (p->statistics != statistics) memcpy(p->statistics, statistics, bytes);
    p->known = true;
}

static dc_error unknown(const dc_replay *r, int number)
{
    return dc__fail(DC_EFORMAT, "%s: worker %d begins in round %llu with statistics that nobody has", r->path,
                    number, (unsigned long long)r->next.round + 1);
}

/* Those who bring their own, and those who begin with the mean of the roster before: at `before`, NULL in the first. */
static dc_error begin_known(dc_replay *r, const float *before)
{
    const float *initial =
        dc__versions_values(&r->versions, r->info.first_round) + r->model->start[DC_STATISTIC];
    for (int k = 0; k < r->next.n; k++) {
        const dc__log_member *m = &r->next.members[k];
        dc__player *p = dc__replay_find(r, m->number);
        if (m->statistics == DC__LOG_OF_OTHERS) continue;
        if (!before)
            set(r, p, initial);
        else if (m->statistics == DC__LOG_OF_BEFORE)
            set(r, p, before);
        else if (!p->known)
            return unknown(r, m->number);
    }
    return DC_OK;
}

/* Those who are new: the mean of the others'. */
static dc_error begin_new(dc_replay *r)
{
    const float *from[ADDENDS_MOST];
    dc__player *first = NULL;
    int n = 0;
    for (int k = 0; k < r->next.n; k++)
        if (r->next.members[k].statistics != DC__LOG_OF_OTHERS)
            from[n++] = dc__replay_find(r, r->next.members[k].number)->reported;
    for (int k = 0; k < r->next.n; k++) {
        if (r->next.members[k].statistics != DC__LOG_OF_OTHERS) continue;
        dc__player *p = dc__replay_find(r, r->next.members[k].number);
        if (n == 0) return unknown(r, p->who.number);
        const dc_error err = first ? DC_OK : mean_of(r, from, n, p->reported);
        if (err) return err;
        if (!first) first = p;
        set(r, p, first->reported);
    }
    return DC_OK;
}

static dc_error check(dc_replay *r)
{
    if (r->next.n > ADDENDS_MOST)
        return dc__fail(DC_EFORMAT, "%s has a round of %d workers: at most %d are possible", r->path,
                        r->next.n, ADDENDS_MOST);
    for (int k = 0; k < r->next.n; k++)
        for (int i = 0; i < k; i++)
            if (r->next.members[i].number == r->next.members[k].number)
                return dc__fail(DC_EFORMAT, "%s: worker %d is in a roster twice", r->path,
                                r->next.members[k].number);
    return DC_OK;
}

dc_error dc__replay_roster(dc_replay *r)
{
    float *before = NULL;
    dc_error err = check(r);
    if (!err && r->n_crew > 0) {
        before = calloc(r->stat_floats + 1, sizeof *before);
        err = before ? dc__replay_mean(r, before) : dc__fail(DC_ENOMEM, "out of memory for %s", r->path);
    }
    if (!err) err = begin_known(r, before);
    if (!err) err = begin_new(r);
    free(before);
    if (err) return err;
    r->n_crew = r->next.n;
    for (int k = 0; k < r->n_crew; k++) {
        dc__player *p = dc__replay_find(r, r->next.members[k].number);
        dc__player_describe(p, &r->next.members[k]);
        p->path.n = 0; /* unless the next record says otherwise */
        r->crew[k] = (int)(p - r->players);
    }
    return DC_OK;
}

dc_error dc__replay_relays(dc_replay *r)
{
    for (int k = 0; k < r->next.n; k++) {
        const dc__log_member *m = &r->next.members[k];
        dc__player *p = dc__replay_find(r, m->number);
        if (!p)
            return dc__fail(DC_EFORMAT, "%s: worker %d stands behind a relay, and takes no part", r->path,
                            m->number);
        p->path = m->path;
    }
    return DC_OK;
}
