/* round.c - from gradients to the next version of a block. See server.h for the order of things. */
#include <math.h>
#include <nanomsg/nn.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "server/server.h"

dc_error dc__round_allocate(dc_server *s)
{
    const dc_model *m = s->model;
    const uint64_t all = dc__model_floats(m), moments = dc__model_state_floats(m);
    const size_t slots = (size_t)m->n_blocks * (size_t)s->workers;
    const bool adam = m->optimizer.algorithm == DC_ADAM;
    dc__state *state = &s->state;
    bool ok = true;
    for (int i = 0; i < 2; i++) {
        ok &= (state->value[i] = calloc(all + 1, sizeof(float))) != NULL;
        ok &= (state->moment1[i] = calloc(moments + 1, sizeof(float))) != NULL;
        ok &= !adam || (state->moment2[i] = calloc(moments + 1, sizeof(float))) != NULL;
    }
    const size_t frozen = (size_t)(m->start[DC_FIXED] - m->start[DC_FROZEN]);
    ok &= !adam || (state->no_gradient = calloc(frozen + 1, sizeof(float))) != NULL;
    const size_t stats = (size_t)dc__stat_floats(s) * (size_t)s->workers + 1;
    for (int i = 0; i < 2; i++) {
        ok &= (state->stats[i] = calloc(stats, sizeof(float))) != NULL;
        ok &= (state->stat_round[i] = calloc((size_t)s->workers, sizeof *state->stat_round[i])) != NULL;
        for (int rank = 0; state->stat_round[i] && rank < s->workers; rank++)
            state->stat_round[i][rank] = DC__NO_ROUND;
    }
    ok &= (s->due_stats = calloc(stats, sizeof(float))) != NULL;
    ok &= (s->version = calloc(m->n_blocks, sizeof *s->version)) != NULL;
    ok &= (s->arrived = calloc(m->n_blocks, sizeof *s->arrived)) != NULL;
    ok &= (s->slots = calloc(slots, sizeof *s->slots)) != NULL;
    ok &= (s->held = calloc(slots, sizeof *s->held)) != NULL;
    if (ok) return DC_OK;
    return dc__fail(DC_ENOMEM, "out of memory: %s needs %.1f GB here", m->name,
                    (double)(2 * all + (adam ? 4 : 2) * moments) * sizeof(float) / 1e9);
}

void dc__round_free(dc_server *s)
{
    dc__state *state = &s->state;
    if (s->slots && s->model)
        for (size_t i = 0; i < (size_t)s->model->n_blocks * (size_t)s->workers; i++)
            if (s->held && s->held[i].message && s->held[i].blocks_left > 0)
                (void)nn_freemsg(s->held[i].message);
    for (int i = 0; i < 2; i++) {
        free(state->value[i]);
        free(state->moment1[i]);
        free(state->moment2[i]);
        free(state->stats[i]);
        free(state->stat_round[i]);
    }
    free(state->no_gradient);
    free(s->due_stats);
    free(s->version);
    free(s->arrived);
    free(s->slots);
    free(s->held);
    memset(state, 0, sizeof *state);
    s->due_stats = NULL;
    s->version = NULL;
    s->arrived = NULL;
    s->slots = NULL;
    s->held = NULL;
}

/* ---- arithmetic ---- */

/* One step on [offset, offset + count) from version to version + 1, gradients summed already: for SGD into
 * the new moment (velocity included), for Adam in sum. */
static void step_range(dc_server *s, uint64_t version, uint64_t offset, uint64_t count, float rate,
                       const float *sum)
{
    const dc_model *m = s->model;
    const int from = (int)(version & 1), to = 1 - from;
    const uint64_t images = (uint64_t)m->images_per_round * (uint64_t)s->workers;
    dc__state *st = &s->state;
    const uint64_t end = offset + count;
    for (int i = dc__model_find(m, offset); offset < end; i++) {
        const dc__tensor *tensor = &m->tensors[m->by_offset[i]];
        const uint64_t tensor_end = tensor->offset + tensor->t.count;
        const uint64_t n = (tensor_end < end ? tensor_end : end) - offset;
        const dc__step step = dc__model_step(m, tensor, rate, images, dc__step_of(s, version) + 1);
        if (step.adam)
            dc__adam(n, &step, st->value[from] + offset, st->value[to] + offset,
                     sum + (offset - (end - count)), st->moment1[from] + offset, st->moment2[from] + offset,
                     st->moment1[to] + offset, st->moment2[to] + offset);
        else
            dc__sgd(n, &step, st->value[from] + offset, st->value[to] + offset, st->moment1[to] + offset);
        offset += n;
    }
}

/* Sums a block's gradients in rank order, as one machine adds subdivision to subdivision. */
static void apply_block(dc_server *s, uint32_t b, uint64_t version)
{
    const dc_model *m = s->model;
    const uint64_t offset = m->block_offset[b];
    const size_t n = (size_t)(m->block_offset[b + 1] - offset);
    const dc__slot *slot = &s->slots[(size_t)b * (size_t)s->workers];
    const bool adam = m->optimizer.algorithm == DC_ADAM;
    float adam_sum[DC__BLOCK_FLOATS_MOST];
    float *sum = adam ? adam_sum : s->state.moment1[1 - (version & 1)] + offset;
    int rank = 0;
    if (adam || s->workers == 1) /* a worker alone pushes its velocity with the gradient */
        memcpy(sum, slot[rank++].data, n * sizeof(float));
    else
        dc__add_to(n, sum, s->state.moment1[version & 1] + offset, slot[rank++].data);
    for (; rank < s->workers; rank++)
        dc__add(n, sum, slot[rank].data);
    s->state.rate[1 - (version & 1)] = slot[0].rate;
    step_range(s, version, offset, n, slot[0].rate, sum);
}

