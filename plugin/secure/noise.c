#include "secure/noise.h"

#include <sodium.h>
#include <string.h>

#include "base/bytes.h"
#include "base/error.h"

#define BLOCK_BYTES 128 /* of BLAKE2b, for HMAC */

void dc__keypair_derive(dc__keypair *pair)
{
    (void)crypto_scalarmult_base(pair->public_key, pair->secret_key);
}

void dc__keypair_make(dc__keypair *pair)
{
    dc__secret_random(pair->secret_key, sizeof pair->secret_key);
    dc__keypair_derive(pair);
}

/* ---- hashes ---- */

typedef struct piece {
    const void *at;
    size_t n;
} piece;

static void hash(uint8_t out[DC__NOISE_HASH_BYTES], const piece *pieces, int n)
{
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, NULL, 0, DC__NOISE_HASH_BYTES);
    for (int k = 0; k < n; k++)
        (void)crypto_generichash_update(&state, pieces[k].at, pieces[k].n);
    (void)crypto_generichash_final(&state, out, DC__NOISE_HASH_BYTES);
    dc__secret_wipe(&state, sizeof state);
}

/* RFC 2104 with BLAKE2b; the key is a hash. */
static void hmac(uint8_t out[DC__NOISE_HASH_BYTES], const uint8_t key[DC__NOISE_HASH_BYTES], piece a, piece b)
{
    uint8_t inner[BLOCK_BYTES], outer[BLOCK_BYTES], digest[DC__NOISE_HASH_BYTES];
    memset(inner, 0x36, sizeof inner);
    memset(outer, 0x5c, sizeof outer);
    for (size_t k = 0; k < DC__NOISE_HASH_BYTES; k++) {
        inner[k] ^= key[k];
        outer[k] ^= key[k];
    }
    hash(digest, (const piece[]){{inner, sizeof inner}, a, b}, 3);
    hash(out, (const piece[]){{outer, sizeof outer}, {digest, sizeof digest}}, 2);
    dc__secret_wipe(inner, sizeof inner);
    dc__secret_wipe(outer, sizeof outer);
    dc__secret_wipe(digest, sizeof digest);
}

/* HKDF with two outputs. */
static void hkdf(const uint8_t ck[DC__NOISE_HASH_BYTES], piece material, uint8_t out1[DC__NOISE_HASH_BYTES],
                 uint8_t out2[DC__NOISE_HASH_BYTES])
{
    static const uint8_t one = 1, two = 2;
    uint8_t temp[DC__NOISE_HASH_BYTES], first[DC__NOISE_HASH_BYTES];
    hmac(temp, ck, material, (piece){NULL, 0});
    hmac(first, temp, (piece){&one, 1}, (piece){NULL, 0});
    hmac(out2, temp, (piece){first, sizeof first}, (piece){&two, 1});
    memcpy(out1, first, sizeof first);
    dc__secret_wipe(temp, sizeof temp);
    dc__secret_wipe(first, sizeof first);
}

/* ---- ciphers ---- */

/* With the next nonce of the handshake's key. */
static bool begin_message(dc__noise *s, dc__aead *a, bool seals)
{
    if (!dc__aead_init(a, s->cipher, s->key, seals)) {
        dc__aead_end(a);
        return false;
    }
    a->n = s->n++;
    return true;
}

static bool aead_seal(dc__noise *s, uint8_t *out, const uint8_t *in, size_t n)
{
    dc__aead a;
    if (!begin_message(s, &a, true)) return false;
    dc__aead_begin(&a);
    dc__aead_also(&a, s->h, sizeof s->h);
    dc__aead_add(&a, out, in, n);
    dc__aead_tag(&a, out + n);
    dc__aead_end(&a);
    return true;
}

static bool aead_open(dc__noise *s, uint8_t *out, const uint8_t *in, size_t sealed_bytes)
{
    dc__aead a;
    if (!begin_message(s, &a, false)) return false;
    const bool ok = dc__aead_open_with(&a, s->h, sizeof s->h, in, sealed_bytes, out);
    dc__aead_end(&a);
    return ok;
}

/* ---- the symmetric state ---- */

static void mix_hash(dc__noise *s, const void *at, size_t n)
{
    hash(s->h, (const piece[]){{s->h, sizeof s->h}, {at, n}}, 2);
}

static void mix_key(dc__noise *s, const uint8_t *material)
{
    uint8_t temp[DC__NOISE_HASH_BYTES];
    hkdf(s->ck, (piece){material, DC__KEY_BYTES}, s->ck, temp);
    memcpy(s->key, temp, sizeof s->key);
    s->n = 0;
    dc__secret_wipe(temp, sizeof temp);
}

static void encrypt_and_hash(dc__noise *s, uint8_t *out, const void *in, size_t n)
{
    if (!aead_seal(s, out, in, n)) s->failed = true;
    mix_hash(s, out, n + DC__TAG_BYTES);
}

