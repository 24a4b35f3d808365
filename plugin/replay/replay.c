/* replay.c - a run made again from its log, on one machine: dc_replay_* of dynacomm_replay.h. See replay.h. */
#include "replay/replay.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/floatmode.h"
#include "codec/codec.h"
#include "model/average.h"
#include "server/apply.h"

/* ---- the whole log ---- */

/* Reads it once: who takes part, and how many versions were saved. */
static dc_error survey(dc_replay *r)
{
    dc__log_reader *log;
    dc__log_record record;
    dc_error err = dc__log_reader_open(&log, r->path, &record);
    if (err) return err;
    r->info.seed = record.run.seed;
    r->info.first_round = r->info.last_round = record.run.first_round;
    while (!err && record.type != DC__LOG_END) {
        if (record.type == DC__LOG_SAVED) r->info.last_round = record.round;
        for (int k = 0; !err && record.type == DC__LOG_ROSTER && k < record.n; k++)
            err = dc__replay_add(r, &record.members[k]);
        if (record.type == DC__LOG_ROSTER && record.n > r->most_crew) r->most_crew = record.n;
        if (record.type == DC__LOG_BASE && record.round - record.base > r->most_stale)
            r->most_stale = (uint32_t)(record.round - record.base);
        if (!err) err = dc__log_reader_next(log, &record);
    }
    dc__log_reader_close(log);
    if (!err && r->info.members == 0)
        err = dc__fail(DC_EFORMAT, "%s has no round: nobody took part yet", r->path);
    return err;
}

dc_error dc_replay_open(dc_replay **replay, const char *path)
{
    *replay = NULL;
    dc_replay *r = calloc(1, sizeof *r);
    if (!r) return dc__fail(DC_ENOMEM, "out of memory for a replay");
    dc__versions_init(&r->versions);
    (void)snprintf(r->path, sizeof r->path, "%s", path);
    dc_error err = survey(r);
    if (!err) err = dc__log_reader_open(&r->log, path, &r->next);
    if (!err && r->next.run.first_step > 0)
        err = dc__fail(DC_EINVAL,
                       "%s begins at round %llu of a run whose log was lost: momentum of before is not in it",
                       path, (unsigned long long)r->next.run.first_round + 1);
    if (!err) err = dc__codes_init(&r->codes, r->next.run.coding, 0);
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
    dc__replay_free_players(r);
    dc__codes_release(&r->codes);
    dc__clip_release(&r->clip);
    dc__tree_free(&r->tree);
    dc__log_reader_close(r->log);
    dc__versions_destroy(&r->versions);
    free(r);
}

dc_replay_info dc_replay_info_get(const dc_replay *r)
{
    dc_replay_info info = r->info;
    info.round = r->model ? r->round : r->info.first_round;
    return info;
}

dc_replay_member dc_replay_member_get(const dc_replay *r, int k)
{
    return r->players[k].who;
}

/* ---- the start ---- */

static dc_error take_values(dc_replay *r)
{
    const dc_model *m = r->model;
    float *values = dc__versions_values(&r->versions, r->info.first_round);
    dc__model_gather(m, false, 0, dc__model_floats(m), values);
    if (dc__run_log_hash(m, values) != r->next.run.values_hash)
        return dc__fail(
            DC_EINVAL,
            "%s began with other values: give the cfg and the weights that its first worker had, and kernels "
            "of the same kind",
            r->path);
    dc__versions_set_initial(&r->versions, 0, dc__model_floats(m), values);
    return DC_OK;
}

dc_error dc_replay_begin(dc_replay *r, dc_model *m)
{
    dc_error err = dc__model_seal(m);
    if (!err) err = dc__model_same(r->next.model, m, r->path, "this cfg");
    r->versions.ring = r->most_stale + 2;
    if (!err) err = dc__versions_allocate(&r->versions, m);
    if (!err) err = dc__codes_allocate(&r->codes, m);
    if (err) return err;
    r->model = m;
    r->versions.batches = dc__coding_batches(&r->codes.coding);
    r->versions.changes = dc__coding_local(&r->codes.coding);
    r->versions.plain = dc__coding_plain(&r->codes.coding, m);
    r->round = r->info.first_round;
    r->stat_floats = m->start[DC_ROLE_COUNT] - m->start[DC_STATISTIC];
    err = dc__replay_allocate(r);
    if (!err) err = take_values(r);
    if (err) return err;
    dc__versions_begin(&r->versions, r->info.first_round, r->next.run.first_step);
    dc__codes_begin(&r->codes, &r->versions);
    return dc__log_reader_next(r->log, &r->next);
}

