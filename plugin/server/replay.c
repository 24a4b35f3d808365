/* replay.c - a run made again from its log, on one machine: dc_replay_* of dynacomm_replay.h.
 *
 * DESIGN
 *   The versions, the sum and the step are the server's own (versions, dc__addends, apply); what is new is only where
 * the gradients come from: one member's after another, out of the caller's model. Every member has rolling
 * statistics of its own, which the model's arrays hold while it computes. A run with a single worker that
 * carries the momentum was stepped like one machine alone: dc_model_update. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "dynacomm_average.h"
#include "dynacomm_replay.h"
#include "base/floatmode.h"
#include "server/apply.h"
#include "server/run_log_read.h"
#include "server/statistics.h"

#define MOST DC_MAX_WORKERS

/* A member, from when it first takes part. */
typedef struct player {
    dc_replay_member who;
    float *statistics; /* [statistics' floats] */
    float *gradients;  /* [trained floats] of the round; NULL until it takes part in one */
    uint8_t *counts;   /* bitmap [n_blocks] of the round, where only some blocks count */
    bool partial;
} player;

struct dc_replay {
    char path[512];
    dc__log_reader *log;
    dc__log_record next; /* not carried out yet */
    dc_replay_info info;
    dc_model *model; /* the caller's; NULL before dc_replay_begin */
    dc__versions versions;
    player *players;
    int n_players;
    int crew[MOST], n_crew; /* indices of players, in the order of summation */
    bool fresh[MOST];
    uint64_t round, steps;
    float rate;
    int taken; /* of the crew, in this round */
};

static uint64_t statistics_floats(const dc_model *m)
{
    return m->start[DC_ROLE_COUNT] - m->start[DC_STATISTIC];
}

/* ---- the log ---- */

static player *find(dc_replay *r, int number)
{
    for (int k = 0; k < r->n_players; k++)
        if (r->players[k].who.number == number) return &r->players[k];
    return NULL;
}

static dc_error add_player(dc_replay *r, const dc__log_member *m)
{
    if (find(r, m->number)) return DC_OK;
    player *more = realloc(r->players, (size_t)(r->n_players + 1) * sizeof *more);
    if (!more) return dc__fail(DC_ENOMEM, "out of memory for %s", r->path);
    r->players = more;
    r->players[r->n_players++] = (player){.who = {.number = m->number, .id = m->id, .images = m->images}};
    memcpy(r->players[r->n_players - 1].who.note, m->note, sizeof m->note);
    return DC_OK;
}

/* Reads the whole log once: who takes part, and how many versions were saved. */
static dc_error survey(dc_replay *r, const char *path)
{
    dc__log_reader *log;
    dc__log_record record;
    dc_error err = dc__log_reader_open(&log, path, &record);
    if (err) return err;
    r->info.seed = record.run.seed;
    r->info.first_round = r->info.last_round = record.run.first_round;
    r->info.carried = record.run.carried;
    while (!err && record.type != DC__LOG_END) {
        if (record.type == DC__LOG_SAVED) r->info.last_round = record.round;
        if (record.type == DC__LOG_ROSTER && record.n > MOST)
            err = dc__fail(DC_EFORMAT, "%s has a round of %d workers: at most %d are possible", path,
                           record.n, MOST);
        for (int k = 0; !err && record.type == DC__LOG_ROSTER && k < record.n; k++)
            err = add_player(r, &record.members[k]);
        if (!err) err = dc__log_reader_next(log, &record);
    }
    dc__log_reader_close(log);
    if (!err && r->n_players == 0) err = dc__fail(DC_EFORMAT, "%s has no round: nobody took part yet", path);
    return err;
}

dc_error dc_replay_open(dc_replay **replay, const char *path)
{
    *replay = NULL;
    dc_replay *r = calloc(1, sizeof *r);
    if (!r) return dc__fail(DC_ENOMEM, "out of memory for a replay");
    dc__versions_init(&r->versions);
    (void)snprintf(r->path, sizeof r->path, "%s", path);
    dc_error err = survey(r, path);
    if (!err) err = dc__log_reader_open(&r->log, path, &r->next);
    if (!err && r->next.run.first_step > 0)
        err = dc__fail(DC_EINVAL,
                       "%s begins at round %llu of a run whose log was lost: momentum of before is not in it",
                       path, (unsigned long long)r->next.run.first_round + 1);
    if (!err && r->next.run.settings[0])
        err = dc__fail(DC_EINVAL, "%s is of a run with %.200s: that cannot be replayed yet", path,
                       r->next.run.settings);
    if (err) {
        dc_replay_close(r);
        return err;
    }
    *replay = r;
    return DC_OK;
}

void dc_replay_close(dc_replay *r)
{
    if (!r) return;
    for (int k = 0; k < r->n_players; k++) {
        free(r->players[k].statistics);
        free(r->players[k].gradients);
        free(r->players[k].counts);
    }
    free(r->players);
    dc__log_reader_close(r->log);
    dc__versions_destroy(&r->versions);
    free(r);
}

