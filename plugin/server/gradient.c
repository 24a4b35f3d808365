/* gradient.c - from a gradient that arrives, or that is not waited for any more, to the next version of its blocks. */
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "endpoint/values.h"
#include "model/finite.h"
#include "server/apply.h"
#include "server/training.h"

dc_error dc__training_log_shard(dc__training *t, const dc__shard *shard, uint64_t round, int number,
                                const uint64_t *counted)
{
    uint64_t *blocks = malloc(((size_t)t->whole->n_blocks / 64 + 1) * sizeof *blocks);
    if (!blocks) return dc__fail(DC_ENOMEM, "out of memory for the run's log");
    dc__shard_blocks(shard, t->whole, counted, blocks);
    dc__run_log_partial(&t->run_log, round, number, t->whole->n_blocks, blocks);
    free(blocks);
    return DC_OK;
}

/* This shard was ahead of the first, which had no more of the member in this round. */
static bool is_past(dc__training *t, int slot, uint64_t round)
{
    dc__roster *r = &t->roster;
    pthread_mutex_lock(&r->lock);
    const bool past = r->member[slot].leaves && r->member[slot].until < round;
    pthread_mutex_unlock(&r->lock);
    return past;
}

static void log_partial(dc__training *t, uint64_t round, const dc__crew_member *m, const uint64_t *counted)
{
    dc_error err = DC_OK;
    if (t->omitted && !is_past(t, m->slot, round))
        t->omitted(t->context, round, m->number, counted);
    else if (!t->omitted && t->shares.n > 1)
        err = dc__training_log_shard(t, &t->part, round, m->number, counted);
    else if (!t->omitted)
        dc__run_log_partial(&t->run_log, round, m->number, t->model->n_blocks, counted);
    if (err) dc__roster_end(&t->roster, err, dc_last_error());
}

/* How version + 1, whose blocks are all made, came about: for who makes the run again. */
static void log_version(dc__training *t, uint64_t version)
{
    const dc__crew *crew = dc__roster_crew(&t->roster, version);
    for (int k = 0; k < crew->n; k++) {
        const uint64_t base = dc__bases_of(&t->bases, crew->member[k].slot, version);
        if (base != version) dc__run_log_base(&t->run_log, version, crew->member[k].number, base);
        const uint64_t *counted = dc__omissions_take(&t->omissions, crew->member[k].slot);
        if (!counted) continue;
        log_partial(t, version, &crew->member[k], counted);
        dc__clip_omit(&t->clip, t->model, crew->member[k].slot, version, counted);
    }
    dc__run_log_rate(&t->run_log, version, dc__versions_rate(&t->versions, version + 1));
}

/* Makes blocks [first, first + n) that were applied at version visible as version + 1; the call that
 * completes the version also finishes the round. */
static void publish(dc__training *t, uint32_t first, uint32_t n, uint64_t version)
{
    dc__versions *v = &t->versions;
    const bool whole = dc__versions_complete(v, n);
    if (whole) {
        dc__apply_frozen(v, version, dc__roster_crew(&t->roster, version)->images);
        log_version(t, version);
        v->blocks_done = 0;
    }
    pthread_mutex_lock(&v->lock);
    for (uint32_t b = first; b < first + n; b++)
        v->block[b] = version + 1;
    if (whole) {
        dc__pace_round(&t->pace, dc__roster_crew(&t->roster, version), v->whole_ns, t->bases.most > 0);
        dc__training_border(t, version + 1);
        v->round = version + 1;
        v->whole_ns = dc__now_ns();
        dc__checkpoint_if_due(&t->checkpoint);
        dc__checkpoint_plan(&t->checkpoint);
    }
    t->offer(t->context, first, n, version + 1);
    pthread_mutex_unlock(&v->lock);
}

static dc_error bad_gradient(const dc__training *t, int slot, const char *why)
{
    return dc__fail(DC_EPROTO, "worker %d sent a GRAD frame %s", t->roster.member[slot].number, why);
}

/* Two workers' last gradients may have been refused at the same moment. */
static void end_without_gradient(dc__training *t, uint64_t round)
{
    char line[DC__LINE_BYTES];
    (void)snprintf(line, sizeof line, "round %llu: no worker's gradient is finite",
                   (unsigned long long)round + 1);
    dc__roster_end(&t->roster, DC_EVALUE, line);
}

