#include "server/spread.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "endpoint/values.h"
#include "model/average.h"

/* The arrays of a version, by the flags of their frames. */
enum { AVERAGE = DC__STATE_MOMENT1 | DC__STATE_MOMENT2 };
static const uint8_t kinds[] = {0, DC__STATE_MOMENT1, DC__STATE_MOMENT2, AVERAGE, DC__STATE_SHOWN};
enum { KINDS = sizeof kinds };

/* NULL: the version has none. */
static float *array_of(const dc__arrays *a, uint8_t kind, uint64_t version)
{
    const dc__versions *v = a->versions;
    switch (kind) {
    case 0:
        return dc__versions_values(v, version);
    case DC__STATE_MOMENT1:
        return dc__versions_moment1(v, version);
    case DC__STATE_MOMENT2:
        return dc__versions_moment2(v, version);
    case AVERAGE:
        return dc__versions_average(v, version);
    case DC__STATE_SHOWN:
        return a->codes->shown[version & 1];
    default:
        return NULL;
    }
}

static uint64_t floats_of(const dc_model *m, uint8_t kind)
{
    if (kind == 0) return dc__model_floats(m);
    if (kind == DC__STATE_SHOWN) return m->start[DC_TRAINED + 1];
    return kind == AVERAGE ? dc__average_floats(m) : dc__model_state_floats(m);
}

void dc__spread_gather(const dc__shard *s, const dc__arrays *part, uint64_t version, const dc__arrays *whole)
{
    for (int k = 0; k < KINDS; k++) {
        const float *from = array_of(part, kinds[k], version);
        if (from)
            dc__shard_take(s, 0, floats_of(s->model, kinds[k]), from, array_of(whole, kinds[k], version));
    }
}

void dc__spread_split(const dc__shard *s, const dc__arrays *whole, const dc__arrays *part)
{
    const uint64_t version = whole->versions->round;
    dc__versions *v = part->versions;
    for (int k = 0; k < KINDS; k++) {
        float *to = array_of(part, kinds[k], version);
        if (to) dc__shard_give(s, floats_of(s->model, kinds[k]), array_of(whole, kinds[k], version), to);
    }
    memcpy(dc__versions_values(v, version + 1), dc__versions_values(v, version),
           dc__model_floats(s->model) * sizeof(float));
    dc__versions_begin(v, version, whole->versions->first_step);
    v->first_average = whole->versions->first_average;
    v->batches = whole->versions->batches;
}

static dc_error send_array(dc__link *link, uint8_t kind, uint64_t version, const float *array, uint64_t n,
                           bool last)
{
    const uint64_t most = DC__MAX_SLICE_BYTES / sizeof(float);
    dc_error err = DC_OK;
    uint64_t at = 0;
    do {
        const uint64_t count = n - at < most ? n - at : most;
        dc__header header = {.type = DC__STATE,
                             .flags = (uint8_t)(kind | (last && at + count == n ? DC__LAST : 0)),
                             .round = version,
                             .offset = at,
                             .count = (uint32_t)count};
        float *values;
        void *message = dc__values_alloc(link, header.count, &values);
        if (message) memcpy(values, array + at, count * sizeof *values);
        err = dc__values_send(link, &header, message);
        at += count;
    } while (!err && at < n);
    return err;
}

dc_error dc__spread_send(dc__link *link, const dc__shard *s, const dc__arrays *of, uint64_t version)
{
    const dc_model *m = s ? s->model : of->versions->model;
    float *room = s ? malloc((dc__model_floats(m) + 1) * sizeof *room) : NULL;
    if (s && !room) return dc__fail(DC_ENOMEM, "out of memory for a shard's state");
    int last = 0;
    for (int k = 0; k < KINDS; k++)
        if (array_of(of, kinds[k], version)) last = k;
    dc_error err = DC_OK;
    for (int k = 0; !err && k <= last; k++) {
        const float *array = array_of(of, kinds[k], version);
        const uint64_t n = floats_of(m, kinds[k]);
        if (!array) continue;
        if (s) dc__shard_give(s, n, array, room);
        err = send_array(link, kinds[k], version, s ? room : array, n, k == last);
    }
    free(room);
    return err;
}

dc_error dc__spread_take(const dc__frame *frame, const dc__shard *s, const dc__arrays *into)
{
    const dc__header *h = &frame->header;
    const uint8_t kind = h->flags & (AVERAGE | DC__STATE_SHOWN);
    const dc_model *m = s ? s->model : into->versions->model;
    float *array = array_of(into, kind, h->round);
    const uint64_t n = floats_of(m, kind);
    const float *values = dc__values_of(frame);
    if (!array || !values || h->offset > n || h->count > n - h->offset)
        return dc__fail(DC_EPROTO, "a shard sent a STATE frame that is outside its part of the model");
    if (s)
        dc__shard_take(s, h->offset, h->count, values, array);
    else
        memcpy(array + h->offset, values, h->count * sizeof *values);
    return DC_OK;
}
