/* passes.c - what a replayed member computes and sends: its arrays, its encoder, and which of its blocks count. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/floatmode.h"
#include "replay/replay.h"

static bool has(const uint8_t *bitmap, uint32_t b)
{
    return bitmap[b / 8] >> (b % 8) & 1;
}

bool dc__replay_counts(const dc__player *p, uint32_t b)
{
    return !p->partial || has(p->counts, b);
}

const uint8_t *dc__replay_sent(const dc__player *p, uint32_t b)
{
    const dc__sent *sent = p->forgot && has(p->old, b) ? &p->before : &p->sent;
    return sent->payload + sent->at[b];
}

dc_error dc__replay_blocks(dc_replay *r)
{
    dc__player *p = dc__replay_find(r, r->next.number);
    const bool partial = r->next.type == DC__LOG_PARTIAL;
    if (!p) return dc__fail(DC_EFORMAT, "%s: worker %d is in no roster", r->path, r->next.number);
    memcpy(partial ? p->counts : p->old, r->next.bitmap, (r->model->n_blocks + 7) / 8);
    if (partial)
        p->partial = true;
    else
        p->forgot = true;
    return DC_OK;
}

static bool any(const uint8_t *bitmap, uint32_t n)
{
    for (uint32_t b = 0; b < n; b++)
        if (has(bitmap, b)) return true;
    return false;
}

void dc__replay_begin_passes(dc_replay *r)
{
    r->n_passes = r->taken = 0;
    for (int k = 0; k < r->n_crew; k++) {
        const dc__player *p = &r->players[r->crew[k]];
        if (p->forgot && any(p->old, r->model->n_blocks))
            r->passes[r->n_passes++] = (dc__pass){.player = r->crew[k], .lost = true};
        r->passes[r->n_passes++] = (dc__pass){.player = r->crew[k], .afresh = p->forgot};
    }
}

/* ---- arrays ---- */

/* Momentum that is a worker's own is in its gradient buffers. */
static void place_momentum(dc_replay *r, dc__player *p)
{
    dc_model *m = r->model;
    if (r->server.carried)
        dc__model_set_moment(m, 1, 0, m->start[DC_FROZEN], dc__versions_moment1(&r->versions, r->round));
    else
        dc__model_zero_gradients(m, 0, m->start[DC_FROZEN]);
    if (p->encodes) dc__encoder_begin(&p->encoder, r->round);
}

int dc_replay_place(dc_replay *r, int k)
{
    dc_model *m = r->model;
    const dc__pass *pass = &r->passes[k];
    dc__player *p = &r->players[pass->player];
    const uint64_t trained = m->start[DC_FROZEN], statistic = m->start[DC_STATISTIC];
    const float *shown = dc__codes_values(&r->codes, &r->versions, p->base),
                *values = dc__versions_values(&r->versions, r->round);
    r->at = k;
    dc__model_scatter(m, 0, trained, shown);
    dc__model_scatter(m, trained, statistic - trained, values + trained);
    if (pass->afresh) memcpy(p->statistics, p->reported, (size_t)r->stat_floats * sizeof *p->reported);
    dc__model_scatter(m, statistic, r->stat_floats, p->statistics);
    if (p->encodes && pass->afresh) dc__encoder_forget(&p->encoder, r->round);
    if (p->encodes && p->encoder.base) memcpy(p->encoder.base, shown, trained * sizeof *shown);
    place_momentum(r, p);
    return pass->player;
}

bool dc_replay_afresh(const dc_replay *r, int k)
{
    return r->passes[k].afresh;
}

void dc_replay_step_alone(dc_replay *r, float rate)
{
    const unsigned long mode = dc__float_mode();
    dc__flush_denormals();
    dc__encoder_step_alone(&r->players[r->passes[r->at].player].encoder, rate);
    dc__float_mode_set(mode);
}

/* ---- gradients ---- */

static dc_error make_room(const dc_replay *r, const dc__player *p, dc__sent *s)
{
    const uint32_t blocks = r->model->n_blocks;
    const size_t n = dc__encoder_exact(&p->encoder) ? r->model->start[DC_FROZEN] * sizeof(float)
                                                    : dc__encoder_bytes(&p->encoder, r->round, 0, blocks);
    if (!s->at) s->at = calloc(blocks, sizeof *s->at);
    if (s->room < n) {
        free(s->payload);
        s->payload = malloc(n);
        s->room = s->payload ? n : 0;
    }
    return s->at && s->payload ? DC_OK
                               : dc__fail(DC_ENOMEM, "out of memory for the gradients of %s", r->path);
}

static void send(const dc_replay *r, dc__player *p, dc__sent *s)
{
    const dc_model *m = r->model;
    size_t at = 0;
    for (uint32_t b = 0; b < m->n_blocks; b++) {
        s->at[b] = at;
        at += dc__encoder_exact(&p->encoder)
                  ? (size_t)(m->block_offset[b + 1] - m->block_offset[b]) * sizeof(float)
                  : dc__encoder_encode(&p->encoder, r->round, r->rate, b, b + 1, s->payload + at);
    }
    if (dc__encoder_exact(&p->encoder))
        dc__model_gather(m, true, 0, m->start[DC_FROZEN], (float *)(void *)s->payload);
}

dc_error dc_replay_take(dc_replay *r, int k)
{
    const dc__pass *pass = &r->passes[k];
    dc__player *p = &r->players[pass->player];
    dc__sent *sent = pass->lost ? &p->before : &p->sent;
    dc__assert(k == r->taken && k == r->at);
    const dc_error err = make_room(r, p, sent);
    if (err) return err;
    const unsigned long mode = dc__float_mode();
    dc__flush_denormals();
    send(r, p, sent);
    dc__float_mode_set(mode);
    if (!pass->lost) dc__replay_take_statistics(r, p);
    r->taken++;
    return DC_OK;
}
