#include "net/wire.h"

#define XXH_INLINE_ALL
#include <string.h>
#include <xxhash.h>

#include "base/error.h"

#define MAGIC 0x434e5944u /* "DYNC" */
#define CHECKSUM_AT 56

static uint64_t checksum(const uint8_t *frame, size_t n)
{
    static const uint8_t zero[DC__HEADER_BYTES - CHECKSUM_AT];
    XXH3_state_t state;
    XXH3_64bits_reset(&state);
    XXH3_64bits_update(&state, frame, CHECKSUM_AT);
    XXH3_64bits_update(&state, zero, sizeof zero);
    XXH3_64bits_update(&state, frame + DC__HEADER_BYTES, n - DC__HEADER_BYTES);
    return XXH3_64bits_digest(&state);
}

void dc__wire_seal(void *frame, const dc__header *header, bool checked)
{
    dc__bytes out = dc__bytes_over(frame, DC__HEADER_BYTES);
    dc__put_uint(&out, MAGIC, 4);
    dc__put_uint(&out, DC__PROTOCOL_VERSION, 1);
    dc__put_uint(&out, header->codec, 1);
    dc__put_uint(&out, (uint64_t)header->type, 1);
    dc__put_uint(&out, header->flags, 1);
    dc__put_uint(&out, header->sequence, 4);
    dc__put_uint(&out, header->payload_bytes, 4);
    dc__put_uint(&out, header->round, 8);
    dc__put_uint(&out, header->offset, 8);
    dc__put_uint(&out, header->count, 4);
    dc__put_float(&out, header->rate);
    dc__put_uint(&out, header->received_bytes, 8);
    dc__put_float(&out, header->goodput_Bps);
    dc__put_float(&out, header->cost_s);
    dc__put_uint(&out, checked ? checksum(frame, DC__HEADER_BYTES + (size_t)header->payload_bytes) : 0, 8);
    dc__assert(!out.failed);
}

dc_error dc__wire_open(const void *frame, size_t frame_bytes, dc__header *header, bool checked)
{
    if (frame_bytes < DC__HEADER_BYTES)
        return dc__fail(DC_EPROTO, "a frame of %zu bytes is shorter than a header: the peer is not dynacomm",
                        frame_bytes);
    dc__bytes in = dc__bytes_over((void *)frame, DC__HEADER_BYTES); /* only read */
    if (dc__get_uint(&in, 4) != MAGIC)
        return dc__fail(DC_EPROTO, "a frame does not begin with DYNC: the peer is not dynacomm");
    uint64_t version = dc__get_uint(&in, 1);
    header->codec = (uint8_t)dc__get_uint(&in, 1);
    if (version != DC__PROTOCOL_VERSION)
        return dc__fail(
            DC_EVERSION,
            "the peer speaks protocol version %llu, this program %d: install the same version on both",
            (unsigned long long)version, DC__PROTOCOL_VERSION);
    uint64_t type = dc__get_uint(&in, 1);
    header->flags = (uint8_t)dc__get_uint(&in, 1);
    header->sequence = (uint32_t)dc__get_uint(&in, 4);
    header->payload_bytes = (uint32_t)dc__get_uint(&in, 4);
    header->round = dc__get_uint(&in, 8);
    header->offset = dc__get_uint(&in, 8);
    header->count = (uint32_t)dc__get_uint(&in, 4);
    header->rate = dc__get_float(&in);
    header->received_bytes = dc__get_uint(&in, 8);
    header->goodput_Bps = dc__get_float(&in);
    header->cost_s = dc__get_float(&in);
    const uint64_t sum = dc__get_uint(&in, 8);
    if ((checked || sum) && sum != checksum(frame, frame_bytes)) /* before the rest is blamed on the peer */
        return dc__fail(DC_ENET, "a frame of %zu bytes arrived damaged (checksum)", frame_bytes);
    if (type == 0 || type >= DC__TYPE_END)
        return dc__fail(DC_EPROTO, "a frame has the unknown type %llu", (unsigned long long)type);
    header->type = (dc__type)type;
    if (frame_bytes - DC__HEADER_BYTES != header->payload_bytes)
        return dc__fail(DC_EPROTO, "a %s frame of %zu bytes says that it has %u of payload",
                        dc__wire_type_name(header->type), frame_bytes, header->payload_bytes);
    return DC_OK;
}

const char *dc__wire_type_name(dc__type type)
{
    static const char *const names[DC__TYPE_END] = {
        [DC__JOIN] = "JOIN",
        [DC__WELCOME] = "WELCOME",
        [DC__REFUSED] = "REFUSED",
        [DC__READY] = "READY",
        [DC__START] = "START",
        [DC__STATE] = "STATE",
        [DC__PULL] = "PULL",
        [DC__PARAM] = "PARAM",
        [DC__GRAD] = "GRAD",
        [DC__STAT] = "STAT",
        [DC__WANT_STAT] = "WANT_STAT",
        [DC__PING] = "PING",
        [DC__PONG] = "PONG",
        [DC__ACK] = "ACK",
        [DC__BYE] = "BYE",
        [DC__BYE_ACK] = "BYE_ACK",
        [DC__STOP] = "STOP",
        [DC__REPORT] = "REPORT",
        [DC__ROSTER] = "ROSTER",
        [DC__KEEP] = "KEEP",
        [DC__IMAGES] = "IMAGES",
        [DC__SHARD] = "SHARD",
        [DC__RUN] = "RUN",
        [DC__RELAY] = "RELAY",
        [DC__LEAF] = "LEAF",
        [DC__STEPS] = "STEPS",
        [DC__BASE] = "BASE",
        [DC__MEMBERS] = "MEMBERS",
        [DC__BACK] = "BACK",
        [DC__OMITTED] = "OMITTED",
    };
    return type > 0 && type < DC__TYPE_END ? names[type] : "?";
}
