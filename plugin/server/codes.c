#include "server/codes.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "net/link.h"

dc_error dc__codes_init(dc__codes *c, const char *text, int workers)
{
    c->workers = workers;
    c->said = text != NULL;
    return dc__coding_parse(text ? text : "", &c->coding);
}

dc_error dc__codes_agree(dc__codes *c, const char *asked, bool first)
{
    char ours[DC__CODING_BYTES], theirs[DC__CODING_BYTES];
    dc__coding coding;
    const dc_error err = dc__coding_parse(asked, &coding);
    if (err) return err;
    if (first && !c->said) c->coding = coding;
    dc__coding_text(&c->coding, ours);
    dc__coding_text(&coding, theirs);
    if (!*asked || strcmp(ours, theirs) == 0) return DC_OK;
    return dc__fail(
        DC_EINVAL,
        "the run's codec is %s, this worker asks for %s: give all the same, or only the server one", ours,
        theirs);
}

static size_t trained(const dc_model *m)
{
    return (size_t)m->block_offset[m->n_blocks];
}

static dc_error no_room(const dc_model *m)
{
    return dc__fail(DC_ENOMEM, "out of memory for the changes of %zu parameters", trained(m));
}

static bool show_room(dc__codes *c, const dc_model *m)
{
    c->model = m;
    for (int i = 0; i < 2 && !c->coding.down.codec->exact; i++)
        if (!(c->shown[i] = calloc((size_t)dc__model_floats(m) + 1, sizeof(float)))) return false;
    return true;
}

dc_error dc__codes_allocate(dc__codes *c, const dc_model *m)
{
    if (!show_room(c, m)) return no_room(m);
    if (c->coding.down.codec->exact) return DC_OK;
    c->change = calloc(2 * trained(m) + DC__CHANGE_ROOM * ((size_t)m->n_blocks + 1), 1);
    c->bytes = calloc(m->n_blocks, sizeof *c->bytes);
    return c->change && c->bytes ? DC_OK : no_room(m);
}

dc_error dc__codes_mirror(dc__codes *c, const dc__codes *part, const dc_model *whole)
{
    *c = (dc__codes){.coding = part->coding, .workers = part->workers};
    return show_room(c, whole) ? DC_OK : no_room(whole);
}

void dc__codes_release(dc__codes *c)
{
    free(c->shown[0]);
    free(c->shown[1]);
    free(c->change);
    free(c->bytes);
    c->shown[0] = c->shown[1] = NULL;
    c->change = NULL;
    c->bytes = NULL;
    c->model = NULL;
}

void dc__codes_begin(dc__codes *c, const dc__versions *v)
{
    for (int i = 0; i < 2 && c->shown[0]; i++)
        memcpy(c->shown[i], dc__versions_values(v, v->first_round),
               (size_t)dc__model_floats(c->model) * sizeof(float));
}

const float *dc__codes_values(const dc__codes *c, const dc__versions *v, uint64_t version)
{
    return c->shown[0] ? c->shown[version & 1] : dc__versions_values(v, version);
}

const float *dc__codes_arena(dc__codes *c, const dc__versions *v, uint64_t version)
{
    const float *values = dc__versions_values(v, version);
    if (!c->shown[0]) return values;
    const uint64_t from = c->model->start[DC_TRAINED + 1];
    float *shown = c->shown[version & 1];
    memcpy(shown + from, values + from, (size_t)(dc__model_floats(c->model) - from) * sizeof *shown);
    return shown;
}

static uint8_t *change_of(const dc__codes *c, uint32_t b)
{
    return c->change + 2 * c->model->block_offset[b] + (size_t)DC__CHANGE_ROOM * b;
}

void dc__codes_block(dc__codes *c, const dc__versions *v, uint32_t b, uint64_t version)
{
    if (!c->shown[0]) return;
    const uint64_t at = c->model->block_offset[b];
    const size_t n = (size_t)(c->model->block_offset[b + 1] - at);
    const dc__way way = dc__codes_way(c, version + 1);
    const float *value = dc__versions_values(v, version + 1) + at, *before = c->shown[version & 1] + at;
    float change[DC__BLOCK_FLOATS_MOST], left[DC__BLOCK_FLOATS_MOST],
        *shown = c->shown[(version + 1) & 1] + at;
    for (size_t i = 0; i < n; i++)
        change[i] = value[i] - before[i];
    c->bytes[b] = (uint32_t)way.codec->encode(change, n, way.share, NULL, left, change_of(c, b));
    memcpy(shown, before, n * sizeof *shown);
    way.codec->add(change_of(c, b), shown, n);
}

void *dc__codes_message(const dc__codes *c, uint32_t first, uint32_t end, uint32_t *payload_bytes)
{
    size_t n = 0;
    for (uint32_t b = first; b < end; b++)
        n += c->bytes[b];
    *payload_bytes = (uint32_t)n;
    void *payload, *message = dc__link_alloc(*payload_bytes, &payload);
    uint8_t *to = payload;
    for (uint32_t b = first; message && b < end; b++) {
        memcpy(to, change_of(c, b), c->bytes[b]);
        to += c->bytes[b];
    }
    return message;
}