/* Members of the crew whose gradient of block b is not among those that count. */
static void note_omissions(dc__training *t, const dc__crew *crew, const dc__addends *a, uint32_t b)
{
    for (int k = 0, next = 0; a->n < dc__crew_gradients(crew) && k < crew->n; k++)
        if (crew->member[k].follows)
            continue;
        else if (next < a->n && a->member[next] == crew->member[k].slot)
            next++;
        else
            dc__omissions_note(&t->omissions, crew->member[k].slot, b);
}

/* What a line calls a gradient. */
static void words(int number, uint64_t round, char *what, size_t size)
{
    (void)snprintf(what, size, "round %llu: worker %d's gradient", (unsigned long long)round + 1, number);
}

/* A gradient of block b is not finite. Its receiver may be another thread. */
static void refuse(dc__training *t, const dc__crew *crew, int slot, const float *values, uint32_t b,
                   uint64_t round)
{
    const dc_model *m = t->model;
    char what[64];
    int k = 0;
    while (crew->member[k].slot != slot)
        k++;
    words(crew->member[k].number, round, what, sizeof what);
    (void)dc__finite_check(m, m->block_offset[b], m->block_offset[b + 1] - m->block_offset[b], values, what);
    if (dc__training_refuse(t, slot, round) != DC_OK) dc__refusals_tell(&t->refusals, slot, dc_last_error());
}

/* Looks at the gradients of block b, and leaves those out that are not finite. Whether there are any: then `a` is what is left. */
static bool leave_out(dc__training *t, const dc__crew *crew, uint32_t b, uint64_t round, dc__addends *a)
{
    const size_t n = (size_t)(t->model->block_offset[b + 1] - t->model->block_offset[b]);
    bool any = false;
    for (int k = 0; k < a->n; k++) {
        if (dc__is_finite(n, a->data[k])) continue;
        refuse(t, crew, a->member[k], a->data[k], b, round);
        any = true;
    }
    if (any) dc__reduce_collect(dc__training_reduce(t, round), crew, b, round, a);
    return any;
}

/* Block b of the next version, from those gradients that are here and finite. To look at each of them would read all of them twice, and
 * show in the server's pace. So it is looked at what comes of them; only if that is not finite, at them. False if nobody's
 * counts, or the run ends because of one that is not finite. */
static bool make_block(dc__training *t, const dc__crew *crew, uint32_t b, uint64_t round, dc__addends *a)
{
    const bool seen = !t->codes.coding.up.codec->exact || t->clip.factor > 0; /* as they came */
    const int trim = t->bounds.trim; /* may leave out what is not finite as it leaves out others */
    const bool carries = dc__training_carries(t);
    bool bad = !seen && trim && leave_out(t, crew, b, round, a);
    if (bad && t->roster.ending) return false;
    if (a->n > 0 && !dc__apply_block(&t->versions, a, b, round, a->images, carries, trim) && !seen && !trim) {
        bad = leave_out(t, crew, b, round, a);
        if (bad && t->roster.ending) return false;
        if (bad && a->n > 0) (void)dc__apply_block(&t->versions, a, b, round, a->images, carries, trim);
    }
    if (a->n == 0) end_without_gradient(t, round);
    return a->n > 0;
}

/* Sums block b of the round and steps it; false if it is not made. */
static bool apply(dc__training *t, uint32_t b, uint64_t round)
{
    dc__addends a;
    const dc__crew *crew = dc__roster_crew(&t->roster, round);
    dc__reduce *reduce = dc__training_reduce(t, round);
    dc__reduce_collect(reduce, crew, b, round, &a);
    const bool made = make_block(t, crew, b, round, &a);
    if (made) {
        note_omissions(t, crew, &a, b);
        dc__codes_block(&t->codes, &t->versions, b, round);
    }
    dc__reduce_free(reduce, crew, b);
    return made;
}

/* Puts a member's gradient of block b into the sum. Blocks [*applied, b) are applied and not yet published. */
static void put_block(dc__training *t, int slot, uint32_t b, uint64_t round, const dc__slot *s, int crew,
                      uint32_t *applied)
{
    const bool complete =
        dc__reduce_put(dc__training_reduce(t, round), b, crew, slot, s->held, s->data, s->rate);
    if (complete && apply(t, b, round)) return;
    if (b > *applied) publish(t, *applied, b - *applied, round);
    *applied = b + 1;
}

