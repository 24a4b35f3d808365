#include "endpoint/relay_frame.h"

#include <string.h>

#include "base/error.h"
#include "endpoint/join.h"

dc_error dc__relay_ask(dc__link *link, const dc__path *path)
{
    uint8_t payload[64 + 12 * DC__RELAYS_MOST];
    dc__bytes out = dc__bytes_over(payload, sizeof payload);
    dc__put_text(&out, dc_version());
    dc__path_put(&out, path);
    dc__assert(!out.failed);
    dc__header header = {.type = DC__RELAY};
    return dc__link_send_small(link, &header, payload, (uint32_t)(out.at - payload));
}

dc_error dc__relay_answer(dc__link *link)
{
    dc__header header = {.type = DC__RELAY};
    return dc__link_send_small(link, &header, NULL, 0);
}

dc_error dc__relay_read(const dc__frame *frame, dc__path *path)
{
    char version[32];
    dc__bytes in = dc__bytes_over(frame->payload, frame->header.payload_bytes);
    dc__get_text(&in, version, sizeof version);
    const bool sound = dc__path_get(&in, path);
    dc__make_printable(version);
    if (!in.failed && strcmp(version, dc_version()) != 0)
        return dc__fail(DC_EVERSION,
                        "the relay has dynacomm %.31s, its parent %s: install the same version on both",
                        version, dc_version());
    if (in.failed || !sound || path->n < 1 || in.at != in.end)
        return dc__fail(DC_EPROTO, "a RELAY frame is cut short or out of bounds");
    return DC_OK;
}

dc_error dc__relay_answered(const dc__frame *frame)
{
    dc__welcome unused;
    if (frame->header.type == DC__RELAY) return DC_OK;
    if (frame->header.type == DC__REFUSED) return dc__welcome_read(&unused, frame);
    return dc__fail(DC_EPROTO, "the parent answered RELAY with %s", dc__wire_type_name(frame->header.type));
}
