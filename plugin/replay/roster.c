/* roster.c - who makes the versions of a replayed run, and with which statistics they begin. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "replay/replay.h"
#include "server/statistics.h"

void dc__replay_free_members(dc__replayed *members, int n)
{
    for (int k = 0; members && k < n; k++) {
        free(members[k].statistics);
        free(members[k].gradient);
        free(members[k].counts);
    }
    free(members);
}

static const dc__replayed *find(const dc__replayed *members, int n, int number)
{
    for (int k = 0; k < n; k++)
        if (members[k].who.number == number) return &members[k];
    return NULL;
}

static dc_error allocate(const dc_replay *r, dc__replayed *m)
{
    m->statistics = calloc(r->stat_floats + 1, sizeof *m->statistics);
    m->gradient = calloc(r->trained_floats + 1, sizeof *m->gradient);
    m->counts = calloc((r->model->n_blocks + 7) / 8, 1);
    if (m->statistics && m->gradient && m->counts) return DC_OK;
    return dc__fail(DC_ENOMEM, "out of memory for the gradients of %d workers", r->info.n_members);
}

/* Mean over the members that go on, or, where nobody does, over those before, in their order, into one of `to`. */
static dc_error mean(const dc_replay *r, const dc__replayed *to, int n, float *out)
{
    float *all = calloc(r->stat_floats * (size_t)(n + r->n) + 1, sizeof *all);
    int found = 0;
    if (!all) return dc__fail(DC_ENOMEM, "out of memory for statistics");
    for (int k = 0; k < n; k++)
        if (!to[k].who.fresh)
            memcpy(all + r->stat_floats * (size_t)found++, to[k].statistics, r->stat_floats * sizeof *all);
    for (int k = 0; found == 0 && k < r->n; k++)
        memcpy(all + r->stat_floats * (size_t)k, r->members[k].statistics, r->stat_floats * sizeof *all);
    dc__statistics_mean(all, found ? found : r->n, r->stat_floats, out);
    free(all);
    return DC_OK;
}

/* Statistics of all: first those of members that go on, from which the others' follow. */
static dc_error begin_statistics(const dc_replay *r, dc__replayed *to, int n)
{
    const float *initial =
        dc__versions_values(&r->versions, r->versions.round) + r->model->start[DC_STATISTIC];
    for (int k = 0; k < n; k++) {
        const dc__replayed *before = find(r->members, r->n, to[k].who.number);
        if (r->n > 0 && to[k].who.fresh) continue;
        if (r->n > 0 && !before)
            return dc__fail(DC_EFORMAT,
                            "%s: worker %d begins in round %llu without statistics: the log is not whole",
                            r->path, to[k].who.number, (unsigned long long)r->versions.round + 1);
        memcpy(to[k].statistics, before ? before->statistics : initial, r->stat_floats * sizeof *initial);
    }
    for (int k = 0; r->n > 0 && k < n; k++) {
        if (!to[k].who.fresh) continue;
        const dc_error err = mean(r, to, n, to[k].statistics);
        if (err) return err;
    }
    return DC_OK;
}

dc_error dc__replay_roster(dc_replay *r, const dc__log_record *record)
{
    dc__replayed *to = calloc((size_t)record->n, sizeof *to);
    if (!to) return dc__fail(DC_ENOMEM, "out of memory for %d workers", record->n);
    dc_error err = DC_OK;
    for (int k = 0; !err && k < record->n; k++) {
        to[k].who = record->members[k];
        err = find(to, k, to[k].who.number)
                  ? dc__fail(DC_EFORMAT, "%s: worker %d is in a roster twice", r->path, to[k].who.number)
                  : allocate(r, &to[k]);
    }
    if (!err) err = begin_statistics(r, to, record->n);
    if (err) {
        dc__replay_free_members(to, record->n);
        return err;
    }
    dc__replay_free_members(r->members, r->n);
    r->members = to;
    r->n = record->n;
    r->carried = record->carried;
    return DC_OK;
}
