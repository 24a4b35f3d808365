#include "relay/fan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "codec/coding.h"
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
    f->bytes = calloc(n, sizeof *f->bytes);
    f->in = calloc(n, sizeof *f->in);
    f->left = calloc(n, sizeof *f->left);
    f->held = calloc(n, sizeof *f->held);
    if (f->version && f->data && f->bytes && f->in && f->left && f->held) return DC_OK;
    return dc__fail(DC_ENOMEM, "out of memory for a relay");
}

void dc__fan_free(dc__fan *f)
{
    for (uint32_t b = 0; f->held && b < f->model->n_blocks; b++)
        if (f->held[b].message) dc__link_discard(f->held[b].message);
    free(f->version);
    free(f->data);
    free(f->bytes);
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

/* Values, or a change that a codec has encoded. */
static bool is_whole(const dc__fan *f, const dc__frame *frame, uint32_t *first, uint32_t *end)
{
    const dc__header *h = &frame->header;
    const dc__codec *codec = dc__codec_of(h->codec);
    if (!codec || !dc__model_blocks(f->model, h->offset, h->count, first, end) || !isfinite(h->rate))
        return false;
    return codec->exact
               ? dc__values_of(frame) != NULL
               : dc__runs_check(codec, f->model, *first, *end, frame->payload, h->payload_bytes, NULL);
}

dc_error dc__fan_take(dc__fan *f, uint64_t asked, dc__frame *frame, uint32_t *first, uint32_t *end)
{
    const dc__header *h = &frame->header;
    if (h->round != asked) return bad("of a version that nobody asked for");
    if (!is_whole(f, frame, first, end)) return bad("that is not a run of whole blocks");
    if (f->came > 0 && h->codec != f->codec) return bad("in another codec than others of its version");
    for (uint32_t b = *first; b < *end; b++)
        if (f->version[b] > h->round || f->left[b] > 0) return bad("twice");
    dc__held *held = &f->held[*first];
    const dc__codec *codec = dc__codec_of(h->codec);
    const uint8_t *at = frame->payload;
    held->message = frame->message;
    held->blocks_left = *end - *first;
    frame->message = NULL;
    for (uint32_t b = *first; b < *end; b++) {
        const size_t n = (size_t)(f->model->block_offset[b + 1] - f->model->block_offset[b]);
        f->data[b] = at;
        f->bytes[b] =
            (uint32_t)(codec->exact ? n * sizeof(float) : codec->check(at, h->payload_bytes, n, NULL));
        at += f->bytes[b];
        f->in[b] = held;
        f->left[b] = f->readers;
    }
    return DC_OK;
}

void dc__fan_offer(dc__fan *f, const dc__header *header, uint32_t first, uint32_t end)
{
    f->rate = header->rate;
    f->codec = header->codec;
    f->came += end - first;
    for (uint32_t b = first; b < end; b++)
        f->version[b] = header->round + 1;
}

bool dc__fan_has(const dc__fan *f, uint32_t b, uint64_t version)
{
    return f->version[b] == version + 1;
}

uint32_t dc__fan_bytes(const dc__fan *f, uint32_t first, uint32_t end)
{
    uint32_t bytes = 0;
    for (uint32_t b = first; b < end; b++)
        bytes += f->bytes[b];
    return bytes;
}

void dc__fan_give(dc__fan *f, uint32_t first, uint32_t end, void *to)
{
    uint8_t *at = to;
    for (uint32_t b = first; b < end; b++) {
        dc__held *held = f->in[b];
        memcpy(at, f->data[b], f->bytes[b]);
        at += f->bytes[b];
        if (atomic_fetch_sub(&f->left[b], 1) == 1) dc__held_release(held);
    }
}
