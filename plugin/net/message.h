/* message.h - the memory of messages. Those that were freed are kept warm for the next, for an allocator that
 * gives pages of a megabyte back to the kernel makes every message pay for having them cleared again. Any thread.
 * A message may also lie in memory that is shared with its receiver (buffers.h). */
#ifndef DC__MESSAGE_H
#define DC__MESSAGE_H

#include <stddef.h>

/* dc__message_alloc - n bytes, 16-byte aligned; NULL when out of memory. dc__message_free - also one in a buffer; NULL is allowed. */
void *dc__message_alloc(size_t n);
void dc__message_free(void *message);

#endif
