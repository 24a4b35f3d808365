/* buffers.h - room for messages in memory that two processes share: a large message is written where its receiver reads
 * it, and not copied on its way.
 *
 * DESIGN
 *   Each direction has DC__BUFFERS of them. A sender's buffer is in use from dc__buffers_alloc until the sender frees the message
 * (the peer has acknowledged it) and the receiver has freed it, too, in whichever order: the receiver notes in the memory
 * which ones it holds, before it acknowledges them. Where none is free, or a message is small or too large, it takes memory of its
 * own and is copied, as ever.
 *   A message of either end is freed by dc__message_free, which knows it by its address. The memory stays mapped until the connection
 * and all messages in it are gone.
 *   What the peer writes later can be seen in a message that was received: who reads it more than once must be safe whatever it
 * finds there, or copy it first (dc__buffers_received). Any thread. */
#ifndef DC__BUFFERS_H
#define DC__BUFFERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"

#define DC__BUFFERS 64u /* of one direction: as many slices of a quarter of a megabyte as a stream keeps */
#define DC__BUFFER_BYTES ((size_t)DC__MAX_SLICE_BYTES + 4096) /* a slice, its header, and whole pages */
#define DC__BUFFER_LEAST 16384u                               /* bytes of a message that is worth one */

typedef struct dc__buffers dc__buffers;

/* What both ends see of one direction. */
typedef struct dc__buffer_row {
    _Atomic uint32_t *held; /* [DC__BUFFERS], the receiver's: 1 as long as it has the message */
    uint8_t *bytes;         /* [DC__BUFFERS][DC__BUFFER_BYTES] */
} dc__buffer_row;

/* dc__buffers_new - buffers in the mapping [map, map + map_bytes), which is unmapped when nobody uses it any more; NULL
 * when out of memory. It counts as one user. dc__buffers_join - another. dc__buffers_leave - one less; NULL is allowed. */
dc__buffers *dc__buffers_new(void *map, size_t map_bytes, dc__buffer_row out, dc__buffer_row in);
void dc__buffers_join(dc__buffers *b);
void dc__buffers_leave(dc__buffers *b);

/* dc__buffers_alloc - n bytes, aligned to a page, or NULL. dc__buffers_number - which buffer for sending begins with this
 * message, -1 if none does. dc__buffers_take - the message of n bytes that the peer says it wrote into that buffer; NULL if it
 * cannot have. */
void *dc__buffers_alloc(dc__buffers *b, size_t n);
int dc__buffers_number(const dc__buffers *b, const void *message);
void *dc__buffers_take(dc__buffers *b, uint32_t number, size_t n);

/* dc__buffers_free - false if the message is in no buffer. dc__buffers_received - it lies in one, and the peer wrote it. */
bool dc__buffers_free(void *message);
bool dc__buffers_received(const void *message);

#endif
