#include "server/training.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "endpoint/values.h"
#include "model/finite.h"
#include "server/apply.h"
#include "server/state_file.h"

#define REFUSALS_MOST 3  /* rounds in a row with values that are not finite */
#define REFUSALS_TOLD 10 /* lines about one worker; then only for each power of two */

dc_error dc__training_init(dc__training *t, const dc_server_options *options)
{
    dc__log_init(&t->log, options->log, options->log_context);
    t->on_bad_value = options->on_bad_value;
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
    t->on_loss = options->on_loss;
    t->loss_wait_s = options->loss_wait_s > 0 ? options->loss_wait_s : DC_DEFAULT_LOSS_WAIT_S;
    dc_error err = dc__roster_init(&t->roster, options->workers,
                                   options->min_workers > 0 ? options->min_workers : options->workers);
    if (!err) err = dc__codes_init(&t->codes, options->codec, options->workers);
    if (!err) err = dc__watch_init(&t->watch, t->roster.n, options->workers);
    t->watch.coding = &t->codes.coding;
    return err;
}

/* Everything that a model needs in memory. */
static void release(dc__training *t)
{
    dc__reduce_release(&t->reduce);
    dc__codes_release(&t->codes);
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
    if (!err) err = dc__codes_allocate(&t->codes, m);
    t->reduce.codec = t->codes.coding.up.codec;
    t->versions.outer = t->codes.coding.local_steps > 1;
    t->versions.plain = dc__coding_plain(&t->codes.coding, m);
    return err;
}

/* What a codec has not sent yet, and a worker's own steps, are gone with its process: it cannot come back as it was. */
static void end_on_loss(dc__training *t)
{
    const dc__coding *c = &t->codes.coding;
    if ((c->up.codec->exact && c->down.codec->exact && c->local_steps == 1) || t->on_loss == DC_ON_LOSS_END)
        return;
    t->on_loss = DC_ON_LOSS_END;
    dc__log_line(&t->log, "with this codec the run ends when a worker is lost");
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
    if (!err) err = allocate(t, model);
    if (!err && c->dir[0] && !fresh)
        err = dc__state_load(c->dir, &t->versions, &t->codes, &t->statistics, &t->roster, &c->seed,
                             &t->resumed);
    if (err) {
        release(t);
        return err;
    }
    set_model(t, model);
    end_on_loss(t);
    if (t->resumed)
        dc__log_line(&t->log, "resuming %s at round %llu from %s", model->name,
                     (unsigned long long)t->versions.round, c->dir);
    return DC_OK;
}

void dc__training_forget(dc__training *t)
{
    dc_model *model = t->model;
    set_model(t, NULL);
    dc__roster_forget(&t->roster);
    release(t);
    dc_model_free(model);
}

bool dc__training_carries(const dc__training *t)
{
    const dc__coding *c = &t->codes.coding;
    return t->roster.wanted == 1 && t->model->optimizer.algorithm == DC_SGD && c->up.codec->exact &&
           c->down.codec->exact && c->local_steps == 1;
}

/* ---- the log ---- */

dc_error dc__training_log_start(dc__training *t)
{
    dc__versions *v = &t->versions;
    const char *dir = t->checkpoint.dir;
    if (!dir[0]) return DC_OK;
    char note[DC__LINE_BYTES] = "", coding[DC__CODING_BYTES], settings[DC__CODING_BYTES + 8] = "";
    dc__coding_text(&t->codes.coding, coding);
    if (strcmp(coding, "exact") != 0) (void)snprintf(settings, sizeof settings, "codec=%s", coding);
    const dc__log_run run = {.seed = t->checkpoint.seed,
                             .first_round = v->first_round,
                             .first_step = v->first_step,
                             .carried = dc__training_carries(t),
                             .values_hash =
                                 dc__run_log_values_hash(t->model, dc__versions_values(v, v->round)),
                             .settings = settings};
    const dc_error err = t->resumed ? dc__run_log_resume(&t->run_log, dir, t->model, &run, v->round, note)
                                    : dc__run_log_begin(&t->run_log, dir, t->model, &run);
    if (note[0]) dc__log_line(&t->log, "%s", note);
    return err;
}

/* ---- rounds ---- */

