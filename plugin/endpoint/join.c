#include "endpoint/join.h"

#include <string.h>

#include "base/error.h"

enum { WELCOME_UPLOAD = 1, WELCOME_CARRY = 2, WELCOME_RESUMED = 4, WELCOME_ENDED = 8, WELCOME_WAITS = 16 };

void *dc__join_payload(const dc__join *join, const dc_model *model, uint32_t *n)
{
    const size_t room = 512 + DC_FINGERPRINT_BYTES + dc__model_describe_bytes(model);
    void *payload, *message = dc__link_alloc((uint32_t)room, &payload);
    if (!message) return NULL;
    dc__bytes out = dc__bytes_over(payload, room);
    dc__put_text(&out, join->version);
    dc__put_uint(&out, (uint64_t)(join->rank + 1), 4);
    dc__put_uint(&out, join->worker_id, 8);
    dc__put_uint(&out, join->seed, 8);
    dc__put_uint(&out, join->round, 8);
    dc__put_uint(&out, join->part, 4);
    dc__put_uint(&out, (uint64_t)join->shard, 1);
    dc__put_uint(&out, (uint64_t)join->shards, 1);
    dc__put_uint(&out, join->run, 4);
    dc__put_uint(&out, join->entry, 4);
    dc__put_uint(&out,
                 (join->clear ? DC__JOIN_CLEAR : 0u) | (join->remembers ? DC__JOIN_REMEMBERS : 0u) |
                     (join->mesh ? DC__JOIN_MESH : 0u) | (join->done ? DC__JOIN_DONE : 0u),
                 1);
    dc__path_put(&out, &join->path);
    dc__put_text(&out, join->coding);
    dc__put_text(&out, join->fingerprint);
    dc__model_describe(model, &out);
    dc__assert(!out.failed);
    *n = (uint32_t)(out.at - (uint8_t *)payload);
    return message;
}

dc_error dc__join_send(dc__link *link, const dc__join *join, const dc_model *model)
{
    uint32_t n = 0;
    void *message = dc__join_payload(join, model, &n);
    dc__header header = {.type = DC__JOIN, .payload_bytes = n};
    if (message && n > DC__MAX_JOIN_BYTES) {
        dc__link_discard(message);
        return dc__fail(
            DC_EINVAL,
            "the model's %d layers and %d tensors take %u bytes to describe, and a server reads %u",
            model->n_layers, model->n_tensors, n, DC__MAX_JOIN_BYTES);
    }
    return dc__link_send(link, &header, message);
}

dc_error dc__join_read(dc__join *join, void *payload, size_t n)
{
    dc__bytes in = dc__bytes_over(payload, n);
    memset(join, 0, sizeof *join);
    dc__get_text(&in, join->version, sizeof join->version);
    const uint64_t rank = dc__get_uint(&in, 4); /* 0 = any, else 1 + rank */
    join->worker_id = dc__get_uint(&in, 8);
    join->seed = dc__get_uint(&in, 8);
    join->round = dc__get_uint(&in, 8);
    join->part = (uint32_t)dc__get_uint(&in, 4);
    join->shard = (int)dc__get_uint(&in, 1);
    join->shards = (int)dc__get_uint(&in, 1);
    join->run = (uint32_t)dc__get_uint(&in, 4);
    join->entry = (uint32_t)dc__get_uint(&in, 4);
    const uint64_t flags = dc__get_uint(&in, 1);
    join->clear = flags & DC__JOIN_CLEAR;
    join->remembers = flags & DC__JOIN_REMEMBERS;
    join->mesh = flags & DC__JOIN_MESH;
    join->done = flags & DC__JOIN_DONE;
    const bool sound = dc__path_get(&in, &join->path);
    dc__get_text(&in, join->coding, sizeof join->coding);
    dc__get_text(&in, join->fingerprint, sizeof join->fingerprint);
    if (in.failed || !sound || rank > INT32_MAX || join->round > UINT32_MAX)
        return dc__fail(DC_EPROTO, "a JOIN frame is cut short or out of bounds");
    join->rank = (int)rank - 1;
    if (strcmp(join->version, dc_version()) != 0)
        return dc__fail(DC_EVERSION,
                        "the worker has dynacomm %.31s, the server %s: install the same version on both",
                        join->version, dc_version());
    dc_error err = dc__model_parse(&join->model, &in);
    if (!err && in.at != in.end) {
        dc__join_free(join);
        err = dc__fail(DC_EPROTO, "a JOIN frame goes on after its end");
    }
    return err;
}

void dc__join_free(dc__join *join)
{
    dc_model_free(join->model);
    join->model = NULL;
}

void dc__shares_put(const dc__shares *shares, dc__bytes *out)
{
    dc__put_uint(out, (uint64_t)shares->n, 1);
    dc__put_uint(out, shares->mesh, 1);
    for (int k = 0; k < shares->n; k++)
        dc__put_uint(out, shares->weight[k], 2);
}

