#include "secure/aead.h"

#include <limits.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <pthread.h>
#include <string.h>
#if defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#include "base/bytes.h"
#include "base/error.h"

#define NONCE_BYTES 12

/* Of a library context of our own: no openssl.cnf of the machine can take a cipher away or put another in its place. */
static EVP_CIPHER *ciphers[DC__CIPHERS];

static void fetch(void)
{
    static const char *const names[DC__CIPHERS] = {"ChaCha20-Poly1305", "AES-256-GCM"};
    OSSL_LIB_CTX *library = OSSL_LIB_CTX_new();
    if (!library || !OSSL_PROVIDER_load(library, "default")) return;
    for (int k = 0; k < DC__CIPHERS; k++)
        ciphers[k] = EVP_CIPHER_fetch(library, names[k], NULL);
}

dc__cipher dc__cipher_best(void)
{
#if defined(__x86_64__) || defined(__i386__)
    const bool fast = __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul");
#elif defined(__aarch64__)
    const unsigned long has = getauxval(AT_HWCAP);
    const bool fast = has & HWCAP_AES && has & HWCAP_PMULL;
#else
    const bool fast = false;
#endif
    return fast ? DC__AES_GCM : DC__CHACHA_POLY;
}

static void set_key(dc__aead *a, int seals)
{
    dc__assert(EVP_CipherInit_ex2(a->context, ciphers[a->cipher], a->key, NULL, seals, NULL) == 1);
}

bool dc__aead_init(dc__aead *a, dc__cipher cipher, const uint8_t key[DC__KEY_BYTES], bool seals)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, fetch);
    memset(a, 0, sizeof *a);
    a->cipher = cipher;
    if (!ciphers[cipher]) return false;
    a->context = EVP_CIPHER_CTX_new();
    if (!a->context) return false;
    memcpy(a->key, key, sizeof a->key);
    set_key(a, seals);
    return true;
}

void dc__aead_end(dc__aead *a)
{
    EVP_CIPHER_CTX_free(a->context); /* wipes what it holds */
    dc__secret_wipe(a, sizeof *a);
}

/* The counter's bytes begin with the least for ChaCha20-Poly1305, with the greatest for AES-GCM.
 * Nothing here can fail but for a bug of ours: no memory is taken and no input is refused. */
static void begin_at(dc__aead *a, uint64_t n)
{
    uint8_t nonce[NONCE_BYTES];
    dc__bytes b = dc__bytes_over(nonce, sizeof nonce);
    dc__put_uint(&b, 0, 4);
    dc__put_uint(&b, a->cipher == DC__AES_GCM ? __builtin_bswap64(n) : n, 8);
    dc__assert(EVP_CipherInit_ex2(a->context, NULL, NULL, nonce, -1, NULL) == 1);
}

void dc__aead_begin(dc__aead *a)
{
    dc__assert(a->n < UINT64_MAX);
    begin_at(a, a->n);
}

void dc__aead_also(dc__aead *a, const uint8_t *at, size_t n)
{
    int done = 0;
    if (n == 0) return;
    dc__assert(n <= INT_MAX && EVP_CipherUpdate(a->context, NULL, &done, at, (int)n) == 1);
}

void dc__aead_add(dc__aead *a, uint8_t *out, const uint8_t *in, size_t n)
{
    int done = 0;
    if (n == 0) return;
    dc__assert(n <= INT_MAX && EVP_CipherUpdate(a->context, out, &done, in, (int)n) == 1 &&
               (size_t)done == n);
    a->bytes += n;
}

void dc__aead_tag(dc__aead *a, uint8_t tag[DC__TAG_BYTES])
{
    int none = 0;
    uint8_t nothing[1];
    dc__assert(EVP_CipherFinal_ex(a->context, nothing, &none) == 1 && none == 0);
    dc__assert(EVP_CIPHER_CTX_ctrl(a->context, EVP_CTRL_AEAD_GET_TAG, DC__TAG_BYTES, tag) == 1);
    a->n++;
}

void dc__aead_seal(dc__aead *a, uint8_t *out, const uint8_t *in, size_t n)
{
    dc__aead_begin(a);
    dc__aead_add(a, out, in, n);
    dc__aead_tag(a, out + n);
}

/* As dc__aead_open, with bytes [also_bytes] that are proved with it. */
static bool open_all(dc__aead *a, const uint8_t *also, size_t also_bytes, const uint8_t *in,
                     size_t sealed_bytes, uint8_t *out, size_t n, uint8_t *rest)
{
    uint8_t tag[DC__TAG_BYTES], nothing[1];
    int none = 0;
    if (sealed_bytes < DC__TAG_BYTES || sealed_bytes > INT_MAX || a->n == UINT64_MAX) return false;
    const size_t bytes = sealed_bytes - DC__TAG_BYTES, first = bytes < n ? bytes : n;
    const uint64_t before = a->bytes;
    memcpy(tag, in + bytes, sizeof tag);
    begin_at(a, a->n);
    dc__assert(EVP_CIPHER_CTX_ctrl(a->context, EVP_CTRL_AEAD_SET_TAG, DC__TAG_BYTES, tag) == 1);
    dc__aead_also(a, also, also_bytes);
    dc__aead_add(a, out, in, first);
    dc__aead_add(a, rest, in + first, bytes - first);
    if (EVP_CipherFinal_ex(a->context, nothing, &none) == 1) {
        a->n++;
        return true;
    }
    a->bytes = before;
    if (first > 0) dc__secret_wipe(out, first);
    if (bytes > first) dc__secret_wipe(rest, bytes - first);
    return false;
}

bool dc__aead_open(dc__aead *a, const uint8_t *in, size_t sealed_bytes, uint8_t *out, size_t n, uint8_t *rest)
{
    return open_all(a, NULL, 0, in, sealed_bytes, out, n, rest);
}

bool dc__aead_open_with(dc__aead *a, const uint8_t *at, size_t n, const uint8_t *in, size_t sealed_bytes,
                        uint8_t *out)
{
    return open_all(a, at, n, in, sealed_bytes, out, sealed_bytes, NULL);
}

/* What the stream cipher makes of zeros is the same for sealing and for opening; the tag is not asked for. */
void dc__aead_rekey(dc__aead *a)
{
    static const uint8_t zeros[DC__KEY_BYTES];
    const int seals = EVP_CIPHER_CTX_is_encrypting(a->context);
    begin_at(a, UINT64_MAX);
    dc__aead_add(a, a->key, zeros, sizeof zeros);
    set_key(a, seals);
    a->bytes = 0;
}