/* ---- a round ---- */

static dc_error take_steps(dc_replay *r)
{
    const dc__steps *next = &r->next.steps;
    const uint64_t batch = dc__batches_of(&r->versions.batches, next->round).batch;
    if (!r->codes.coding.local_auto || next->batch != batch)
        return dc__fail(DC_EFORMAT, "%s: round %llu does not begin with batch %llu, as the log says", r->path,
                        (unsigned long long)next->round + 1, (unsigned long long)next->batch + 1);
    dc__batches_change(&r->versions.batches, *next);
    return DC_OK;
}

static dc_error take_base(dc_replay *r)
{
    dc__player *p = dc__replay_find(r, r->next.number);
    if (!p) return dc__fail(DC_EFORMAT, "%s: worker %d is in no roster", r->path, r->next.number);
    p->base = r->next.base;
    return DC_OK;
}

static dc_error take_record(dc_replay *r)
{
    switch (r->next.type) {
    case DC__LOG_SERVER:
        return dc__replay_server(r);
    case DC__LOG_ROSTER:
        return dc__replay_roster(r);
    case DC__LOG_RELAYS:
        return dc__replay_relays(r);
    case DC__LOG_PARTIAL:
    case DC__LOG_FORGOT:
        return dc__replay_blocks(r);
    case DC__LOG_STEPS:
        return take_steps(r);
    case DC__LOG_BASE:
        return take_base(r);
    case DC__LOG_RATE:
        r->rate = r->next.rate;
        r->rated = true;
        return DC_OK;
    default:
        return DC_OK;
    }
}

static dc_error read_round(dc_replay *r)
{
    dc_error err = DC_OK;
    for (int k = 0; k < r->info.members; k++)
        r->players[k].partial = r->players[k].forgot = false;
    for (int k = 0; k < r->info.members; k++)
        r->players[k].base = r->round;
    while (!err && r->next.type != DC__LOG_END && r->next.round <= r->round) {
        err = take_record(r);
        if (!err) err = dc__log_reader_next(r->log, &r->next);
    }
    return err;
}

static dc_error begin_encoders(dc_replay *r)
{
    dc_error err = DC_OK;
    for (int k = 0; !err && k < r->n_crew; k++) {
        dc__player *p = &r->players[r->crew[k]];
        if (!p->encodes) err = dc__encoder_init(&p->encoder, &r->codes.coding, r->model);
        p->encodes = true;
    }
    return err;
}

dc_error dc_replay_round(dc_replay *r, dc_replay_round_info *round)
{
    *round = (dc_replay_round_info){.round = r->round};
    const unsigned long mode = dc__float_mode();
    dc__flush_denormals();
    const dc_error err = read_round(r);
    dc__float_mode_set(mode);
    if (err || r->round >= r->info.last_round) return err;
    if (r->n_crew == 0 || r->server.workers == 0 || !r->rated)
        return dc__fail(DC_EFORMAT, "%s does not say who makes round %llu, for which server, at which rate",
                        r->path, (unsigned long long)r->round + 1);
    const dc__steps steps = dc__batches_of(&r->versions.batches, r->round);
    dc__replay_begin_passes(r);
    round->passes = r->n_passes;
    round->members = r->n_crew;
    round->workers = r->server.workers;
    round->rate = r->rate;
    round->batch = steps.batch;
    round->steps = (int)steps.n;
    return begin_encoders(r);
}

/* As the server did when a layer of a member was complete: it may be scaled down where it was sent. */
static void clip(dc_replay *r, int k, uint64_t *counted)
{
    const dc_model *m = r->model;
    const dc__player *p = &r->players[r->crew[k]];
    memset(counted, 0, ((size_t)m->n_blocks / 64 + 1) * sizeof *counted);
    for (int i = 0; i < m->n_layers; i++) {
        const uint32_t first = m->layers[i].first_block, end = first + m->layers[i].n_blocks;
        bool any = false;
        for (uint32_t b = first; b < end; b++) {
            any |= dc__replay_counts(p, b);
            counted[b / 64] |= (uint64_t)dc__replay_counts(p, b) << (b % 64);
        }
        for (uint32_t b = first; b < end; b++)
            (void)dc__clip_add(&r->clip, m, k, b, r->round, &(dc__slot){.data = dc__replay_sent(p, b)}, any);
    }
    dc__clip_omit(&r->clip, m, k, r->round, counted);
}

