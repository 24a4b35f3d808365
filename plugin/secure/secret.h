/* secret.h - memory for keys, random numbers, and keys as text. libsodium's; nothing here is cryptography of ours. */
#ifndef DC__SECRET_H
#define DC__SECRET_H

#include "dynacomm.h"

#define DC__KEY_BYTES 32
#define DC__KEY_TEXT_BYTES 44 /* URL-safe base64 without padding, and a closing 0 */

/* dc__secret_alloc - n zero bytes that are locked in memory, left out of core files and wiped by
 * dc__secret_free; NULL when out of memory. For what holds keys: it costs pages of its own. NULL may be freed. */
void *dc__secret_alloc(size_t n);
void dc__secret_free(void *secret);

/* dc__secret_wipe - zeros that no compiler leaves out. dc__secret_random - n random bytes. dc__secret_same -
 * in a time that does not depend on the bytes. */
void dc__secret_wipe(void *at, size_t n);
void dc__secret_random(void *out, size_t n);
bool dc__secret_same(const void *a, const void *b, size_t n);

/* dc__secret_digest - out_bytes (16 to 64) of BLAKE2b over n bytes, keyed if key_bytes (at most 64) > 0. */
void dc__secret_digest(uint8_t *out, size_t out_bytes, const void *in, size_t n, const uint8_t *key,
                       size_t key_bytes);

/* dc__secret_text - n bytes as text, which takes dc__secret_text_bytes(n) with its closing 0. dc__secret_of_text - the
 * n bytes that length characters of text stand for; false if they stand for anything else. */
#define dc__secret_text_bytes(n) (((n)*4 + 2) / 3 + 1)
void dc__secret_text(char *text, const uint8_t *bytes, size_t n);
bool dc__secret_of_text(uint8_t *bytes, size_t n, const char *text, size_t length);

/* dc__secret_harden - this process gets no new privileges and leaves no core file, from here on. */
void dc__secret_harden(void);

#endif