bool dc__shares_get(dc__shares *shares, dc__bytes *in)
{
    memset(shares, 0, sizeof *shares);
    const uint64_t n = dc__get_uint(in, 1);
    shares->mesh = dc__get_uint(in, 1);
    if (in->failed || n > DC__PARTS_MOST) return false;
    shares->n = n > 1 ? (int)n : 1;
    bool bounded = true;
    for (int k = 0; k < (int)n; k++) {
        shares->weight[k] = (uint16_t)dc__get_uint(in, 2);
        bounded &= shares->weight[k] >= 1 && shares->weight[k] <= DC__SHARE_MOST;
    }
    return bounded && !in->failed;
}

dc_error dc__welcome_send(dc__link *link, const dc__welcome *welcome)
{
    uint8_t payload[32 + 2 * DC__PARTS_MOST + DC__CODING_BYTES + DC__SHARD_URLS_BYTES];
    char coding[DC__CODING_BYTES];
    dc__bytes out = dc__bytes_over(payload, sizeof payload);
    dc__put_uint(&out, (uint64_t)welcome->rank, 4);
    dc__put_uint(&out, (uint64_t)welcome->workers, 4);
    dc__put_uint(&out,
                 (welcome->upload ? WELCOME_UPLOAD : 0u) | (welcome->carry ? WELCOME_CARRY : 0u) |
                     (welcome->resumed ? WELCOME_RESUMED : 0u) | (welcome->ended ? WELCOME_ENDED : 0u) |
                     (welcome->waits ? WELCOME_WAITS : 0u),
                 1);
    dc__coding_text(&welcome->coding, coding);
    dc__put_text(&out, coding);
    dc__shares_put(&welcome->shares, &out);
    dc__put_uint(&out, welcome->run, 4);
    dc__put_uint(&out, welcome->entry, 4);
    dc__put_text(&out, welcome->urls);
    dc__put_uint(&out, welcome->staleness, 1);
    dc__assert(!out.failed);
    dc__header header = {.type = DC__WELCOME};
    return dc__link_send_small(link, &header, payload, (uint32_t)(out.at - payload));
}

dc_error dc__refusal_send(dc__link *link, dc_error err, const char *line)
{
    uint8_t payload[DC__REASON_BYTES + 8];
    char reason[DC__REASON_BYTES];
    (void)snprintf(reason, sizeof reason, "%.*s", DC__REASON_BYTES - 1, line);
    dc__bytes out = dc__bytes_over(payload, sizeof payload);
    dc__put_uint(&out, (uint64_t)err, 2);
    dc__put_text(&out, reason);
    dc__header header = {.type = DC__REFUSED};
    return dc__link_send_small(link, &header, payload, (uint32_t)(out.at - payload));
}

static dc_error read_refusal(dc__bytes *in)
{
    char reason[DC__REASON_BYTES];
    const dc_error err = (dc_error)dc__get_uint(in, 2);
    dc__get_text(in, reason, sizeof reason);
    if (in->failed || err == DC_OK)
        return dc__fail(DC_EPROTO, "the server refused without a readable reason");
    dc__make_printable(reason);
    return dc__fail(err, "the server refused: %s", reason);
}

dc_error dc__welcome_read(dc__welcome *welcome, const dc__frame *frame)
{
    dc__bytes in = dc__bytes_over(frame->payload, frame->header.payload_bytes);
    const dc__type type = frame->header.type;
    if (type == DC__REFUSED) return read_refusal(&in);
    if (type != DC__WELCOME)
        return dc__fail(DC_EPROTO, "the server answered JOIN with %s", dc__wire_type_name(type));
    welcome->rank = (int)dc__get_uint(&in, 4);
    welcome->workers = (int)dc__get_uint(&in, 4);
    const uint64_t flags = dc__get_uint(&in, 1);
    welcome->upload = flags & WELCOME_UPLOAD;
    welcome->carry = flags & WELCOME_CARRY;
    welcome->resumed = flags & WELCOME_RESUMED;
    welcome->ended = flags & WELCOME_ENDED;
    welcome->waits = flags & WELCOME_WAITS;
    char coding[DC__CODING_BYTES];
    dc__get_text(&in, coding, sizeof coding);
    const bool shares = dc__shares_get(&welcome->shares, &in);
    welcome->run = (uint32_t)dc__get_uint(&in, 4);
    welcome->entry = (uint32_t)dc__get_uint(&in, 4);
    dc__get_text(&in, welcome->urls, sizeof welcome->urls);
    welcome->staleness = (uint32_t)dc__get_uint(&in, 1);
    if (in.failed || !shares || welcome->workers < 1 || welcome->workers > DC_MAX_WORKERS ||
        welcome->rank < 0 || welcome->rank > DC__RANK_MOST || welcome->staleness > DC_STALENESS_MOST)
        return dc__fail(DC_EPROTO, "the server's WELCOME is cut short or out of bounds");
    dc__make_printable(coding);
    dc__make_printable(welcome->urls);
    return dc__coding_parse(coding, &welcome->coding) ? DC_EPROTO : DC_OK;
}
