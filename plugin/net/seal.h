/* seal.h - the bytes of a connection between two gates with keys, sealed in chunks (handshake.h).
 *
 *   A byte is handed on only when the chunk that it came in is genuine; a chunk that is not ends the connection.
 * What is sealed is read from where it lies, and opened to where it is wanted: nothing is copied but by the cipher.
 * The gate's thread only. */
#ifndef DC__SEAL_H
#define DC__SEAL_H

#include <sys/types.h>

#include "net/handshake.h"

#define DC__CHUNK_MOST ((size_t)(DC__CHUNK_HEADER_BYTES + DC__NOISE_MOST))
#define DC__SEAL_AHEAD 4096u /* read ahead of a chunk's end: small ones come together */
#define DC__SEAL_IN (DC__CHUNK_MOST + DC__SEAL_AHEAD)
#define DC__SEAL_CHUNKS 4                        /* sealed ahead of the socket */
#define DC__REKEY_BYTES ((uint64_t)1 << 30)      /* sealed with one key, */
#define DC__REKEY_NS ((int64_t)600 * 1000000000) /* and how long it is in use */

typedef struct dc__seal {
    dc__aead send, receive;
    /* reading */
    uint8_t *in; /* [DC__SEAL_IN] from the socket */
    size_t in_at, in_end;
    uint8_t *plain; /* [DC__NOISE_PLAIN] opened, not handed on yet */
    size_t plain_at, plain_end;
    /* writing */
    int64_t rekeyed_ns; /* when this key was first used */
    uint8_t *out;       /* [DC__SEAL_CHUNKS * DC__CHUNK_MOST] */
    size_t out_at;
    size_t chunk_bytes; /* of the chunk that is being made, without header and tag */
    size_t plain_bytes[DC__SEAL_CHUNKS], ends[DC__SEAL_CHUNKS]; /* of each chunk in out */
    int first, n;                                               /* chunks [first, n) are not written whole */
} dc__seal;

/* dc__seal_new - with the keys of a handshake that is over; NULL when out of memory. dc__seal_free - wipes them;
 * NULL is allowed. */
dc__seal *dc__seal_new(const dc__noise *noise);
void dc__seal_free(dc__seal *seal);

/* dc__seal_receive - at most n bytes to `to` from fd, as recv with MSG_DONTWAIT; EBADMSG: a chunk is not genuine. */
ssize_t dc__seal_receive(dc__seal *seal, int fd, uint8_t *to, size_t n);

/* dc__seal_begin - the next chunk, after one that takes a new key if it is time for it; false if there is no room.
 * dc__seal_put - seals n more bytes, DC__NOISE_PLAIN in all at most. dc__seal_end - the chunk is complete.
 * dc__seal_pending - there are chunks to write. */
bool dc__seal_begin(dc__seal *seal, int64_t now_ns);
void dc__seal_put(dc__seal *seal, const uint8_t *from, size_t n);
void dc__seal_end(dc__seal *seal);
static inline bool dc__seal_pending(const dc__seal *seal)
{
    return seal->first < seal->n;
}

/* dc__seal_write - to fd, what it takes; -1 with errno. *carried: bytes of the chunks that are now written whole. */
ssize_t dc__seal_write(dc__seal *seal, int fd, size_t *carried);

#endif