dc_replay_info dc_replay_info_get(const dc_replay *r)
{
    dc_replay_info info = r->info;
    info.members = r->n_players;
    info.round = r->model ? r->round : r->info.first_round;
    return info;
}

dc_replay_member dc_replay_member_get(const dc_replay *r, int k)
{
    return r->players[k].who;
}

/* ---- the start ---- */

static dc_error allocate(dc_replay *r, const dc_model *m)
{
    const size_t floats = statistics_floats(m), blocks = (m->n_blocks + 7) / 8;
    dc_error err = dc__versions_allocate(&r->versions, m);
    for (int k = 0; !err && k < r->n_players; k++) {
        player *p = &r->players[k];
        p->statistics = calloc(floats + 1, sizeof *p->statistics);
        p->counts = calloc(blocks, 1);
        if (!p->statistics || !p->counts) err = dc__fail(DC_ENOMEM, "out of memory for %s", r->path);
        if (!err) dc__model_gather(m, false, m->start[DC_STATISTIC], floats, p->statistics);
    }
    return err;
}

dc_error dc_replay_begin(dc_replay *r, dc_model *m)
{
    dc_error err = dc__model_seal(m);
    if (!err) err = dc__model_same(r->next.model, m, r->path, "this cfg");
    if (!err) err = allocate(r, m);
    if (err) return err;
    float *values = dc__versions_values(&r->versions, r->info.first_round);
    dc__model_gather(m, false, 0, dc__model_floats(m), values);
    if (dc__run_log_hash(m, values) != r->next.run.values_hash)
        return dc__fail(
            DC_EINVAL,
            "%s began with other values: give the cfg and the weights that its first worker had, and kernels "
            "of the same kind",
            r->path);
    dc__versions_set_initial(&r->versions, 0, dc__model_floats(m), values);
    dc__versions_begin(&r->versions, r->info.first_round, r->next.run.first_step);
    r->round = r->info.first_round;
    r->steps = r->next.run.first_step;
    r->model = m;
    return dc__log_reader_next(r->log, &r->next);
}

/* ---- a round ---- */

/* A newcomer begins with the mean of the others' statistics, in the order of the roster. */
static void welcome(dc_replay *r)
{
    const uint64_t n = statistics_floats(r->model);
    float *mean = NULL;
    int others = 0;
    for (int k = 0; k < r->n_crew; k++) {
        if (!r->fresh[k]) continue;
        mean = r->players[r->crew[k]].statistics;
        others = 0;
        for (int i = 0; i < r->n_crew; i++) {
            if (r->fresh[i]) continue;
            const float *other = r->players[r->crew[i]].statistics;
            if (others++ == 0)
                memcpy(mean, other, n * sizeof *mean);
            else
                dc__add(n, mean, other);
        }
        for (uint64_t j = 0; others > 1 && j < n; j++)
            mean[j] = mean[j] / (float)others;
    }
}

/* Where other workers go on with a run, statistics and momentum went over to them in ways that are not replayed. */
static bool is_same_crew(dc_replay *r)
{
    bool same = r->next.n == r->n_crew;
    for (int k = 0; same && k < r->n_crew; k++)
        same = r->players[r->crew[k]].who.number == r->next.members[k].number;
    return same;
}

static dc_error take_roster(dc_replay *r)
{
    if (r->n_crew > 0 && !is_same_crew(r))
        return dc__fail(
            DC_EINVAL,
            "%s: other workers went on with the run in round %llu: it cannot be replayed beyond that yet",
            r->path, (unsigned long long)r->next.round + 1);
    r->n_crew = r->next.n;
    for (int k = 0; k < r->n_crew; k++) {
        const player *p = find(r, r->next.members[k].number);
        r->crew[k] = (int)(p - r->players);
        r->fresh[k] = r->next.members[k].fresh;
        r->players[r->crew[k]].who.images = r->next.members[k].images;
    }
    welcome(r);
    return DC_OK;
}

static dc_error take_partial(dc_replay *r)
{
    player *p = find(r, r->next.number);
    if (!p) return dc__fail(DC_EFORMAT, "%s: worker %d is in no roster", r->path, r->next.number);
    memcpy(p->counts, r->next.bitmap, (r->model->n_blocks + 7) / 8);
    p->partial = true;
    return DC_OK;
}

/* Whether something is logged that decides round, or what stands before it. */
static bool is_due(const dc_replay *r)
{
    if (r->next.type == DC__LOG_END || r->next.type == DC__LOG_RUN) return false;
    return r->next.round <= r->round;
}

static dc_error read_round(dc_replay *r)
{
    dc_error err = DC_OK;
    for (int k = 0; k < r->n_players; k++)
        r->players[k].partial = false;
    while (!err && is_due(r)) {
        if (r->next.type == DC__LOG_ROSTER) err = take_roster(r);
        if (r->next.type == DC__LOG_PARTIAL) err = take_partial(r);
        if (r->next.type == DC__LOG_RATE) r->rate = r->next.rate;
        if (r->next.type == DC__LOG_GAP)
            err = dc__fail(DC_EINVAL,
                           "%s: a gradient was refused in round %llu: the run cannot be replayed beyond it",
                           r->path, (unsigned long long)r->round + 1);
        if (!err) err = dc__log_reader_next(r->log, &r->next);
    }
    return err;
}

