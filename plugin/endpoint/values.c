#include "endpoint/values.h"

/* Values travel exactly; a codec that needs memory of its own cannot be decoded in place. */
static const dc__codec *const codec = &dc__codec_f32;

float *dc__values_of(const dc__frame *frame)
{
    const dc__header *h = &frame->header;
    const dc__codec *sent = dc__codec_of(h->codec);
    float *values = (float *)(void *)frame->payload;
    if (!sent || !sent->in_place || (uintptr_t)frame->payload % sizeof(float) != 0) return NULL;
    return dc__codec_decode(sent, frame->payload, h->payload_bytes, values, h->count) ? NULL : values;
}

void *dc__values_alloc(dc__link *link, uint32_t count, float **values)
{
    void *payload, *message = dc__link_alloc_values(link, (uint32_t)codec->encoded_most(count, 1), &payload);
    *values = payload;
    return message;
}

dc_error dc__values_send(dc__link *link, dc__header *header, void *message)
{
    header->codec = (uint8_t)codec->id;
    header->payload_bytes = (uint32_t)codec->encoded_most(header->count, 1);
    if (message) {
        void *payload = (uint8_t *)message + DC__HEADER_BYTES;
        header->payload_bytes = (uint32_t)codec->encode(payload, header->count, 1, NULL, NULL, payload);
    }
    return dc__link_send(link, header, message);
}
