#include "net/stream.h"

#include <stdlib.h>

#include "net/socket.h"

static dc__kept *slot(const dc__stream *s, uint64_t number)
{
    return &s->kept[number % DC__STREAM_MESSAGES];
}

bool dc__stream_init(dc__stream *s)
{
    *s = (dc__stream){.kept = calloc(DC__STREAM_MESSAGES, sizeof *s->kept)};
    return s->kept != NULL;
}

void dc__stream_free(dc__stream *s)
{
    for (uint64_t k = s->acked; s->kept && k < s->taken; k++)
        dc__message_free(slot(s, k)->message);
    free(s->kept);
    *s = (dc__stream){0};
}

bool dc__stream_has_room(const dc__stream *s)
{
    return s->kept_bytes < DC__STREAM_BYTES && s->taken - s->acked < DC__STREAM_MESSAGES;
}

void dc__stream_take(dc__stream *s, void *message, size_t bytes)
{
    *slot(s, s->taken++) = (dc__kept){message, bytes};
    s->kept_bytes += bytes;
}

const dc__kept *dc__stream_next(dc__stream *s)
{
    if (s->sent == s->taken) return NULL;
    const dc__kept *kept = slot(s, s->sent++);
    if (s->sent > s->begun) s->begun = s->sent;
    return kept;
}

void dc__stream_carried(dc__stream *s)
{
    if (++s->written > s->reached) s->reached = s->written;
}

bool dc__stream_ack(dc__stream *s, uint64_t received)
{
    if (received < s->acked || received > s->reached) return false;
    for (; s->acked < received; s->acked++) {
        dc__kept *kept = slot(s, s->acked);
        s->kept_bytes -= kept->bytes;
        dc__message_free(kept->message);
        kept->message = NULL;
    }
    return true;
}

bool dc__stream_resume(dc__stream *s, uint64_t received, size_t partial)
{
    /* The peer may have got all of a message whose last bytes we do not know to be written. */
    if (received > s->reached && received <= s->begun) s->reached = received;
    if (!dc__stream_ack(s, received)) return false;
    /* Whatever connection it came over: the one before may have carried nothing. */
    if (partial > 0 && (s->begun == s->acked || partial >= slot(s, s->acked)->bytes)) return false;
    s->sent = s->written = s->acked;
    s->skip = partial;
    return true;
}

size_t dc__stream_skip(dc__stream *s)
{
    const size_t skip = s->skip;
    s->skip = 0;
    return skip;
}

void dc__stream_count(dc__stream *s, size_t bytes)
{
    s->received++;
    s->unreported_bytes += bytes;
}

uint64_t dc__stream_report(dc__stream *s)
{
    s->reported = s->received;
    s->unreported_bytes = 0;
    return s->received;
}

bool dc__stream_owes_ack(const dc__stream *s)
{
    return s->unreported_bytes >= DC__STREAM_ACK_BYTES ||
           s->received - s->reported >= DC__STREAM_ACK_MESSAGES;
}
