/* record.h - what two gates say to each other, byte by byte. All numbers are little-endian.
 *
 *   Hello, from who dials (44 bytes):
 *     0-7 "DYNCGATE"   8-9 gate version   10 kind (0 a new session, 1 one that goes on)
 *     11 1 = it comes over a unix socket
 *     12-15 bytes received of the message after those   16-31 session id, random
 *     32-39 messages of the session received so far   40-43 which hello of the session this is, from 1 on
 *   Answer (24 bytes):
 *     0-7 "DYNCGATE"   8-9 gate version   10 status   11 1 = so it came: then no frame needs a checksum, and memory to
 *     share may come with it (shared.h)
 *     12-15 bytes received of the message after those
 *     16-23 messages received so far
 *   Then records in both directions, a header (16 bytes) and `length` bytes:
 *     0 type (1 message, 2 acknowledgement, 3 heartbeat, 4 goodbye, 5 message in a shared buffer)
 *     1 which buffer (0 but for those)   2-3 zero   4-7 length (0 but for messages; of one in a buffer nothing follows)   8-15 messages received so far
 *   The first message after a hello is the rest of the one that was half received. */
#ifndef DC__RECORD_H
#define DC__RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DC__GATE_VERSION 5
#define DC__HELLO_BYTES 44
#define DC__ANSWER_BYTES 24
#define DC__RECORD_BYTES 16
#define DC__SESSION_ID_BYTES 16

typedef struct dc__hello {
    uint16_t version;
    bool resumes;
    bool local; /* dialed to a unix socket */
    uint8_t id[DC__SESSION_ID_BYTES];
    uint64_t received;
    uint32_t partial; /* bytes of the next message */
    uint32_t attempt; /* hellos of the session so far: one that comes late is known by it */
} dc__hello;

typedef enum dc__hello_status {
    DC__HELLO_OK,
    DC__HELLO_UNKNOWN, /* the session to go on with is not known here */
    DC__HELLO_FULL,    /* too many sessions wait for admission */
    DC__HELLO_VERSION, /* the gate's version is another; `version` says which is spoken here */
    DC__HELLO_KEYS,    /* who has no key has no part in it */
    /* to who has proved its key, but is no member */
    DC__HELLO_UNKNOWN_KEY,
    DC__HELLO_UNINVITED, /* nobody noted the invitation */
    DC__HELLO_EXPIRED,
    DC__HELLO_USED,
    DC__HELLO_FILES,   /* the listener cannot read or write its lists */
    DC__HELLO_NOT_YET, /* another server decides, and may announce it still */
    DC__HELLO_END
} dc__hello_status;

typedef struct dc__answer {
    uint16_t version;
    uint8_t status;
    bool local; /* accepted from one, too */
    uint64_t received;
    uint32_t partial;
} dc__answer;

typedef enum dc__record_type {
    DC__RECORD_MESSAGE = 1,
    DC__RECORD_ACK,
    DC__RECORD_HEARTBEAT,
    DC__RECORD_GOODBYE,
    DC__RECORD_BUFFER
} dc__record_type;

typedef struct dc__record {
    dc__record_type type;
    uint8_t buffer;
    uint32_t length; /* of the message */
    uint64_t received;
} dc__record;

void dc__hello_write(uint8_t out[DC__HELLO_BYTES], const dc__hello *hello);
void dc__answer_write(uint8_t out[DC__ANSWER_BYTES], const dc__answer *answer);
void dc__record_write(uint8_t out[DC__RECORD_BYTES], const dc__record *record);

/* Readers: false if the bytes are no hello, answer or record. */
bool dc__hello_read(const uint8_t in[DC__HELLO_BYTES], dc__hello *hello);
bool dc__answer_read(const uint8_t in[DC__ANSWER_BYTES], dc__answer *answer);
bool dc__record_read(const uint8_t in[DC__RECORD_BYTES], dc__record *record);

/* dc__hello_may_be - whether n bytes can be a hello's first ones. */
bool dc__hello_may_be(const uint8_t *in, size_t n);

#endif
