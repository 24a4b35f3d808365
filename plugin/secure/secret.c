#include "secure/secret.h"

#include <pthread.h>
#include <sodium.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/error.h"

static void begin(void)
{
    dc__assert(sodium_init() >= 0); /* without random numbers nothing here may run */
}

/* libsodium chooses its fastest code in sodium_init; more than once does no harm. */
static void ensure(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, begin);
}

void *dc__secret_alloc(size_t n)
{
    ensure();
    void *secret = sodium_malloc(n);
    if (secret) memset(secret, 0, n);
    return secret;
}

void dc__secret_free(void *secret)
{
    sodium_free(secret);
}

void dc__secret_wipe(void *at, size_t n)
{
    sodium_memzero(at, n);
}

void dc__secret_random(void *out, size_t n)
{
    ensure();
    randombytes_buf(out, n);
}

bool dc__secret_same(const void *a, const void *b, size_t n)
{
    return sodium_memcmp(a, b, n) == 0;
}

void dc__secret_digest(uint8_t *out, size_t out_bytes, const void *in, size_t n, const uint8_t *key,
                       size_t key_bytes)
{
    ensure();
    (void)crypto_generichash(out, out_bytes, in, n, key, key_bytes);
}

void dc__secret_text(char *text, const uint8_t *bytes, size_t n)
{
    (void)sodium_bin2base64(text, dc__secret_text_bytes(n), bytes, n,
                            sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

bool dc__secret_of_text(uint8_t *bytes, size_t n, const char *text, size_t length)
{
    size_t got = 0;
    return sodium_base642bin(bytes, n, text, length, NULL, &got, NULL,
                             sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0 &&
           got == n;
}

void dc__secret_harden(void)
{
    const struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}