static dc_error clip_all(dc_replay *r)
{
    if (!(r->clip.factor > 0)) return DC_OK;
    uint64_t *counted = malloc(((size_t)r->model->n_blocks / 64 + 1) * sizeof *counted);
    if (!counted) return dc__fail(DC_ENOMEM, "out of memory for the norms of %s", r->path);
    dc__clip_begin(&r->clip, r->round);
    for (int k = 0; k < r->n_crew; k++)
        clip(r, k, counted);
    free(counted);
    return DC_OK;
}

static dc_error step_block(dc_replay *r, uint32_t b)
{
    uint64_t images = 0;
    dc__addends a = {.rate = r->rate, .codec = r->codes.coding.up.codec};
    const dc__path *paths[DC__CREW_MOST];
    for (int k = 0; k < r->n_crew; k++) {
        const dc__player *p = &r->players[r->crew[k]];
        if (!dc__replay_counts(p, b)) continue;
        a.member[a.n] = k;
        paths[a.n] = &p->path;
        a.data[a.n++] = dc__replay_sent(p, b);
        images += p->who.images;
    }
    const size_t n = (size_t)(r->model->block_offset[b + 1] - r->model->block_offset[b]);
    const dc_error err = dc__tree_sum(&r->tree, paths, n, &a);
    if (err) return err;
    if (a.n == 0)
        return dc__fail(DC_EFORMAT, "%s: nobody's gradient of block %u counts in round %llu", r->path, b,
                        (unsigned long long)r->round + 1);
    (void)dc__apply_block(&r->versions, &a, b, r->round, images, r->server.carried, r->server.trim);
    dc__codes_block(&r->codes, &r->versions, b, r->round);
    return DC_OK;
}

static dc_error make_version(dc_replay *r)
{
    uint64_t images = 0;
    dc_error err = clip_all(r);
    for (int k = 0; k < r->n_crew; k++)
        images += r->players[r->crew[k]].who.images;
    for (uint32_t b = 0; !err && b < r->model->n_blocks; b++)
        err = step_block(r, b);
    if (err) return err;
    dc__apply_frozen(&r->versions, r->round, images);
    r->versions.round = ++r->round;
    return DC_OK;
}

dc_error dc_replay_step(dc_replay *r)
{
    dc__assert(r->taken == r->n_passes && r->n_passes > 0);
    const unsigned long mode = dc__float_mode();
    dc__flush_denormals();
    const dc_error err = make_version(r);
    dc__float_mode_set(mode);
    return err;
}

dc_error dc_replay_save(dc_replay *r, const char *path)
{
    const dc_model *m = r->model;
    float *values = dc__versions_values(&r->versions, r->round);
    const unsigned long mode = dc__float_mode();
    dc__flush_denormals();
    /* As at the server, the statistics' range of a version is for this only. */
    const dc_error err = dc__replay_mean(r, values + m->start[DC_STATISTIC]);
    dc__float_mode_set(mode);
    return err ? err
               : dc__model_save_arena(m, dc__codes_arena(&r->codes, &r->versions, r->round), path,
                                      dc__batches_of(&r->versions.batches, r->round).batch *
                                          m->images_per_round);
}

bool dc_replay_averaged(const dc_replay *r)
{
    return dc__versions_average(&r->versions, r->round) && r->round >= r->versions.first_average;
}

dc_error dc_replay_save_average(dc_replay *r, const char *path)
{
    const dc_model *m = r->model;
    if (!dc_replay_averaged(r))
        return dc__fail(DC_EINVAL, "%s has no average of its parameters yet", m->name);
    return dc__model_save_with(m, dc__versions_values(&r->versions, r->round),
                               dc__versions_average(&r->versions, r->round), path,
                               r->round * m->images_per_round);
}
