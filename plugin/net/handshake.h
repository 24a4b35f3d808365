/* handshake.h - what two gates with keys say before their records, byte by byte. The handshake is secure/noise.h's;
 * all numbers are little-endian.
 *
 *   First, from who dials (80 bytes):
 *     0-7 "DYNCSEAL"   8-9 handshake version   10 cipher (dc__cipher)   11-15 zero
 *     16-63 the handshake's first message, without payload
 *     64-79 BLAKE2b over all before, keyed with the listener's public key: who does not know that key costs
 *           the listener nothing more than this
 *   Second, from who listens (53 bytes): the second message; its payload: the lowest and the highest gate version
 *     that are spoken here (2 bytes each), and the cipher that is to be asked for here (1): as it was, or ChaCha20-Poly1305 from
 *     who has no AES instructions; then the dialer begins again with it
 *   Third, from who dials (125 bytes): the third message; its payload:
 *     0 1 = with a ticket   1-16 the ticket of an invitation, or zeros   17-60 a hello (record.h)
 *   Then both send sealed chunks: their length (2 bytes), and so many bytes that the cipher opens. The first one
 *   holds the answer to the hello, what follows is the stream of records. An empty chunk says that its sender takes the next
 *   key from here on.
 *   Bytes 0-15 of the first message are the handshake's prologue, and its cipher is part of the protocol's name: both are hashed
 *   into all that follows, so nobody on the way can have the two ends use another cipher than the dialer asked for. */
#ifndef DC__HANDSHAKE_H
#define DC__HANDSHAKE_H

#include "net/record.h"
#include "secure/invitation.h"

#define DC__HANDSHAKE_VERSION 2
#define DC__FIRST_BYTES 80
#define DC__SECOND_BYTES (DC__NOISE_2_BYTES + 5)
#define DC__THIRD_PAYLOAD (1 + DC__TICKET_BYTES + DC__HELLO_BYTES)
#define DC__THIRD_BYTES (DC__NOISE_3_BYTES + DC__THIRD_PAYLOAD)
#define DC__CHUNK_HEADER_BYTES 2
#define DC__SEALED_ANSWER_BYTES (DC__CHUNK_HEADER_BYTES + DC__ANSWER_BYTES + DC__TAG_BYTES)

/* Who dials: its key, whose listener is meant, and what lets it in the first time. Belongs in secret memory. */
typedef struct dc__dial_keys {
    dc__keypair own;
    uint8_t server_key[DC__KEY_BYTES];
    dc__cipher cipher; /* that it asks for */
    bool has_ticket;
    uint8_t ticket[DC__TICKET_BYTES];
} dc__dial_keys;

/* What a listener says of itself. */
typedef struct dc__terms {
    uint16_t lowest, highest; /* gate versions */
    dc__cipher cipher;        /* to be asked for */
} dc__terms;

/* dc__handshake_may_be - whether n bytes can be the first ones of a first message. */
bool dc__handshake_may_be(const uint8_t *in, size_t n);

/* Who dials. dc__handshake_first - false if the server's key is none. dc__handshake_terms - of a second message; false if that
 * is not the server's. dc__handshake_third - the answer to it. */
bool dc__handshake_first(dc__noise *noise, const dc__dial_keys *keys, uint8_t out[DC__FIRST_BYTES]);
bool dc__handshake_terms(dc__noise *noise, const uint8_t in[DC__SECOND_BYTES], dc__terms *terms);
bool dc__handshake_third(dc__noise *noise, const dc__dial_keys *keys, const dc__hello *hello,
                         uint8_t out[DC__THIRD_BYTES]);

/* Who listens. dc__handshake_knows - whether the sender of a first message knows this listener's key: cheap.
 * dc__handshake_second - its answer; best: the listener's dc__cipher_best. dc__handshake_read - a third message. False: not genuine. The peer's key
 * is noise->rs from then on. *ticket: in the caller's room, NULL if there is none. */
bool dc__handshake_knows(const uint8_t in[DC__FIRST_BYTES], const dc__keypair *own);
bool dc__handshake_second(dc__noise *noise, const dc__keypair *own, dc__cipher best,
                          const uint8_t in[DC__FIRST_BYTES], uint8_t out[DC__SECOND_BYTES]);
bool dc__handshake_read(dc__noise *noise, const uint8_t in[DC__THIRD_BYTES], dc__hello *hello,
                        uint8_t room[DC__TICKET_BYTES], const uint8_t **ticket);

/* dc__chunk_header - of a chunk that seals n bytes. dc__chunk_bytes - of a chunk whose header is here, without the
 * header; 0 if it cannot be one. */
void dc__chunk_header(uint8_t out[DC__CHUNK_HEADER_BYTES], size_t n);
size_t dc__chunk_bytes(const uint8_t header[DC__CHUNK_HEADER_BYTES]);

#endif