static void log_crew(dc__training *t, uint64_t round)
{
    const dc__crew *crew = dc__roster_crew(&t->roster, round);
    dc__log_member members[DC__CREW_MOST];
    for (int k = 0; k < crew->n; k++) {
        const dc__crew_member *m = &crew->member[k];
        members[k] =
            (dc__log_member){.id = m->id, .number = m->number, .images = m->images, .fresh = m->fresh};
    }
    dc__run_log_roster(&t->run_log, round, crew->n, members);
}

/* Before the round can be seen. With versions' lock. */
static void border(dc__training *t, uint64_t round)
{
    const bool changed = dc__roster_border(&t->roster, round);
    if (changed) {
        dc__statistics_begin(&t->statistics, dc__roster_crew(&t->roster, round), round);
        log_crew(t, round);
    }
    t->border(t->context, round, changed);
}

void dc__training_begin(dc__training *t)
{
    if (dc__training_log_start(t) != DC_OK) dc__roster_end(&t->roster, DC_EFILE, dc_last_error());
    log_crew(t, t->versions.round);
    pthread_mutex_lock(&t->versions.lock);
    t->versions.whole_ns = dc__now_ns();
    t->border(t->context, t->versions.round, true);
    pthread_mutex_unlock(&t->versions.lock);
}

/* Makes blocks [first, first + n) that were applied at version visible as version + 1; the call that
 * completes the version also finishes the round. */
static void publish(dc__training *t, uint32_t first, uint32_t n, uint64_t version)
{
    dc__versions *v = &t->versions;
    const bool whole = dc__versions_complete(v, n);
    if (whole) {
        dc__apply_frozen(v, version, dc__roster_crew(&t->roster, version)->images);
        v->blocks_done = 0;
    }
    pthread_mutex_lock(&v->lock);
    for (uint32_t b = first; b < first + n; b++)
        v->block[b] = version + 1;
    if (whole) {
        dc__run_log_rate(&t->run_log, version, dc__versions_rate(v, version + 1));
        border(t, version + 1);
        v->round = version + 1;
        v->whole_ns = dc__now_ns();
        dc__checkpoint_if_due(&t->checkpoint);
    }
    t->offer(t->context, first, n, version + 1);
    pthread_mutex_unlock(&v->lock);
}

/* ---- a gradient ---- */

static size_t words(const dc__training *t)
{
    return ((size_t)t->model->n_blocks + 63) / 64;
}

static bool has(const uint64_t *bitmap, uint32_t b)
{
    return bitmap[b / 64] >> (b % 64) & 1;
}

static void put_bit(uint64_t *bitmap, uint32_t b, bool bit)
{
    const uint64_t mask = (uint64_t)1 << (b % 64);
    bitmap[b / 64] = bit ? bitmap[b / 64] | mask : bitmap[b / 64] & ~mask;
}

static dc_error bad_gradient(const dc__training *t, int slot, const char *why)
{
    return dc__fail(DC_EPROTO, "worker %d sent a GRAD frame %s", t->roster.member[slot].number, why);
}

bool dc__training_is_even(const dc__training *t, const dc__given *given, uint64_t round)
{
    if (given->n == 0 || given->round < given->began) return round == given->began;
    return given->n == t->model->n_blocks && given->round + 1 == round;
}

static void begin_given(const dc__training *t, dc__given *given, uint64_t round)
{
    memset(given->blocks, 0, words(t) * sizeof *given->blocks);
    given->n = given->n_had = 0;
    given->round = round;
}

static bool was_had(const dc__given *given, uint32_t b)
{
    return given->n_had > 0 && has(given->had, b);
}

/* A gradient must be of the round that is on (the caller knows that it is) and come once, but for what an
 * earlier session has given. *wanted: how many blocks are new; *lead: the first of them. */
