#include "endpoint/join.h"

#include <nanomsg/nn.h>
#include <string.h>

#include "base/error.h"

enum { WELCOME_UPLOAD = 1, WELCOME_CARRY = 2, WELCOME_RESUMED = 4 };

static void *new_frame(size_t room, dc__bytes *out)
{
    uint8_t *frame = nn_allocmsg(DC__HEADER_BYTES + room, 0);
    if (frame) *out = dc__bytes_over(frame + DC__HEADER_BYTES, room);
    return frame;
}

/* The message shrinks to what was written before it is sealed. */
static void *seal(void *frame, const dc__bytes *out, dc__type type)
{
    dc__assert(!out->failed);
    const size_t n = (size_t)(out->at - (uint8_t *)frame);
    frame = nn_reallocmsg(frame, n);
    if (frame) {
        dc__header header = {.type = type, .payload_bytes = (uint32_t)(n - DC__HEADER_BYTES)};
        dc__wire_seal(frame, &header);
    }
    return frame;
}

void *dc__join_write(const dc__join *join, const dc_model *model)
{
    dc__bytes out;
    void *frame = new_frame(512 + DC_FINGERPRINT_BYTES + dc__model_describe_bytes(model), &out);
    if (!frame) return NULL;
    dc__put_text(&out, join->version);
    dc__put_uint(&out, (uint64_t)(join->rank + 1), 4);
    dc__put_uint(&out, join->nonce, 8);
    dc__put_uint(&out, join->seed, 8);
    dc__put_uint(&out, join->round, 8);
    dc__put_uint(&out, join->clear ? DC__JOIN_CLEAR : 0, 1);
    dc__put_text(&out, join->fingerprint);
    dc__model_describe(model, &out);
    return seal(frame, &out, DC__JOIN);
}

dc_error dc__join_read(dc__join *join, void *payload, size_t n)
{
    dc__bytes in = dc__bytes_over(payload, n);
    memset(join, 0, sizeof *join);
    dc__get_text(&in, join->version, sizeof join->version);
    const uint64_t rank = dc__get_uint(&in, 4); /* 0 = any, else 1 + rank */
    join->nonce = dc__get_uint(&in, 8);
    join->seed = dc__get_uint(&in, 8);
    join->round = dc__get_uint(&in, 8);
    join->clear = dc__get_uint(&in, 1) & DC__JOIN_CLEAR;
    dc__get_text(&in, join->fingerprint, sizeof join->fingerprint);
    if (in.failed || rank > INT32_MAX || join->round > UINT32_MAX)
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

void *dc__welcome_write(const dc__welcome *welcome)
{
    dc__bytes out;
    void *frame = new_frame(64, &out);
    if (!frame) return NULL;
    dc__put_uint(&out, (uint64_t)welcome->rank, 4);
    dc__put_uint(&out, (uint64_t)welcome->workers, 4);
    dc__put_uint(&out, welcome->token, 8);
    dc__put_uint(&out,
                 (welcome->upload ? WELCOME_UPLOAD : 0u) | (welcome->carry ? WELCOME_CARRY : 0u) |
                     (welcome->resumed ? WELCOME_RESUMED : 0u),
                 1);
    return seal(frame, &out, DC__WELCOME);
}

void *dc__refusal_write(dc_error err, const char *line)
{
    dc__bytes out;
    char reason[DC__REASON_BYTES];
    (void)snprintf(reason, sizeof reason, "%.*s", DC__REASON_BYTES - 1, line);
    void *frame = new_frame(16 + DC__REASON_BYTES, &out);
    if (!frame) return NULL;
    dc__put_uint(&out, (uint64_t)err, 2);
    dc__put_text(&out, reason);
    return seal(frame, &out, DC__REFUSED);
}

dc_error dc__welcome_read(dc__welcome *welcome, void *frame, size_t n)
{
    dc__header header;
    dc_error err = dc__wire_open(frame, n, &header);
    if (err) return err;
    dc__bytes in = dc__bytes_over((uint8_t *)frame + DC__HEADER_BYTES, header.payload_bytes);
    if (header.type == DC__REFUSED) {
        char reason[DC__REASON_BYTES];
        err = (dc_error)dc__get_uint(&in, 2);
        dc__get_text(&in, reason, sizeof reason);
        if (in.failed || err == DC_OK)
            return dc__fail(DC_EPROTO, "the server refused without a readable reason");
        return dc__fail(err, "the server refused: %s", reason);
    }
    if (header.type != DC__WELCOME)
        return dc__fail(DC_EPROTO, "the server answered JOIN with %s", dc__wire_type_name(header.type));
    welcome->rank = (int)dc__get_uint(&in, 4);
    welcome->workers = (int)dc__get_uint(&in, 4);
    welcome->token = dc__get_uint(&in, 8);
    const uint64_t flags = dc__get_uint(&in, 1);
    welcome->upload = flags & WELCOME_UPLOAD;
    welcome->carry = flags & WELCOME_CARRY;
    welcome->resumed = flags & WELCOME_RESUMED;
    if (in.failed || welcome->workers < 1 || welcome->workers > DC_MAX_WORKERS || welcome->rank < 0 ||
        welcome->rank >= welcome->workers)
        return dc__fail(DC_EPROTO, "the server's WELCOME is cut short or out of bounds");
    return DC_OK;
}
