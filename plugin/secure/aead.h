/* aead.h - the ciphers: ChaCha20-Poly1305 (RFC 8439) and AES-256-GCM (NIST SP 800-38D), with a counter.
 *
 * DESIGN
 *   The specification's CipherState, over libcrypto's EVP, whose ChaCha20-Poly1305 takes under half of the time
 * of libsodium's for the same bytes. With a processor's AES instructions AES-256-GCM takes half of that again, without
 * them many times as long (docs/security.md). A message may be sealed from pieces and opened to pieces, so that
 * nothing is copied to lie together. The context is made once for a key; a message costs a new nonce.
 *
 *   Whose it is: one thread at a time. Belongs in dc__secret_alloc's memory. libcrypto keeps the key of a
 * connection in memory of its own as well, which is wiped but not locked. */
#ifndef DC__AEAD_H
#define DC__AEAD_H

#include "secure/secret.h"

#define DC__TAG_BYTES 16

typedef enum dc__cipher { DC__CHACHA_POLY, DC__AES_GCM, DC__CIPHERS } dc__cipher;

typedef struct dc__aead {
    struct evp_cipher_ctx_st *context;
    dc__cipher cipher;
    uint8_t key[DC__KEY_BYTES];
    uint64_t n;     /* messages so far */
    uint64_t bytes; /* sealed or opened with this key */
} dc__aead;

/* dc__cipher_best - which is the faster one on this processor. */
dc__cipher dc__cipher_best(void);

/* dc__aead_init - for sealing or for opening; false when out of memory. dc__aead_end - wipes the key; also for one that was
 * not made (all zeros). */
bool dc__aead_init(dc__aead *aead, dc__cipher cipher, const uint8_t key[DC__KEY_BYTES], bool seals);
void dc__aead_end(dc__aead *aead);

/* dc__aead_begin - the next message. dc__aead_also - n bytes that are proved with it, before all others. dc__aead_add - n more bytes of it, sealed to out, which may be the same place.
 * dc__aead_tag - the message is complete; its tag. */
void dc__aead_begin(dc__aead *aead);
void dc__aead_also(dc__aead *aead, const uint8_t *at, size_t n);
void dc__aead_add(dc__aead *aead, uint8_t *out, const uint8_t *in, size_t n);
void dc__aead_tag(dc__aead *aead, uint8_t tag[DC__TAG_BYTES]);

/* dc__aead_seal - a whole message: n bytes of in to n + DC__TAG_BYTES of out, which may be the same place. */
void dc__aead_seal(dc__aead *aead, uint8_t *out, const uint8_t *in, size_t n);

/* dc__aead_open - sealed_bytes of in: the first n (at most) go to out, what remains to rest. False if it is not the next
 * message that the peer sealed: then that one is still awaited, and out and rest are zeros. */
bool dc__aead_open(dc__aead *aead, const uint8_t *in, size_t sealed_bytes, uint8_t *out, size_t n,
                   uint8_t *rest);

/* dc__aead_open_with - the same for one whole message to out, and n bytes that are proved with it. */
bool dc__aead_open_with(dc__aead *aead, const uint8_t *at, size_t n, const uint8_t *in, size_t sealed_bytes,
                        uint8_t *out);

/* dc__aead_rekey - the specification's REKEY: the key before cannot be found from the one after. */
void dc__aead_rekey(dc__aead *aead);

#endif
