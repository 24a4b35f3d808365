/* values.h - floats in frames: what was encoded for a link becomes values again, and the other way round. Any
 * thread that may use the link or the frame. */
#ifndef DC__VALUES_H
#define DC__VALUES_H

#include "codec/codec.h"
#include "net/link.h"

/* dc__values_of - the header.count values of a received frame, decoded in place: they stay until the frame's
 * message is freed. NULL if the payload is not what its codec makes of so many (the caller says whose it is).
 * Once per frame. */
float *dc__values_of(const dc__frame *frame);

/* dc__values_alloc - a message for this link (dc__link_alloc_values) with room for count values, which the caller writes to *values;
 * NULL when out of memory. dc__values_send - encodes and sends it, taking it over; header says everything but
 * the codec and the payload's size, which are filled in. As dc__link_send. */
void *dc__values_alloc(dc__link *link, uint32_t count, float **values);
dc_error dc__values_send(dc__link *link, dc__header *header, void *message);

#endif