/* A layer that waited until it was complete. */
static void put_layer(dc__training *t, int slot, int layer, uint64_t round, int crew)
{
    const dc__slot *waiting = dc__clip_slots(&t->clip, slot);
    const uint32_t first = t->model->layers[layer].first_block,
                   end = first + t->model->layers[layer].n_blocks;
    uint32_t applied = first;
    for (uint32_t b = first; b < end; b++)
        put_block(t, slot, b, round, &waiting[b], crew, &applied);
    if (end > applied) publish(t, applied, end - applied, round);
}

/* Puts the blocks [first, end), of the payload from data on, into the sum, or lets them wait for their layers; those that
 * are complete are applied, and published in runs. Returns where the next block's begins, unless the message may be
 * another's already. */
static const uint8_t *reduce_blocks(dc__training *t, int slot, const dc__header *h, const uint8_t *data,
                                    dc__held *held, uint32_t first, uint32_t end, bool more)
{
    const dc_model *m = t->model;
    const dc__reduce *reduce = dc__training_reduce(t, h->round);
    const dc__codec *codec = reduce->codec;
    const bool counts = reduce->refused[slot] != h->round + 1, clips = t->clip.factor > 0;
    const int crew = dc__crew_gradients(dc__roster_crew(&t->roster, h->round));
    uint32_t applied = first;
    for (uint32_t b = first; b < end; b++) {
        const size_t n = (size_t)(m->block_offset[b + 1] - m->block_offset[b]);
        /* The message is another's as soon as its last block is put. */
        const dc__slot s = {.data = data, .held = held, .rate = h->rate};
        data += b + 1 < end || more ? codec->check(data, h->payload_bytes, n, NULL) : 0;
        if (!clips)
            put_block(t, slot, b, h->round, &s, crew, &applied);
        else if (dc__clip_add(&t->clip, m, slot, b, h->round, &s, counts))
            put_layer(t, slot, m->block_layer[b], h->round, crew);
    }
    if (!clips && end > applied) publish(t, applied, end - applied, h->round);
    return data;
}

/* Floats are looked at as their block is summed; here are those that are coded, and those whose norm is taken first. */
static dc_error check_values(dc__training *t, int slot, const dc__header *h, const float *values, bool finite)
{
    const dc__reduce *reduce = dc__training_reduce(t, h->round);
    char what[64];
    if (reduce->refused[slot] == h->round + 1) return DC_OK;
    if (values ? t->clip.factor <= 0 || dc__is_finite(h->count, values) : finite) return DC_OK;
    words(t->roster.member[slot].number, h->round, what, sizeof what);
    if (values)
        (void)dc__finite_check(t->model, h->offset, h->count, values, what);
    else
        (void)dc__fail(DC_EVALUE, "%s of layer %d is not finite", what,
                       t->model->tensors[t->model->by_offset[dc__model_find(t->model, h->offset)]].layer);
    return dc__training_refuse(t, slot, h->round);
}