/* Frozen tensors get no gradient, but decay and momentum act on them; workers do the same on their side. */
static void apply_frozen(dc_server *s, uint64_t version)
{
    const dc_model *m = s->model;
    const uint64_t from = m->start[DC_FROZEN], n = m->start[DC_FIXED] - from;
    if (n == 0) return;
    dc__state *st = &s->state;
    const int old = (int)(version & 1);
    if (m->optimizer.algorithm != DC_ADAM)
        memcpy(st->moment1[1 - old] + from, st->moment1[old] + from, n * sizeof(float));
    step_range(s, version, from, n, st->rate[1 - old], st->no_gradient);
}

/* ---- bookkeeping ---- */

static void release(dc_server *s, uint32_t b)
{
    for (int rank = 0; rank < s->workers; rank++) {
        dc__slot *slot = &s->slots[(size_t)b * (size_t)s->workers + (size_t)rank];
        dc__held *held = slot->held;
        slot->data = NULL;
        slot->held = NULL;
        if (atomic_fetch_sub(&held->blocks_left, 1) == 1) {
            (void)nn_freemsg(held->message);
            held->message = NULL;
        }
    }
}

/* Makes blocks [first, first + n) that were applied at version visible as version + 1; the one that completes
 * the version also finishes the round. */
static void publish(dc_server *s, uint32_t first, uint32_t n, uint64_t version)
{
    const bool whole = atomic_fetch_add(&s->blocks_done, n) + n == s->model->n_blocks;
    if (whole) {
        apply_frozen(s, version);
        s->blocks_done = 0;
    }
    pthread_mutex_lock(&s->lock);
    for (uint32_t b = first; b < first + n; b++)
        s->version[b] = version + 1;
    if (whole) {
        s->state.round = version + 1;
        s->whole_ns = dc__now_ns();
        dc__checkpoint_if_due(s);
    }
    for (int i = 0; i < s->workers; i++) {
        for (uint32_t b = first; b < first + n; b++)
            dc__peer_offer(&s->peers[i], b, version + 1);
        if (s->peers[i].queue.left > 0 || s->peers[i].stat_due) pthread_cond_signal(&s->peers[i].wake);
    }
    pthread_mutex_unlock(&s->lock);
}

static dc_error bad_gradient(const dc__peer *peer, const char *why)
{
    return dc__fail(DC_EPROTO, "worker %d sent a GRAD frame %s", peer->rank, why);
}

bool dc__round_is_even(const dc__peer *peer, uint64_t round)
{
    const dc_server *s = peer->server;
    if (peer->n_given == 0) return round == s->state.first_round;
    return peer->n_given == s->model->n_blocks && peer->given_round + 1 == round;
}

/* A gradient must be of the round that is on (the caller knows that it is) and come once. */
static dc_error note_given(dc__peer *peer, uint64_t round, uint32_t first, uint32_t end)
{
    if (peer->given_round != round) {
        memset(peer->given, 0, ((size_t)peer->server->model->n_blocks + 63) / 64 * sizeof *peer->given);
        peer->n_given = 0;
        peer->given_round = round;
    }
    for (uint32_t b = first; b < end; b++)
        if (peer->given[b / 64] >> (b % 64) & 1) return bad_gradient(peer, "twice");
    for (uint32_t b = first; b < end; b++)
        peer->given[b / 64] |= (uint64_t)1 << (b % 64);
    peer->n_given += end - first;
    return DC_OK;
}

dc_error dc__round_gradient(dc__peer *peer, dc__frame *frame, bool *kept)
{
    dc_server *s = peer->server;
    const dc_model *m = s->model;
    const dc__header *h = &frame->header;
    *kept = false;
    uint32_t first, end;
    if (h->payload_bytes != h->count * sizeof(float) || (uintptr_t)frame->payload % sizeof(float) != 0 ||
        !dc__model_blocks(m, h->offset, h->count, &first, &end))
        return bad_gradient(peer, "that is not a run of whole blocks");
    if (!isfinite(h->rate)) return bad_gradient(peer, "with a learning rate that is not a number");
    dc_error err = note_given(peer, h->round, first, end);
    if (!err) err = dc__checkpoint_guard(peer, h->round - 1);
    if (err) return err;
    dc__wire_floats(frame->payload, h->count);

    /* All messages of the round before have been let go: it is over for every worker. */
    dc__held *held = &s->held[(size_t)peer->rank * m->n_blocks + first];
    held->message = frame->message;
    held->blocks_left = end - first;
    *kept = true;
    uint32_t applied = first; /* [applied, b) is applied and not yet published */
    for (uint32_t b = first; b < end; b++) {
        dc__slot *slot = &s->slots[(size_t)b * (size_t)s->workers + (size_t)peer->rank];
        slot->data = (const float *)(const void *)(frame->payload) + (m->block_offset[b] - h->offset);
        slot->held = held;
        slot->rate = h->rate;
        if (atomic_fetch_add(&s->arrived[b], 1) + 1 == (uint32_t)s->workers) {
            s->arrived[b] = 0;
            apply_block(s, b, h->round);
            release(s, b);
        } else {
            if (b > applied) publish(s, applied, b - applied, h->round);
            applied = b + 1;
        }
    }
    if (end > applied) publish(s, applied, end - applied, h->round);
    return DC_OK;
}
