#include "server/training.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "endpoint/values.h"
#include "model/finite.h"
#include "server/apply.h"
#include "server/run_log_read.h"
#include "server/state_file.h"

#define REFUSALS_MOST 3  /* rounds in a row with values that are not finite */
#define REFUSALS_TOLD 10 /* lines about one worker; then only for each power of two */

dc_error dc__training_init(dc__training *t, const dc_server_options *options)
{
    dc__log_init(&t->log, options->log, options->log_context);
    t->bounds = options->bounds;
    t->clip.factor = options->bounds.clip_norm;
    dc__versions_init(&t->versions);
    dc__statistics_init(&t->statistics);
    dc__checkpoint_init(&t->checkpoint, options->backup_dir, options->backup_every);
    t->checkpoint.versions = &t->versions;
    t->checkpoint.codes = &t->codes;
    t->checkpoint.statistics = &t->statistics;
    t->checkpoint.roster = &t->roster;
    t->checkpoint.log = &t->log;
    t->checkpoint.run_log = &t->run_log;
    dc__run_log_init(&t->run_log);
    dc_error err = dc__roster_init(&t->roster, options->workers);
    if (!err) err = dc__codes_init(&t->codes, options->codec, options->workers);
    if (!err) err = dc__watch_init(&t->watch, options->workers);
    t->watch.coding = &t->codes.coding;
    return err;
}

/* Everything that a model needs in memory. */
static void release(dc__training *t)
{
    dc__reduce_release(&t->reduce);
    dc__omissions_release(&t->omissions);
    dc__codes_release(&t->codes);
    dc__clip_release(&t->clip);
    dc__checkpoint_release(&t->checkpoint);
    dc__statistics_release(&t->statistics);
    dc__versions_release(&t->versions);
    free(t->fingerprint);
    t->fingerprint = NULL;
    t->resumed = false;
}

void dc__training_destroy(dc__training *t)
{
    release(t);
    dc__checkpoint_destroy(&t->checkpoint);
    dc__statistics_destroy(&t->statistics);
    dc__versions_destroy(&t->versions);
    dc__run_log_destroy(&t->run_log);
    dc__watch_free(&t->watch);
    dc__roster_destroy(&t->roster);
    dc__log_destroy(&t->log);
    dc_model_free(t->model);
}

static void set_model(dc__training *t, dc_model *model)
{
    pthread_mutex_lock(&t->roster.lock);
    t->model = model;
    pthread_mutex_unlock(&t->roster.lock);
}

static dc_error allocate(dc__training *t, const dc_model *m)
{
    const int members = t->roster.n;
    dc_error err = dc__versions_allocate(&t->versions, m);
    if (!err)
        err = dc__statistics_allocate(&t->statistics, members,
                                      m->start[DC_ROLE_COUNT] - m->start[DC_STATISTIC]);
    if (!err) err = dc__checkpoint_allocate(&t->checkpoint);
    if (!err) err = dc__reduce_allocate(&t->reduce, members, m->n_blocks);
    if (!err) err = dc__omissions_allocate(&t->omissions, members, m->n_blocks);
    if (!err) err = dc__codes_allocate(&t->codes, m);
    t->reduce.codec = t->codes.coding.up.codec;
    t->versions.outer = t->codes.coding.local_steps > 1;
    t->versions.plain = dc__coding_plain(&t->codes.coding, m);
    if (!err && !t->reduce.codec->exact && (t->bounds.trim || t->clip.factor > 0))
        err =
            dc__fail(DC_EINVAL, "sums that bound liars need gradients as they are: the codec must be exact");
    if (!err) err = dc__clip_allocate(&t->clip, m, members);
    return err;
}