/* The runs of blocks [first, end) that are new, `wanted` of them. With the last of them a new round may begin. */
static void reduce_runs(dc__training *t, int slot, dc__given *given, const dc__header *h, const uint8_t *data,
                        dc__held *held, uint32_t first, uint32_t end, uint32_t wanted)
{
    const dc_model *m = t->model;
    const dc__codec *codec = t->codes.coding.up.codec;
    for (uint32_t b = first, run; b < end; b = run) {
        run = b + 1;
        if (dc__given_was_had(given, b)) {
            dc__given_again(given, b);
            if (wanted > 0)
                data += codec->check(data, h->payload_bytes,
                                     (size_t)(m->block_offset[b + 1] - m->block_offset[b]), NULL);
            continue;
        }
        while (run < end && !dc__given_was_had(given, run))
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
    uint32_t first, end, wanted, lead;
    const dc__codec *codec = t->codes.coding.up.codec;
    bool finite = true;
    if (h->codec != codec->id) return bad_gradient(t, slot, "in another codec than the run's");
    const float *values = codec->exact ? dc__values_of(frame) : NULL;
    if (!dc__model_blocks(t->model, h->offset, h->count, &first, &end) || (codec->exact && !values) ||
        (!values && !dc__runs_check(codec, t->model, first, end, frame->payload, h->payload_bytes, &finite)))
        return bad_gradient(t, slot, "that is not a run of whole blocks");
    if (!isfinite(h->rate)) return bad_gradient(t, slot, "with a learning rate that is not a number");
    if (!dc__given_note(given, h->round, first, end, &wanted, &lead)) return bad_gradient(t, slot, "twice");
    dc_error err = check_values(t, slot, h, values, finite);
    if (!err)
        err =
            dc__checkpoint_guard(&t->checkpoint, dc__versions_overwritten(&t->versions, h->round), heard_ns);
    for (uint32_t b = first; err && b < end; b++) /* it is not put: who closes the round skips it */
        if (!dc__given_was_had(given, b)) dc__given_remove(given, b);
    if (err) return err;
    if (given->n == given->n_blocks && h->round == t->versions.round) dc__pace_done(&t->pace, slot);
    dc__held *held = NULL;
    if (wanted > 0)
        held = dc__reduce_hold(dc__training_reduce(t, h->round), slot, lead, wanted, frame->message);
    *kept = wanted > 0;
    reduce_runs(t, slot, given, h, frame->payload, held, first, end, wanted);
    return DC_OK;
}

/* ---- members that come back, or are passed over ---- */

void dc__training_take_over(dc__training *t, int slot, dc__given *given)
{
    const uint64_t round = t->versions.round;
    dc__roster_take_over(&t->roster, round, slot);
    dc__given_begin(given, round);
    for (uint32_t b = 0; b < t->model->n_blocks; b++)
        if (t->versions.block[b] > round) { /* made already, without this member */
            dc__given_add(given, b);
            dc__omissions_note(&t->omissions, slot, b);
        }
    (void)dc__given_resume(given, round);
    dc__training_crew_changed(t, round, dc__roster_crew(&t->roster, round));
}

void dc__training_reopen(dc__training *t, int slot, dc__given *given)
{
    const uint64_t round = t->versions.round;
    dc__roster_reopen(&t->roster, round, slot);
    for (uint32_t b = 0; b < t->model->n_blocks; b++)
        if (t->versions.block[b] > round)
            dc__given_add(given, b); /* made, with its gradient or without */
        else if (!dc__given_has(given, b))
            dc__reduce_unskip(dc__training_reduce(t, round), b);
    (void)dc__given_resume(given, round);
}

void dc__training_redo(dc__training *t, dc__given *given)
{
    dc__versions *v = &t->versions;
    if (given->n == 0 || given->round != v->round) return;
    for (uint32_t b = 0; b < t->model->n_blocks; b++)
        v->block[b] = v->round;
    v->blocks_done = 0;
    dc__given_begin(given, v->round);
}

/* Blocks that wait for the rest of their layer, which does not come, are not in the sum. */
static void drop_waiting(dc__training *t, int slot, dc__given *given)
{
    const dc__slot *waiting = t->clip.factor > 0 ? dc__clip_slots(&t->clip, slot) : NULL;
    for (int l = 0; waiting && l < t->model->n_layers; l++) {
        const dc__layer *layer = &t->model->layers[l];
        if (!dc__clip_abandon(&t->clip, slot, l)) continue;
        for (uint32_t b = layer->first_block; b < layer->first_block + layer->n_blocks; b++)
            if (dc__given_has(given, b)) {
                dc__held_release(waiting[b].held);
                dc__given_remove(given, b);
            }
    }
}

void dc__training_close(dc__training *t, uint64_t round, int slot, dc__given *given)
{
    if (given->round != round) dc__given_begin(given, round);
    if (given->n == t->model->n_blocks) return; /* the round may be over already */
    const int crew = dc__crew_gradients(dc__roster_crew(&t->roster, round));
    _Atomic int64_t nobody_ns = 0;
    if (dc__checkpoint_guard(&t->checkpoint, dc__versions_overwritten(&t->versions, round), &nobody_ns))
        return; /* the run is at its end */
    drop_waiting(t, slot, given);
    for (uint32_t b = 0; b < t->model->n_blocks; b++)
        if (!dc__given_has(given, b) && dc__reduce_skip(dc__training_reduce(t, round), b, crew) &&
            apply(t, b, round))
            publish(t, b, 1, round);
}
