/* replay.c - see dynacomm_replay.h. */
#include "replay/replay.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/floatmode.h"
#include "codec/codec.h"
#include "server/apply.h"
#include "server/run_log.h"
#include "server/statistics.h"

/* ---- the whole log ---- */

static dc_error note_member(dc_replay *r, const dc__log_member *who)
{
    dc_replay_info *info = &r->info;
    int at = info->n_members;
    for (int k = 0; k < info->n_members; k++)
        if (r->everybody[k].number == who->number && r->everybody[k].id == who->id) return DC_OK;
    dc_replay_member *more = realloc(r->everybody, (size_t)(at + 1) * sizeof *more);
    if (!more) return dc__fail(DC_ENOMEM, "out of memory for the members of %s", r->path);
    r->everybody = more;
    info->members = more;
    info->n_members++;
    for (; at > 0 && more[at - 1].number > who->number; at--)
        more[at] = more[at - 1];
    more[at] = (dc_replay_member){.id = who->id, .number = who->number, .images = who->images};
    return DC_OK;
}

static void note_run(dc_replay *r, const dc__log_record *record)
{
    r->run = record->run;
    (void)snprintf(r->name, sizeof r->name, "%s", record->model->name);
    r->info.model = r->name;
    r->info.seed = record->run.seed;
    r->info.first_round = r->info.last_round = record->run.first_round;
}

static dc_error read_all(dc_replay *r)
{
    dc__log_reader *reader;
    dc__log_record record;
    char settings[128] = "";
    dc_error err = dc__log_reader_open(&reader, r->path, &record);
    if (!err) note_run(r, &record);
    if (!err) (void)snprintf(settings, sizeof settings, "%s", record.run.settings);
    while (!err && record.type != DC__LOG_END) {
        for (int k = 0; !err && record.type == DC__LOG_ROSTER && k < record.n; k++)
            err = note_member(r, &record.members[k]);
        if (record.type == DC__LOG_SAVED) r->info.last_round = record.round;
        if (!err) err = dc__log_reader_next(reader, &record);
    }
    if (!err) r->info.torn_bytes = dc__log_reader_torn(reader);
    dc__log_reader_close(reader);
    r->run.settings = NULL; /* the reader's */
    if (err) return err;
    if (settings[0])
        return dc__fail(DC_EINVAL, "%s: this program cannot repeat a run with %s", r->path, settings);
    if (r->run.first_step > 0)
        return dc__fail(DC_EINVAL,
                        "%s begins with round %llu, in the middle of a run: its log before that is lost",
                        r->path, (unsigned long long)r->run.first_round + 1);
    if (r->info.last_round == r->info.first_round || r->info.n_members == 0)
        return dc__fail(DC_EFORMAT, "%s has no round that was saved: there is nothing to repeat", r->path);
    return DC_OK;
}

dc_error dc_replay_open(dc_replay **out, const char *path)
{
    *out = NULL;
    dc_replay *r = calloc(1, sizeof *r);
    if (!r) return dc__fail(DC_ENOMEM, "out of memory for %s", path);
    (void)snprintf(r->path, sizeof r->path, "%s", path);
    dc__versions_init(&r->versions);
    dc_error err = read_all(r);
    if (!err) err = dc__log_reader_open(&r->reader, path, &r->next);
    if (err) {
        dc_replay_free(r);
        return err;
    }
    *out = r;
    return DC_OK;
}

dc_replay_info dc_replay_info_get(const dc_replay *r)
{
    return r->info;
}

/* ---- the beginning ---- */

static dc_error take_values(dc_replay *r)
{
    dc__versions *v = &r->versions;
    const uint64_t all = dc__model_floats(r->model);
    dc__model_gather(r->model, false, 0, all, v->values[0]);
    memcpy(v->values[1], v->values[0], all * sizeof(float));
    if (dc__run_log_values_hash(r->model, v->values[0]) == r->run.values_hash) return DC_OK;
    return dc__fail(
        DC_EMODEL,
        "%s: the run began with other values: give the .weights that its worker 0 was given (or none, if "
        "it had none)",
        r->path);
}

dc_error dc_replay_begin(dc_replay *r, dc_model *model)
{
    dc_error err = dc__model_seal(model);
    if (!err) err = dc__model_same(r->next.model, model, r->path, "this cfg");
    if (!err) err = dc__versions_allocate(&r->versions, model);
    if (err) return err;
    r->model = model;
    r->stat_floats = model->start[DC_ROLE_COUNT] - model->start[DC_STATISTIC];
    r->trained_floats = model->start[DC_FROZEN];
    err = take_values(r);
    if (!err) dc__versions_begin(&r->versions, r->run.first_round, r->run.first_step);
    return err;
}

/* ---- a round ---- */

static dc_error take_partial(dc_replay *r, const dc__log_record *record)
{
    for (int k = 0; k < r->n; k++) {
        dc__replayed *m = &r->members[k];
        if (m->who.number != record->number) continue;
        m->partial = true;
        memcpy(m->counts, record->bitmap, (record->n_blocks + 7) / 8);
        return DC_OK;
    }
    return dc__fail(DC_EFORMAT, "%s: blocks of worker %d, who takes no part in round %llu", r->path,
                    record->number, (unsigned long long)record->round + 1);
}