dc_error dc_replay_round(dc_replay *r, dc_replay_round_info *round)
{
    *round = (dc_replay_round_info){.round = r->round};
    if (r->round >= r->info.last_round) return DC_OK;
    dc_error err = read_round(r);
    if (!err && r->n_crew == 0)
        err = dc__fail(DC_EFORMAT, "%s: nobody makes round %llu", r->path, (unsigned long long)r->round + 1);
    r->taken = 0;
    round->members = r->n_crew;
    round->rate = r->rate;
    return err;
}

int dc_replay_place(dc_replay *r, int k)
{
    const dc_model *m = r->model;
    player *p = &r->players[r->crew[k]];
    const float *values = dc__versions_values(&r->versions, r->round);
    if (!r->info.carried) dc__model_scatter(r->model, 0, m->start[DC_STATISTIC], values);
    dc__model_scatter(r->model, m->start[DC_STATISTIC], statistics_floats(m), p->statistics);
    return r->crew[k];
}

dc_error dc_replay_take(dc_replay *r, int k)
{
    const dc_model *m = r->model;
    player *p = &r->players[r->crew[k]];
    dc__assert(k == r->taken);
    dc__model_gather(m, false, m->start[DC_STATISTIC], statistics_floats(m), p->statistics);
    r->taken++;
    if (r->info.carried) return DC_OK;
    if (!p->gradients) p->gradients = calloc(m->start[DC_FROZEN] + 1, sizeof *p->gradients);
    if (!p->gradients) return dc__fail(DC_ENOMEM, "out of memory for %s", r->path);
    dc__model_gather(m, true, 0, m->start[DC_FROZEN], p->gradients);
    dc__model_zero_gradients(r->model, 0, m->start[DC_FROZEN]);
    return DC_OK;
}

static bool counts(const player *p, uint32_t b)
{
    return !p->partial || (p->counts[b / 8] >> (b % 8) & 1);
}

static dc_error step_block(dc_replay *r, uint32_t b)
{
    const uint64_t offset = r->model->block_offset[b];
    uint64_t images = 0;
    dc__addends a = {.rate = r->rate, .codec = &dc__codec_f32};
    for (int k = 0; k < r->n_crew; k++) {
        const player *p = &r->players[r->crew[k]];
        if (!counts(p, b)) continue;
        a.member[a.n] = k;
        a.data[a.n++] = p->gradients + offset;
        images += p->who.images;
    }
    if (a.n == 0)
        return dc__fail(DC_EFORMAT, "%s: nobody's gradient of block %u counts in round %llu", r->path, b,
                        (unsigned long long)r->round + 1);
    dc__apply_block(&r->versions, &a, b, r->round, images, false, 0);
    return DC_OK;
}

static dc_error step(dc_replay *r)
{
    uint64_t images = 0;
    dc_error err = DC_OK;
    for (int k = 0; k < r->n_crew; k++)
        images += r->players[r->crew[k]].who.images;
    for (uint32_t b = 0; !err && b < r->model->n_blocks; b++)
        err = step_block(r, b);
    if (!err) dc__apply_frozen(&r->versions, r->round, images);
    if (!err) r->versions.round = r->round + 1;
    return err;
}

static dc_error step_alone(dc_replay *r)
{
    uint64_t floats;
    dc_error err = dc_model_update(r->model, r->rate, r->steps);
    if (!err) err = dc_model_average_begin(r->model, r->round + 1, &floats);
    if (!err && floats) dc_model_average_part(r->model, 0, floats);
    return err;
}

dc_error dc_replay_step(dc_replay *r)
{
    dc__assert(r->taken == r->n_crew);
    dc__flush_denormals();
    r->steps++;
    const dc_error err = r->info.carried ? step_alone(r) : step(r);
    if (!err) r->round++;
    return err;
}

dc_error dc_replay_save(dc_replay *r, const char *path)
{
    dc_model *m = r->model;
    const uint64_t n = statistics_floats(m);
    float *all = malloc(((size_t)r->n_crew * n + 1) * sizeof *all), *mean = malloc((n + 1) * sizeof *mean);
    if (!all || !mean) {
        free(all);
        free(mean);
        return dc__fail(DC_ENOMEM, "out of memory for %s", path);
    }
    for (int k = 0; k < r->n_crew; k++)
        memcpy(all + (size_t)k * n, r->players[r->crew[k]].statistics, n * sizeof *all);
    dc__statistics_mean(all, r->n_crew, n, mean);
    if (!r->info.carried)
        dc__model_scatter(m, 0, m->start[DC_STATISTIC], dc__versions_values(&r->versions, r->round));
    dc__model_scatter(m, m->start[DC_STATISTIC], n, mean);
    free(all);
    free(mean);
    return dc_model_save(m, path, r->round * m->images_per_round);
}
