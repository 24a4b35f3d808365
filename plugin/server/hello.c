#include "server/hello.h"

#include <string.h>

#include "base/error.h"
#include "endpoint/join.h"

enum { HELLO_MESH = 1 };

dc_error dc__shard_hello_send(dc__link *link, const dc__shard_hello *hello)
{
    uint8_t payload[112 + 2 * DC__PARTS_MOST + DC__URL_BYTES + DC__CODING_BYTES];
    dc__bytes out = dc__bytes_over(payload, sizeof payload);
    dc__put_text(&out, dc_version());
    dc__put_uint(&out, hello->mesh ? HELLO_MESH : 0, 1);
    dc__put_uint(&out, (uint64_t)hello->shard, 1);
    dc__put_uint(&out, (uint64_t)hello->shards, 1);
    dc__put_uint(&out, (uint64_t)hello->workers, 4);
    dc__put_uint(&out, (uint64_t)hello->trim, 4);
    dc__put_uint(&out, (uint64_t)(hello->rank + 1), 4);
    dc__put_uint(&out, (uint64_t)hello->Bps, 8);
    dc__put_uint(&out, hello->id, 8);
    dc__shares_put(&hello->shares, &out);
    dc__put_text(&out, hello->url);
    dc__put_text(&out, hello->coding);
    dc__assert(!out.failed);
    dc__header header = {.type = DC__SHARD};
    return dc__link_send_small(link, &header, payload, (uint32_t)(out.at - payload));
}

dc_error dc__shard_hello_read(dc__shard_hello *hello, const dc__frame *frame)
{
    dc__bytes in = dc__bytes_over(frame->payload, frame->header.payload_bytes);
    memset(hello, 0, sizeof *hello);
    dc__get_text(&in, hello->version, sizeof hello->version);
    hello->mesh = dc__get_uint(&in, 1) & HELLO_MESH;
    hello->shard = (int)dc__get_uint(&in, 1);
    hello->shards = (int)dc__get_uint(&in, 1);
    hello->workers = (int)dc__get_uint(&in, 4);
    hello->trim = (int)dc__get_uint(&in, 4);
    const uint64_t rank = dc__get_uint(&in, 4); /* 0 = any, else 1 + rank */
    hello->Bps = (double)dc__get_uint(&in, 8);
    hello->id = dc__get_uint(&in, 8);
    const bool shares = dc__shares_get(&hello->shares, &in);
    dc__get_text(&in, hello->url, sizeof hello->url);
    dc__get_text(&in, hello->coding, sizeof hello->coding);
    if (!in.failed && !hello->mesh && strcmp(hello->version, dc_version()) != 0)
        return dc__fail(DC_EVERSION,
                        "shard %d has dynacomm %.31s, the first %s: install the same version on both",
                        hello->shard, hello->version, dc_version());
    if (!in.failed && strcmp(hello->version, dc_version()) != 0)
        return dc__fail(DC_EVERSION,
                        "the worker has dynacomm %.31s, the server %s: install the same version on both",
                        hello->version, dc_version());
    if (in.failed || !shares || rank > INT32_MAX) return dc__fail(DC_EPROTO, "a SHARD frame is cut short");
    hello->rank = (int)rank - 1;
    dc__make_printable(hello->url);
    dc__make_printable(hello->coding);
    return dc__address_parse(hello->url, NULL);
}

dc_error dc__shard_place_send(dc__link *link, const dc__shard_place *place)
{
    uint8_t payload[32];
    dc__bytes out = dc__bytes_over(payload, sizeof payload);
    dc__put_uint(&out, (uint64_t)place->shard, 1);
    dc__put_uint(&out, (uint64_t)place->shards, 1);
    dc__put_uint(&out, (uint64_t)place->workers, 4);
    dc__put_uint(&out, (uint64_t)place->trim, 4);
    dc__put_uint(&out, (uint64_t)place->here, 4);
    dc__put_uint(&out, (uint64_t)(place->timeout_s * 1e3), 4);
    dc__assert(!out.failed);
    dc__header header = {.type = DC__SHARD};
    return dc__link_send_small(link, &header, payload, (uint32_t)(out.at - payload));
}

dc_error dc__shard_place_read(dc__shard_place *place, const dc__frame *frame, const char *who)
{
    dc__welcome unused;
    if (frame->header.type == DC__REFUSED) return dc__welcome_read(&unused, frame);
    if (frame->header.type != DC__SHARD) return dc__fail(DC_EPROTO, "%s is no shard", who);
    dc__bytes in = dc__bytes_over(frame->payload, frame->header.payload_bytes);
    place->shard = (int)dc__get_uint(&in, 1);
    place->shards = (int)dc__get_uint(&in, 1);
    place->workers = (int)dc__get_uint(&in, 4);
    place->trim = (int)dc__get_uint(&in, 4);
    place->here = (int)dc__get_uint(&in, 4);
    place->timeout_s = (double)dc__get_uint(&in, 4) * 1e-3;
    if (in.failed || place->shards < 2 || place->shards > DC__PARTS_MOST || place->shard < 2 ||
        place->shard > place->shards || place->workers < 1 || place->workers > DC_MAX_WORKERS)
        return dc__fail(DC_EPROTO, "%s answered with a SHARD frame that is out of bounds", who);
    return DC_OK;
}
