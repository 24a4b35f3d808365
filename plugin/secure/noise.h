/* noise.h - Noise_XK_25519_ChaChaPoly_BLAKE2b and Noise_XK_25519_AESGCM_BLAKE2b: two ends find keys that nobody else has.
 * What they seal with them is aead.h's.
 *
 * DESIGN
 *   The Noise Protocol Framework, revision 34 (noiseprotocol.org), over libsodium's X25519 and BLAKE2b. Names are the specification's. Pure: no clock, no socket; random numbers for ephemeral keys.
 *
 *   Why XK: who dials knows the listener's key (it is in the invitation), so the listener is proved by its
 * first answer. Who dials shows its own key only in the third message, sealed by ephemeral keys of both sides:
 * nobody who records the traffic, or takes the listener's key later, learns who came; and nothing that was
 * recorded can be played to a listener again, as the first message of IK can. It costs one round trip more
 * for each connection.
 *
 *     -> e, es            48 bytes and its payload
 *     <- e, ee            48 bytes and its payload
 *     -> s, se            64 bytes and its payload
 *
 *   Everything that fails leaves the handshake unusable: it is to be given up, and the connection with it. */
#ifndef DC__NOISE_H
#define DC__NOISE_H

#include "secure/aead.h"

#define DC__NOISE_HASH_BYTES 64
#define DC__NOISE_MOST 65535u                            /* bytes of a message */
#define DC__NOISE_PLAIN (DC__NOISE_MOST - DC__TAG_BYTES) /* that it seals */
#define DC__NOISE_MESSAGES 3
#define DC__NOISE_1_BYTES 48 /* without payload */
#define DC__NOISE_2_BYTES 48
#define DC__NOISE_3_BYTES 64

typedef struct dc__keypair {
    uint8_t public_key[DC__KEY_BYTES], secret_key[DC__KEY_BYTES];
} dc__keypair;

typedef struct dc__noise {
    uint8_t ck[DC__NOISE_HASH_BYTES], h[DC__NOISE_HASH_BYTES];
    uint8_t key[DC__KEY_BYTES];
    uint64_t n; /* messages sealed with key */
    dc__cipher cipher;
    dc__keypair s, e;
    bool has_e; /* also set by tests that give e */
    uint8_t rs[DC__KEY_BYTES], re[DC__KEY_BYTES];
    bool initiator;
    int done; /* messages; DC__NOISE_MESSAGES: split */
    bool failed;
} dc__noise;

/* dc__keypair_make - a new one. dc__keypair_derive - public_key from secret_key. */
void dc__keypair_make(dc__keypair *pair);
void dc__keypair_derive(dc__keypair *pair);

/* dc__noise_begin - cipher: part of the protocol's name, which is hashed first: with another one at each end no message
 * is genuine. own: this end's static keys, copied; remote: the other's static public key, NULL at the
 * listener. Both ends must give the same prologue. noise belongs in dc__secret_alloc's memory. */
void dc__noise_begin(dc__noise *noise, dc__cipher cipher, const dc__keypair *own, const uint8_t *remote,
                     const void *prologue, size_t prologue_bytes);

/* dc__noise_write - the next message with n bytes of payload, to out; how long it is, 0 on failure.
 * dc__noise_read - of the peer's next message of n bytes, the payload, which is as much shorter as DC__NOISE_k_BYTES
 * say; false if it is not genuine. */
size_t dc__noise_write(dc__noise *noise, const void *payload, size_t n, uint8_t *out);
bool dc__noise_read(dc__noise *noise, const uint8_t *message, size_t n, uint8_t *payload);

/* dc__noise_split - after the last message: the keys of both directions, which are in use from then on. */
void dc__noise_split(const dc__noise *noise, uint8_t send[DC__KEY_BYTES], uint8_t receive[DC__KEY_BYTES]);

#endif
