/* seal.h - the bytes of a connection between two gates with keys, sealed in chunks (handshake.h).
 *
 *   A byte is handed on only when the chunk that it came in is genuine; a chunk that is not ends the connection.
 * The gate's thread only. */
#ifndef DC__SEAL_H
#define DC__SEAL_H

#include <sys/types.h>

#include "net/handshake.h"

#define DC__CHUNK_MOST ((size_t)(DC__CHUNK_HEADER_BYTES + DC__NOISE_MOST))
#define DC__SEAL_CHUNKS 4 /* sealed ahead of the socket */

typedef struct dc__seal {
    dc__cipher send, receive;
    /* reading */
    uint8_t *in; /* [2 * DC__CHUNK_MOST] from the socket */
    size_t in_at, in_end;
    uint8_t *plain; /* [DC__NOISE_PLAIN] opened, not handed on yet */
    size_t plain_at, plain_end;
    /* writing */
    uint8_t *out; /* [DC__SEAL_CHUNKS * DC__CHUNK_MOST] */
    size_t out_at;
    size_t plain_bytes[DC__SEAL_CHUNKS], ends[DC__SEAL_CHUNKS]; /* of each chunk in out */
    int first, n;                                               /* chunks [first, n) are not written whole */
} dc__seal;

/* dc__seal_new - with the keys of a handshake that is over; NULL when out of memory. dc__seal_free - wipes them;
 * NULL is allowed. */
dc__seal *dc__seal_new(const dc__noise *noise);
void dc__seal_free(dc__seal *seal);

/* dc__seal_receive - at most n bytes to `to` from fd, as recv with MSG_DONTWAIT; EBADMSG: a chunk is not genuine. */
ssize_t dc__seal_receive(dc__seal *seal, int fd, uint8_t *to, size_t n);

/* dc__seal_begin - where the next chunk's bytes go, at most DC__NOISE_PLAIN; NULL if there is no room.
 * dc__seal_end - n bytes were put there: they are sealed. dc__seal_pending - there are chunks to write. */
uint8_t *dc__seal_begin(dc__seal *seal);
void dc__seal_end(dc__seal *seal, size_t n);
static inline bool dc__seal_pending(const dc__seal *seal)
{
    return seal->first < seal->n;
}

/* dc__seal_write - to fd, what it takes; -1 with errno. *carried: bytes of the chunks that are now written whole. */
ssize_t dc__seal_write(dc__seal *seal, int fd, size_t *carried);

#endif