dc_error dc__training_adopt(dc__training *t, dc_model *model, const char *fingerprint, bool fresh)
{
    if (model->n_blocks == 0)
        return dc__fail(DC_EMODEL, "%s has nothing to train: every layer is frozen or has no weights",
                        model->name);
    t->fingerprint = strdup(fingerprint);
    if (!t->fingerprint) return dc__fail(DC_ENOMEM, "out of memory for a fingerprint");
    dc__checkpoint *c = &t->checkpoint;
    dc_error err = DC_OK;
    if (t->codes.coding.local_steps > 1 && model->optimizer.algorithm != DC_SGD)
        err = dc__fail(DC_EINVAL, "local steps are for SGD: this cfg has adam=1");
    if (!err && t->codes.coding.local_steps > 1 && model->optimizer.average > 0)
        err = dc__fail(DC_EINVAL,
                       "local steps keep no average of the parameters, and this cfg has ema_alpha=: train "
                       "without one of the two");
    if (!err) err = allocate(t, model);
    if (!err && c->dir[0] && !fresh)
        err = dc__state_load(c->dir, &t->versions, &t->codes, &t->statistics, &c->seed, &t->resumed);
    if (err) {
        release(t);
        return err;
    }
    set_model(t, model);
    if (t->resumed)
        dc__log_line(&t->log, "resuming %s at round %llu from %s", model->name,
                     (unsigned long long)t->versions.round, c->dir);
    return DC_OK;
}

void dc__training_forget(dc__training *t)
{
    dc_model *model = t->model;
    set_model(t, NULL);
    release(t);
    dc_model_free(model);
}

bool dc__training_carries(const dc__training *t)
{
    const dc__coding *c = &t->codes.coding;
    return t->roster.n == 1 && t->model->optimizer.algorithm == DC_SGD && c->up.codec->exact &&
           c->down.codec->exact && c->local_steps == 1;
}

/* ---- the log ---- */

dc_error dc__training_log_start(dc__training *t)
{
    dc__versions *v = &t->versions;
    const char *dir = t->checkpoint.dir;
    if (!dir[0]) return DC_OK;
    char note[DC__LINE_BYTES] = "", coding[DC__CODING_BYTES];
    dc__coding_text(&t->codes.coding, coding);
    const dc__log_run run = {.seed = t->checkpoint.seed,
                             .first_round = v->first_round,
                             .first_step = v->first_step,
                             .values_hash = dc__run_log_hash(t->model, dc__versions_values(v, v->round)),
                             .coding = coding};
    const dc__log_server server = {.workers = t->roster.n,
                                   .carried = dc__training_carries(t),
                                   .trim = t->bounds.trim,
                                   .clip_norm = t->clip.factor};
    const dc_error err = t->resumed ? dc__run_log_resume(&t->run_log, dir, t->model, &run, v->round, note)
                                    : dc__run_log_begin(&t->run_log, dir, t->model, &run);
    if (note[0]) dc__log_line(&t->log, "%s", note);
    if (!err) dc__run_log_server(&t->run_log, v->round, &server);
    return err;
}

/* How version + 1, whose blocks are all made, came about: for who makes the run again. */
static void log_version(dc__training *t, uint64_t version)
{
    for (int k = 0; k < t->roster.n; k++) {
        const uint64_t *counted = dc__omissions_take(&t->omissions, k);
        if (counted) dc__run_log_partial(&t->run_log, version, k, t->model->n_blocks, counted);
    }
    dc__run_log_rate(&t->run_log, version, dc__versions_rate(&t->versions, version + 1));
}

/* ---- a gradient ---- */

/* Makes blocks [first, first + n) that were applied at version visible as version + 1; the call that
 * completes the version also finishes the round. */
static void publish(dc__training *t, uint32_t first, uint32_t n, uint64_t version)
{
    dc__versions *v = &t->versions;
    const bool whole = dc__versions_complete(v, n);
    if (whole) {
        dc__apply_frozen(v, version, dc__roster_images(&t->roster));
        log_version(t, version);
        v->blocks_done = 0;
    }
    pthread_mutex_lock(&v->lock);
    for (uint32_t b = first; b < first + n; b++)
        v->block[b] = version + 1;
    if (whole) {
        v->round = version + 1;
        v->whole_ns = dc__now_ns();
        dc__checkpoint_if_due(&t->checkpoint);
    }
    t->offer(t->offer_context, first, n, version + 1);
    pthread_mutex_unlock(&v->lock);
}

static dc_error bad_gradient(int rank, const char *why)
{
    return dc__fail(DC_EPROTO, "worker %d sent a GRAD frame %s", rank, why);
}

bool dc__training_is_even(const dc__training *t, const dc__given *given, uint64_t round)
{
    if (given->n == 0) return round == t->versions.first_round;
    return given->n == t->model->n_blocks && given->round + 1 == round;
}

