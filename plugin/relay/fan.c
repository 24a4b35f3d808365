#include "relay/fan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "endpoint/values.h"

dc_error dc__fan_allocate(dc__fan *f, const dc_model *model, int readers)
{
    const size_t n = model->n_blocks;
    f->model = model;
    f->readers = readers;
    f->asked = DC__NO_VERSION;
    f->came = 0;
    f->version = calloc(n, sizeof *f->version);
    f->data = calloc(n, sizeof *f->data);
    f->in = calloc(n, sizeof *f->in);
    f->left = calloc(n, sizeof *f->left);
    f->held = calloc(n, sizeof *f->held);
    if (f->version && f->data && f->in && f->left && f->held) return DC_OK;
    return dc__fail(DC_ENOMEM, "out of memory for a relay");
}

void dc__fan_free(dc__fan *f)
{
    for (uint32_t b = 0; f->held && b < f->model->n_blocks; b++)
        if (f->held[b].message) dc__link_discard(f->held[b].message);
    free(f->version);
    free(f->data);
    free(f->in);
    free(f->left);
    free(f->held);
    memset(f, 0, sizeof *f);
}

bool dc__fan_may_ask(const dc__fan *f, uint64_t version, uint64_t start)
{
    if (f->asked == DC__NO_VERSION) return version == start;
    return version == f->asked + 1 && f->came == f->model->n_blocks;
}

void dc__fan_ask(dc__fan *f, uint64_t version)
{
    f->asked = version;
    f->came = 0;
}

static dc_error bad(const char *why)
{
    return dc__fail(DC_EPROTO, "the parent sent a PARAM frame %s", why);
}

dc_error dc__fan_take(dc__fan *f, uint64_t asked, dc__frame *frame, uint32_t *first, uint32_t *end)
{
    const dc__header *h = &frame->header;
    const float *values = h->codec == DC__CODEC_F32 ? dc__values_of(frame) : NULL;
    if (h->round != asked) return bad("of a version that nobody asked for");
    if (!values || !dc__model_blocks(f->model, h->offset, h->count, first, end) || !isfinite(h->rate))
        return bad("that is not a run of whole blocks");
    for (uint32_t b = *first; b < *end; b++)
        if (f->version[b] > h->round || f->left[b] > 0) return bad("twice");
    dc__held *held = &f->held[*first];
    held->message = frame->message;
    held->blocks_left = *end - *first;
    frame->message = NULL;
    for (uint32_t b = *first; b < *end; b++) {
        f->data[b] = values + (f->model->block_offset[b] - h->offset);
        f->in[b] = held;
        f->left[b] = f->readers;
    }
    return DC_OK;
}

void dc__fan_offer(dc__fan *f, const dc__header *header, uint32_t first, uint32_t end)
{
    f->rate = header->rate;
    f->came += end - first;
    for (uint32_t b = first; b < end; b++)
        f->version[b] = header->round + 1;
}

bool dc__fan_has(const dc__fan *f, uint32_t b, uint64_t version)
{
    return f->version[b] == version + 1;
}

void dc__fan_give(dc__fan *f, uint32_t first, uint32_t end, float *to)
{
    const uint64_t *offset = f->model->block_offset;
    for (uint32_t b = first; b < end; b++) {
        dc__held *held = f->in[b];
        memcpy(to + (offset[b] - offset[first]), f->data[b],
               (size_t)(offset[b + 1] - offset[b]) * sizeof *to);
        if (atomic_fetch_sub(&f->left[b], 1) == 1) dc__held_release(held);
    }
}
