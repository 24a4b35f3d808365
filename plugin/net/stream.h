/* stream.h - messages that are numbered, kept until the peer has them, and counted when they come. Pure: no
 * socket, no clock, no thread. */
#ifndef DC__STREAM_H
#define DC__STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DC__STREAM_MESSAGES 4096u              /* most that are kept, a power of two */
#define DC__STREAM_BYTES ((size_t)16 << 20)    /* no further one is taken once so much is kept */
#define DC__STREAM_ACK_BYTES ((size_t)1 << 18) /* an acknowledgement goes alone after so much, */
#define DC__STREAM_ACK_MESSAGES 64u            /* or so many */

typedef struct dc__kept {
    void *message;
    size_t bytes;
} dc__kept;

typedef struct dc__stream {
    dc__kept *kept; /* [DC__STREAM_MESSAGES], by number */
    size_t kept_bytes;
    uint64_t acked;    /* messages that the peer has */
    uint64_t sent;     /* messages given to the current connection */
    uint64_t written;  /* of those, carried whole by it */
    uint64_t reached;  /* most that any connection has carried whole: no more can be acknowledged */
    uint64_t begun;    /* most that were given to any connection: no more can have come in part */
    size_t skip;       /* bytes of the next message that the peer has already */
    uint64_t taken;    /* messages so far; acked <= written <= sent <= taken */
    uint64_t received; /* messages from the peer */
    uint64_t reported; /* of which the peer knows */
    size_t unreported_bytes;
} dc__stream;

/* dc__stream_init - false when out of memory. dc__stream_free - and all that is kept. */
bool dc__stream_init(dc__stream *s);
void dc__stream_free(dc__stream *s);

/* dc__stream_has_room - another message may be taken. dc__stream_take - keeps it until the peer has it. */
bool dc__stream_has_room(const dc__stream *s);
void dc__stream_take(dc__stream *s, void *message, size_t bytes);

/* dc__stream_next - the next message for the connection, NULL if there is none; it stays the stream's. */
const dc__kept *dc__stream_next(dc__stream *s);

/* dc__stream_carried - the connection has carried one more message whole. */
void dc__stream_carried(dc__stream *s);

/* dc__stream_ack - the peer has received so many; frees them. False if it cannot be. dc__stream_resume - a
 * new connection, whose peer has received so many, and partial bytes of the next: the rest goes again; false
 * likewise. dc__stream_skip - of the message that dc__stream_next gave, what need not go. */
bool dc__stream_ack(dc__stream *s, uint64_t received);
bool dc__stream_resume(dc__stream *s, uint64_t received, size_t partial);
size_t dc__stream_skip(dc__stream *s);

/* dc__stream_count - a message has come. dc__stream_report - the count to report to the peer now.
 * dc__stream_owes_ack - it should be reported though nothing else goes. */
void dc__stream_count(dc__stream *s, size_t bytes);
uint64_t dc__stream_report(dc__stream *s);
bool dc__stream_owes_ack(const dc__stream *s);

#endif