/* A gradient must be of the round that is on (the caller knows that it is) and come once. */
static dc_error note_given(const dc__training *t, int rank, dc__given *given, uint64_t round, uint32_t first,
                           uint32_t end)
{
    if (given->round != round) {
        memset(given->blocks, 0, ((size_t)t->model->n_blocks + 63) / 64 * sizeof *given->blocks);
        given->n = 0;
        given->round = round;
    }
    for (uint32_t b = first; b < end; b++)
        if (given->blocks[b / 64] >> (b % 64) & 1) return bad_gradient(rank, "twice");
    for (uint32_t b = first; b < end; b++)
        given->blocks[b / 64] |= (uint64_t)1 << (b % 64);
    given->n += end - first;
    return DC_OK;
}

/* Two workers' last gradients may have been refused at the same moment. */
static void end_without_gradient(dc__training *t, uint64_t round)
{
    char line[DC__LINE_BYTES];
    (void)snprintf(line, sizeof line, "round %llu: no worker's gradient is finite",
                   (unsigned long long)round + 1);
    dc__roster_end(&t->roster, DC_EVALUE, line);
}

/* Members of the roster whose gradient of block b is not among those that count. */
static void note_omissions(dc__training *t, const dc__addends *a, uint32_t b)
{
    for (int k = 0, next = 0; a->n < t->roster.n && k < t->roster.n; k++)
        if (next < a->n && a->member[next] == k)
            next++;
        else
            dc__omissions_note(&t->omissions, k, b);
}

/* Sums block b of the round and steps it; false if nobody's gradient of it counts. */
static bool apply(dc__training *t, uint32_t b, uint64_t round)
{
    dc__addends a;
    uint64_t images = 0;
    dc__reduce_collect(&t->reduce, b, round, &a);
    for (int k = 0; k < a.n; k++)
        images += t->roster.member[a.member[k]].images;
    note_omissions(t, &a, b);
    if (a.n > 0) {
        dc__apply_block(&t->versions, &a, b, round, images, dc__training_carries(t), t->bounds.trim);
        dc__codes_block(&t->codes, &t->versions, b, round);
    } else {
        end_without_gradient(t, round);
    }
    dc__reduce_free(&t->reduce, b);
    return a.n > 0;
}

/* Puts a member's gradient of block b into the sum. Blocks [*applied, b) are applied and not yet published. */
static void put_block(dc__training *t, int rank, uint32_t b, uint64_t round, const dc__slot *s,
                      uint32_t *applied)
{
    const bool complete = dc__reduce_put(&t->reduce, b, rank, s->held, s->data, s->rate);
    if (complete && apply(t, b, round)) return;
    if (b > *applied) publish(t, *applied, b - *applied, round);
    *applied = b + 1;
}

/* A layer that waited until it was complete. */
static void put_layer(dc__training *t, int rank, int layer, uint64_t round)
{
    const dc__slot *slot = dc__clip_slots(&t->clip, rank);
    const uint32_t first = t->model->layers[layer].first_block,
                   end = first + t->model->layers[layer].n_blocks;
    uint32_t applied = first;
    for (uint32_t b = first; b < end; b++)
        put_block(t, rank, b, round, &slot[b], &applied);
    if (end > applied) publish(t, applied, end - applied, round);
}

/* Puts the blocks [first, end) of one message into the sum, or lets them wait for their layers; those that are
 * complete are applied, and published in runs. */
static void reduce_blocks(dc__training *t, int rank, const dc__header *h, const void *payload, dc__held *held,
                          uint32_t first, uint32_t end)
{
    const dc_model *m = t->model;
    const dc__codec *codec = t->reduce.codec;
    const uint8_t *data = payload;
    const bool counts = t->reduce.refused[rank] != h->round + 1, clips = t->clip.factor > 0;
    uint32_t applied = first;
    for (uint32_t b = first; b < end; b++) {
        const size_t n = (size_t)(m->block_offset[b + 1] - m->block_offset[b]);
        /* The message is another's as soon as its last block is put. */
        const dc__slot slot = {.data = data, .held = held, .rate = h->rate};
        data += b + 1 < end ? codec->check(data, h->payload_bytes, n, NULL) : 0;
        if (!clips)
            put_block(t, rank, b, h->round, &slot, &applied);
        else if (dc__clip_add(&t->clip, m, rank, b, h->round, &slot, counts))
            put_layer(t, rank, m->block_layer[b], h->round);
    }
    if (!clips && end > applied) publish(t, applied, end - applied, h->round);
}