static dc_error take_record(dc_replay *r, const dc__log_record *record)
{
    switch (record->type) {
    case DC__LOG_ROSTER:
        return dc__replay_roster(r, record);
    case DC__LOG_PARTIAL:
        return record->round == r->versions.round ? take_partial(r, record) : DC_OK;
    case DC__LOG_RATE:
        r->rated = true;
        r->rate = record->rate;
        return DC_OK;
    default:
        return DC_OK;
    }
}

dc_error dc_replay_next_round(dc_replay *r, dc_replay_round *round)
{
    const uint64_t now = r->versions.round;
    dc_error err = DC_OK;
    *round = (dc_replay_round){.round = now};
    if (now >= r->info.last_round) return DC_OK;
    for (int k = 0; k < r->n; k++)
        r->members[k].partial = false;
    while (!err && r->next.type != DC__LOG_END && r->next.round <= now) {
        err = take_record(r, &r->next);
        if (!err) err = dc__log_reader_next(r->reader, &r->next);
    }
    if (!err && (r->n == 0 || !r->rated))
        err = dc__fail(DC_EFORMAT, "%s does not say who made round %llu, at which learning rate", r->path,
                       (unsigned long long)now + 1);
    r->at = 0;
    round->members = r->n;
    round->rate = r->rate;
    return err;
}

void dc_replay_next_member(dc_replay *r, dc_replay_member *member)
{
    dc__assert(r->at < r->n);
    const dc__versions *v = &r->versions;
    const uint64_t version = v->round, statistic = r->model->start[DC_STATISTIC];
    const dc__replayed *m = &r->members[r->at];
    dc__model_scatter(r->model, 0, statistic, dc__versions_values(v, version));
    dc__model_scatter(r->model, statistic, r->stat_floats, m->statistics);
    if (r->carried && r->model->optimizer.algorithm == DC_SGD)
        dc__model_set_moment(r->model, 1, 0, r->trained_floats, dc__versions_moment1(v, version));
    else
        dc__model_zero_gradients(r->model, 0, r->trained_floats);
    *member = (dc_replay_member){.id = m->who.id, .number = m->who.number, .images = m->who.images};
}

void dc_replay_take(dc_replay *r)
{
    dc__assert(r->at < r->n);
    dc__replayed *m = &r->members[r->at++];
    dc__model_gather(r->model, true, 0, r->trained_floats, m->gradient);
    dc__model_gather(r->model, false, r->model->start[DC_STATISTIC], r->stat_floats, m->statistics);
}

/* Block b's gradients that count; the images that they are from. */
static uint64_t collect(const dc_replay *r, uint32_t b, dc__addends *a)
{
    uint64_t images = 0;
    a->n = 0;
    a->rate = r->rate;
    a->codec = &dc__codec_f32;
    for (int k = 0; k < r->n; k++) {
        const dc__replayed *m = &r->members[k];
        if (m->partial && !(m->counts[b / 8] >> (b % 8) & 1)) continue;
        a->member[a->n] = k;
        a->data[a->n++] = m->gradient + r->model->block_offset[b];
        images += m->who.images;
    }
    return images;
}

static dc_error make_version(dc_replay *r)
{
    dc__versions *v = &r->versions;
    const uint64_t version = v->round;
    uint64_t all = 0;
    dc__addends a;
    for (uint32_t b = 0; b < r->model->n_blocks; b++) {
        const uint64_t images = collect(r, b, &a);
        if (a.n == 0)
            return dc__fail(DC_EFORMAT, "%s: nobody's gradient of block %u counts in round %llu", r->path, b,
                            (unsigned long long)version + 1);
        dc__apply_block(v, &a, b, version, images, r->carried);
    }
    for (int k = 0; k < r->n; k++)
        all += r->members[k].who.images;
    dc__apply_frozen(v, version, all);
    v->round = version + 1;
    return DC_OK;
}

dc_error dc_replay_step(dc_replay *r)
{
    dc__assert(r->at == r->n && r->n > 0);
    const unsigned long mode = dc__float_mode();
    dc__flush_denormals(); /* as the server's threads */
    const dc_error err = make_version(r);
    dc__float_mode_set(mode);
    return err;
}

/* ---- the end ---- */

dc_error dc_replay_save(dc_replay *r, const char *path)
{
    const dc_model *m = r->model;
    float *values = dc__versions_values(&r->versions, r->versions.round);
    float *all = calloc(r->stat_floats * (size_t)r->n + 1, sizeof *all);
    if (!all) return dc__fail(DC_ENOMEM, "out of memory for statistics");
    for (int k = 0; k < r->n; k++)
        memcpy(all + r->stat_floats * (size_t)k, r->members[k].statistics, r->stat_floats * sizeof *all);
    const unsigned long mode = dc__float_mode();
    dc__flush_denormals();
    dc__statistics_mean(all, r->n, r->stat_floats, values + m->start[DC_STATISTIC]);
    dc__float_mode_set(mode);
    free(all);
    return dc__model_save_arena(m, values, path, r->versions.round * m->images_per_round);
}

void dc_replay_free(dc_replay *r)
{
    if (!r) return;
    dc__log_reader_close(r->reader);
    dc__replay_free_members(r->members, r->n);
    dc__versions_destroy(&r->versions);
    free(r->everybody);
    free(r);
}