static bool decrypt_and_hash(dc__noise *s, uint8_t *out, const uint8_t *in, size_t sealed_bytes)
{
    const bool ok = aead_open(s, out, in, sealed_bytes);
    mix_hash(s, in, sealed_bytes);
    return ok;
}

/* ---- the handshake ---- */

void dc__noise_begin(dc__noise *s, dc__cipher cipher, const dc__keypair *own, const uint8_t *remote,
                     const void *prologue, size_t prologue_bytes)
{
    static const char *const names[DC__CIPHERS] = {"Noise_XK_25519_ChaChaPoly_BLAKE2b",
                                                   "Noise_XK_25519_AESGCM_BLAKE2b"};
    memset(s, 0, sizeof *s);
    s->cipher = cipher;
    memcpy(s->h, names[cipher], strlen(names[cipher])); /* shorter than a hash: filled with zeros */
    memcpy(s->ck, s->h, sizeof s->ck);
    s->initiator = remote != NULL;
    s->s = *own;
    if (remote) memcpy(s->rs, remote, sizeof s->rs);
    mix_hash(s, prologue, prologue_bytes);
    mix_hash(s, remote ? remote : own->public_key, DC__KEY_BYTES);
}

/* A peer may send a point whose product is zero with every key: there is nothing secret in that. */
static void mix_dh(dc__noise *s, const uint8_t *secret_key, const uint8_t *public_key)
{
    uint8_t shared[DC__KEY_BYTES];
    if (crypto_scalarmult(shared, secret_key, public_key) != 0) s->failed = true;
    mix_key(s, shared);
    dc__secret_wipe(shared, sizeof shared);
}

/* The Diffie-Hellman of a message: es, ee, se. */
static void mix_message_key(dc__noise *s)
{
    static const bool by_ephemeral[DC__NOISE_MESSAGES][2] = {{true, false}, {true, true}, {false, true}};
    const bool *by = by_ephemeral[s->done]; /* of the initiator's, of the responder's */
    const bool own_e = by[s->initiator ? 0 : 1], remote_e = by[s->initiator ? 1 : 0];
    mix_dh(s, own_e ? s->e.secret_key : s->s.secret_key, remote_e ? s->re : s->rs);
}

static bool is_turn(const dc__noise *s, bool writing)
{
    return !s->failed && s->done < DC__NOISE_MESSAGES && (s->done % 2 == 0) == (s->initiator == writing);
}

size_t dc__noise_write(dc__noise *s, const void *payload, size_t n, uint8_t *out)
{
    dc__assert(is_turn(s, true));
    uint8_t *to = out;
    if (s->done < 2) {
        if (!s->has_e) dc__keypair_make(&s->e);
        memcpy(to, s->e.public_key, DC__KEY_BYTES);
        mix_hash(s, to, DC__KEY_BYTES);
        to += DC__KEY_BYTES;
    } else {
        encrypt_and_hash(s, to, s->s.public_key, DC__KEY_BYTES);
        to += DC__KEY_BYTES + DC__TAG_BYTES;
    }
    mix_message_key(s);
    encrypt_and_hash(s, to, payload, n);
    s->done++;
    return s->failed ? 0 : (size_t)(to - out) + n + DC__TAG_BYTES;
}

static bool read_key(dc__noise *s, const uint8_t *from)
{
    if (s->done == 2) return decrypt_and_hash(s, s->rs, from, DC__KEY_BYTES + DC__TAG_BYTES);
    memcpy(s->re, from, DC__KEY_BYTES);
    mix_hash(s, s->re, DC__KEY_BYTES);
    return true;
}

bool dc__noise_read(dc__noise *s, const uint8_t *message, size_t n, uint8_t *payload)
{
    static const size_t least[DC__NOISE_MESSAGES] = {DC__NOISE_1_BYTES, DC__NOISE_2_BYTES, DC__NOISE_3_BYTES};
    if (!is_turn(s, false) || n < least[s->done] || n > DC__NOISE_MOST) {
        s->failed = true;
        return false;
    }
    const size_t key_bytes = least[s->done] - DC__TAG_BYTES;
    bool ok = read_key(s, message);
    if (ok) mix_message_key(s);
    ok = ok && decrypt_and_hash(s, payload, message + key_bytes, n - key_bytes);
    if (!ok) s->failed = true;
    s->done++;
    return !s->failed;
}

void dc__noise_split(const dc__noise *s, uint8_t send[DC__KEY_BYTES], uint8_t receive[DC__KEY_BYTES])
{
    dc__assert(s->done == DC__NOISE_MESSAGES && !s->failed);
    uint8_t first[DC__NOISE_HASH_BYTES], second[DC__NOISE_HASH_BYTES];
    hkdf(s->ck, (piece){NULL, 0}, first, second);
    memcpy(send, s->initiator ? first : second, DC__KEY_BYTES);
    memcpy(receive, s->initiator ? second : first, DC__KEY_BYTES);
    dc__secret_wipe(first, sizeof first);
    dc__secret_wipe(second, sizeof second);
}