/* A round in which nobody's gradient counts makes no version. */
static bool is_anybody_left(const dc__training *t, uint64_t round)
{
    for (int k = 0; k < t->roster.n; k++)
        if (t->reduce.refused[k] != round + 1) return true;
    return false;
}

/* Whether a refusal's line is to be written: a worker may send as many as there are rounds. */
static bool is_told(uint64_t refusals)
{
    return refusals <= REFUSALS_TOLD || (refusals & (refusals - 1)) == 0;
}

dc_error dc__training_refuse(dc__training *t, int rank, dc__given *given, uint64_t round)
{
    char line[DC__LINE_BYTES];
    (void)snprintf(line, sizeof line, "%.300s", dc_last_error());
    if (given->refused == round + 1) return DC_OK;
    given->in_a_row = given->refused == round ? given->in_a_row + 1 : 1;
    given->refused = round + 1;
    given->refusals++;
    dc__reduce_refuse(&t->reduce, rank, round);
    if (t->bounds.on_bad_value == DC_BAD_STOP) return dc__fail(DC_EVALUE, "%s: the run ends there", line);
    if (t->bounds.on_bad_value == DC_BAD_EXPEL)
        return dc__fail(DC_EVALUE, "%s: the worker is expelled", line);
    if (given->in_a_row == REFUSALS_MOST)
        return dc__fail(DC_EVALUE, "%s, the %drd round in a row: the worker is expelled", line,
                        REFUSALS_MOST);
    if (!is_anybody_left(t, round))
        return dc__fail(DC_EVALUE, "%s, and no other worker's gradient is left to train with", line);
    if (is_told(given->refusals))
        dc__log_line(&t->log, "%s: left out of that round (%llu time%s so far)", line,
                     (unsigned long long)given->refusals, given->refusals > 1 ? "s" : "");
    return DC_OK;
}

/* Its values are finite, or they are refused. */
static dc_error check_values(dc__training *t, int rank, dc__given *given, const dc__header *h,
                             const float *values, bool finite)
{
    char what[64];
    if (given->refused == h->round + 1 || (values ? dc__is_finite(h->count, values) : finite)) return DC_OK;
    (void)snprintf(what, sizeof what, "round %llu: worker %d's gradient", (unsigned long long)h->round + 1,
                   rank);
    if (values)
        (void)dc__finite_check(t->model, h->offset, h->count, values, what);
    else
        (void)dc__fail(DC_EVALUE, "%s of layer %d is not finite", what,
                       t->model->tensors[t->model->by_offset[dc__model_find(t->model, h->offset)]].layer);
    return dc__training_refuse(t, rank, given, h->round);
}

dc_error dc__training_gradient(dc__training *t, int rank, dc__given *given, dc__frame *frame,
                               _Atomic int64_t *heard_ns, bool *kept)
{
    const dc__header *h = &frame->header;
    *kept = false;
    uint32_t first, end;
    const dc__codec *codec = t->reduce.codec;
    bool finite = true;
    if (h->codec != codec->id) return bad_gradient(rank, "in another codec than the run's");
    const float *values = codec->exact ? dc__values_of(frame) : NULL;
    if (!dc__model_blocks(t->model, h->offset, h->count, &first, &end) || (codec->exact && !values) ||
        (!values && !dc__runs_check(codec, t->model, first, end, frame->payload, h->payload_bytes, &finite)))
        return bad_gradient(rank, "that is not a run of whole blocks");
    if (!isfinite(h->rate)) return bad_gradient(rank, "with a learning rate that is not a number");
    dc_error err = note_given(t, rank, given, h->round, first, end);
    if (!err) err = check_values(t, rank, given, h, values, finite);
    if (!err) err = dc__checkpoint_guard(&t->checkpoint, h->round - 1, heard_ns);
    if (err) return err;
    dc__held *held = dc__reduce_hold(&t->reduce, rank, first, end - first, frame->message);
    *kept = true;
    reduce_blocks(t, rank, h, frame->payload, held, first, end);
    return DC_OK;
}
