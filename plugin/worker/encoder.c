#include "worker/encoder.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static uint64_t trained(const dc_model *m)
{
    return m->start[DC_TRAINED + 1] - m->start[DC_TRAINED];
}

dc_error dc__encoder_init(dc__encoder *e, const dc__coding *coding, dc_model *model)
{
    const size_t n = (size_t)trained(model) + 1;
    bool ok = true;
    e->coding = *coding;
    e->model = model;
    e->plain = dc__coding_plain(coding, model);
    const bool local = dc__coding_local(coding);
    e->active = local || !coding->up.codec->exact;
    ok &= !local || (e->base = calloc(n, sizeof(float))) != NULL;
    for (int i = 0; i < 2 && e->active; i++) {
        ok &= coding->up.codec->exact || (e->kept[i] = calloc(n, sizeof(float))) != NULL;
        ok &= !(e->plain || local) || (e->velocity[i] = calloc(n, sizeof(float))) != NULL;
    }
    return ok ? DC_OK
              : dc__fail(DC_ENOMEM, "out of memory for what is not sent at once of %zu gradients", n - 1);
}

void dc__encoder_free(dc__encoder *e)
{
    free(e->base);
    e->base = NULL;
    for (int i = 0; i < 2; i++) {
        free(e->kept[i]);
        free(e->velocity[i]);
        e->kept[i] = e->velocity[i] = NULL;
    }
}

static size_t floats_of(const dc_model *m, uint32_t b)
{
    return (size_t)(m->block_offset[b + 1] - m->block_offset[b]);
}

size_t dc__encoder_bytes(const dc__encoder *e, uint64_t round, uint32_t first, uint32_t end)
{
    const dc__way way = dc__coding_up(&e->coding, round);
    size_t bytes = 0;
    for (uint32_t b = first; b < end; b++)
        bytes += way.codec->encoded_most(floats_of(e->model, b), way.share);
    return bytes;
}

/* The last local step of [at, at + n), and the change since the first. */
static void step(dc__encoder *e, uint64_t at, size_t n, float rate, float *velocity, float *change)
{
    dc_model *m = e->model;
    const float images = (float)m->images_per_round;
    dc__model_update_range(m, at, n, rate, m->images_per_round, 1);
    dc__model_gather(m, true, at, n, velocity);
    dc__model_gather(m, false, at, n, change);
    for (size_t i = 0; i < n; i++)
        change[i] = (change[i] - e->base[at + i]) * images;
}

static void take(dc__encoder *e, uint64_t at, size_t n, float *given)
{
    dc__model_gather(e->model, true, at, n, given);
    dc__model_zero_gradients(e->model, at, n);
}

size_t dc__encoder_encode(dc__encoder *e, uint64_t round, float rate, uint32_t first, uint32_t end,
                          void *payload)
{
    const dc_model *m = e->model;
    const dc__way way = dc__coding_up(&e->coding, round);
    const int now = (int)(round & 1), next = !now;
    float given[DC__BLOCK_FLOATS_MOST];
    const float *kept = e->kept[now];
    float *keep = e->kept[next];
    uint8_t *to = payload;
    for (uint32_t b = first; b < end; b++) {
        const uint64_t at = m->block_offset[b];
        const size_t n = floats_of(m, b);
        float *velocity = e->plain ? e->velocity[next] + at : given;
        if (e->base)
            step(e, at, n, rate, e->velocity[next] + at, given);
        else
            take(e, at, n, given);
        if (e->plain) dc__model_velocity(m, at, n, given, e->velocity[now] + at, velocity);
        const size_t bytes =
            way.codec->encode(velocity, n, way.share, kept ? kept + at : NULL, kept ? keep + at : NULL, to);
        if (e->plain) way.codec->mask(to, velocity, n);
        to += bytes;
    }
    return (size_t)(to - (uint8_t *)payload);
}

void dc__encoder_begin(dc__encoder *e, uint64_t version)
{
    if (e->base) dc__model_set_moment(e->model, 1, 0, trained(e->model), e->velocity[version & 1]);
}

void dc__encoder_step_alone(dc__encoder *e, float rate)
{
    dc_model *m = e->model;
    dc__model_update_range(m, 0, trained(m), rate, m->images_per_round, 1);
}

void dc__encoder_forget(dc__encoder *e, uint64_t version)
{
    const size_t bytes = (size_t)trained(e->model) * sizeof(float);
    float *const parts[] = {e->kept[version & 1], e->velocity[version & 1]};
    for (int k = 0; k < 2; k++)
        if (parts[k]) memset(parts[k], 0, bytes);
}