static dc_error note_given(const dc__training *t, int slot, dc__given *given, uint64_t round, uint32_t first,
                           uint32_t end, uint32_t *wanted, uint32_t *lead)
{
    if (given->round != round) begin_given(t, given, round);
    *wanted = 0;
    for (uint32_t b = first; b < end; b++)
        if (!was_had(given, b)) {
            if (has(given->blocks, b)) return bad_gradient(t, slot, "twice");
            if ((*wanted)++ == 0) *lead = b;
        }
    for (uint32_t b = first; b < end; b++)
        put_bit(given->blocks, b, true);
    given->n += *wanted;
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

/* Sums block b of the round and steps it; false if nobody's gradient of it counts. */
static bool apply(dc__training *t, uint32_t b, uint64_t round)
{
    dc__addends a;
    const dc__crew *crew = dc__roster_crew(&t->roster, round);
    dc__reduce_collect(&t->reduce, crew, b, round, &a);
    if (a.n > 0) {
        dc__apply_block(&t->versions, &a, b, round, a.images, dc__training_carries(t));
        dc__codes_block(&t->codes, &t->versions, b, round);
    } else {
        end_without_gradient(t, round);
    }
    dc__reduce_free(&t->reduce, crew, b);
    return a.n > 0;
}

/* Puts the blocks [first, end), of the payload from data on, into the sum; those that are complete are applied, and
 * published in runs. Where the next block's begins, unless the message may be another's already. */
static const uint8_t *reduce_blocks(dc__training *t, int slot, const dc__header *h, const uint8_t *data,
                                    dc__held *held, uint32_t first, uint32_t end, bool more)
{
    const dc_model *m = t->model;
    const dc__codec *codec = t->reduce.codec;
    const dc__crew *crew = dc__roster_crew(&t->roster, h->round);
    uint32_t applied = first; /* [applied, b) is applied and not yet published */
    for (uint32_t b = first; b < end; b++) {
        const size_t n = (size_t)(m->block_offset[b + 1] - m->block_offset[b]);
        const uint8_t *at = data; /* the message is another's as soon as its last block is put */
        data += b + 1 < end || more ? codec->check(at, h->payload_bytes, n, NULL) : 0;
        const bool complete = dc__reduce_put(&t->reduce, b, crew->n, slot, held, at, h->rate);
        if (!complete || !apply(t, b, h->round)) {
            if (b > applied) publish(t, applied, b - applied, h->round);
            applied = b + 1;
        }
    }
    if (end > applied) publish(t, applied, end - applied, h->round);
    return data;
}

/* A round in which nobody's gradient counts makes no version. */
static bool is_anybody_left(const dc__training *t, uint64_t round)
{
    const dc__crew *crew = dc__roster_crew(&t->roster, round);
    for (int k = 0; k < crew->n; k++)
        if (t->reduce.refused[crew->member[k].slot] != round + 1) return true;
    return false;
}

/* Whether a refusal's line is to be written: a worker may send as many as there are rounds. */
static bool is_told(uint64_t refusals)
{
    return refusals <= REFUSALS_TOLD || (refusals & (refusals - 1)) == 0;
}

dc_error dc__training_refuse(dc__training *t, int slot, dc__given *given, uint64_t round)
{
    char line[DC__LINE_BYTES];
    (void)snprintf(line, sizeof line, "%.300s", dc_last_error());
    if (given->refused == round + 1) return DC_OK;
    given->in_a_row = given->refused == round ? given->in_a_row + 1 : 1;
    given->refused = round + 1;
    given->refusals++;
    dc__reduce_refuse(&t->reduce, slot, round);
    if (t->on_bad_value == DC_BAD_STOP)
        return dc__fail(DC_EVALUE, "%s: the run ends there (--on-bad-value stop)", line);
    if (t->on_bad_value == DC_BAD_EXPEL)
        return dc__fail(DC_EVALUE, "%s: the worker is expelled (--on-bad-value expel)", line);
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
static dc_error check_values(dc__training *t, int slot, dc__given *given, const dc__header *h,
                             const float *values, bool finite)
{
    char what[64];
    if (given->refused == h->round + 1 || (values ? dc__is_finite(h->count, values) : finite)) return DC_OK;
    (void)snprintf(what, sizeof what, "round %llu: worker %d's gradient", (unsigned long long)h->round + 1,
                   t->roster.member[slot].number);
    if (values)
        (void)dc__finite_check(t->model, h->offset, h->count, values, what);
    else
        (void)dc__fail(DC_EVALUE, "%s of layer %d is not finite", what,
                       t->model->tensors[t->model->by_offset[dc__model_find(t->model, h->offset)]].layer);
    return dc__training_refuse(t, slot, given, h->round);
}

/* The runs of blocks [first, end) that are new, `wanted` of them. With the last of them a new round may begin. */
static void reduce_runs(dc__training *t, int slot, dc__given *given, const dc__header *h, const uint8_t *data,
                        dc__held *held, uint32_t first, uint32_t end, uint32_t wanted)
{
    const dc_model *m = t->model;
    for (uint32_t b = first, run; b < end; b = run) {
        run = b + 1;
        if (was_had(given, b)) {
            put_bit(given->had, b, false);
            given->n_had--;
            if (wanted > 0)
                data += t->reduce.codec->check(data, h->payload_bytes,
                                               (size_t)(m->block_offset[b + 1] - m->block_offset[b]), NULL);
            continue;
        }
        while (run < end && !was_had(given, run))
            run++;
        wanted -= run - b;
        data = reduce_blocks(t, slot, h, data, held, b, run, wanted > 0);
    }
}

dc_error dc__training_gradient(dc__training *t, int slot, dc__given *given, dc__frame *frame,
                               _Atomic int64_t *heard_ns, bool *kept)
{
    const dc__header *h = &frame->header;
    *kept = false;
    uint32_t first, end, wanted, lead = 0;
    const dc__codec *codec = t->reduce.codec;
    bool finite = true;
    if (h->codec != codec->id) return bad_gradient(t, slot, "in another codec than the run's");
    const float *values = codec->exact ? dc__values_of(frame) : NULL;
    if (!dc__model_blocks(t->model, h->offset, h->count, &first, &end) || (codec->exact && !values) ||
        (!values && !dc__runs_check(codec, t->model, first, end, frame->payload, h->payload_bytes, &finite)))
        return bad_gradient(t, slot, "that is not a run of whole blocks");
    if (!isfinite(h->rate)) return bad_gradient(t, slot, "with a learning rate that is not a number");
    dc_error err = note_given(t, slot, given, h->round, first, end, &wanted, &lead);
    if (!err) err = check_values(t, slot, given, h, values, finite);
    if (!err) err = dc__checkpoint_guard(&t->checkpoint, h->round - 1, heard_ns);
    if (err) return err;
    dc__held *held = NULL;
    if (wanted > 0) held = dc__reduce_hold(&t->reduce, slot, lead, wanted, frame->message);
    *kept = wanted > 0;
    reduce_runs(t, slot, given, h, frame->payload, held, first, end, wanted);
    return DC_OK;
}

/* ---- members that come back, come new, or are passed over ---- */

void dc__training_enter(dc__given *given, uint64_t round)
{
    given->n_had = 0;
    given->began = round;
}

bool dc__training_resume(dc__training *t, dc__given *given, uint64_t round)
{
    given->n_had = 0;
    given->began = round;
    if (given->round != round) return true;
    if (given->n == t->model->n_blocks) return false;
    memcpy(given->had, given->blocks, words(t) * sizeof *given->had);
    given->n_had = given->n;
    return true;
}

void dc__training_take_over(dc__training *t, int slot, dc__given *given)
{
    const uint64_t round = t->versions.round;
    dc__roster_take_over(&t->roster, round, slot);
    dc__statistics_begin(&t->statistics, dc__roster_crew(&t->roster, round), round);
    begin_given(t, given, round);
    for (uint32_t b = 0; b < t->model->n_blocks; b++)
        if (t->versions.block[b] > round) { /* made already */
            put_bit(given->blocks, b, true);
            given->n++;
        }
    (void)dc__training_resume(t, given, round);
    log_crew(t, round);
    for (size_t k = 0; k < words(t); k++) /* of this worker the others count */
        given->blocks[k] = ~given->blocks[k];
    dc__run_log_partial(&t->run_log, round, t->roster.member[slot].number, t->model->n_blocks, given->blocks);
    for (size_t k = 0; k < words(t); k++)
        given->blocks[k] = ~given->blocks[k];
}

void dc__training_close(dc__training *t, uint64_t round, int number, dc__given *given)
{
    if (given->round != round) begin_given(t, given, round);
    if (given->n == t->model->n_blocks) return; /* the round may be over already */
    const dc__crew *crew = dc__roster_crew(&t->roster, round);
    _Atomic int64_t nobody_ns = 0;
    if (dc__checkpoint_guard(&t->checkpoint, round - 1, &nobody_ns)) return; /* the run is at its end */
    dc__run_log_partial(&t->run_log, round, number, t->model->n_blocks, given->blocks);
    for (uint32_t b = 0; b < t->model->n_blocks; b++) {
        if (has(given->blocks, b)) continue;
        if (!dc__reduce_skip(&t->reduce, b, crew->n)) continue;
        if (apply(t, b, round)) publish(t, b, 1, round);
    }
}
