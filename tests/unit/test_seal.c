/* test_seal.c - the cipher of a sealed connection: the same bytes as libsodium's, whatever pieces they come in; and the
 * stream of chunks: what one end puts in the other gets, whole or not at all, with new keys by amount and by time. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "net/seal.h"

#define MINUTE_NS ((int64_t)60 * 1000000000)

static dc__cipher cipher; /* of the test that runs */

static int with_cipher(void **state)
{
    cipher = *(const dc__cipher *)*state;
    return 0;
}

static uint64_t random_state = 88172645463325252u;

static size_t below(size_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (size_t)(random_state % n);
}

static void fill(uint8_t *to, size_t n)
{
    for (size_t k = 0; k < n; k++)
        to[k] = (uint8_t)below(256);
}

/* Mostly short, sometimes the longest there is. */
static size_t some_length(void)
{
    static const size_t most[] = {2, 80, 300, 5000, DC__NOISE_PLAIN + 1};
    return below(8) == 0 ? DC__NOISE_PLAIN : below(most[below(5)]);
}

/* ---- the cipher ---- */

static void nonce_of(uint8_t nonce[12], uint64_t n)
{
    memset(nonce, 0, 12);
    for (int k = 0; k < 8; k++)
        nonce[cipher == DC__AES_GCM ? 11 - k : 4 + k] = (uint8_t)(n >> (8 * k));
}

/* As libsodium does it. */
static void sodium_seal(uint8_t *out, const uint8_t *in, size_t n, const uint8_t nonce[12],
                        const uint8_t *key)
{
    (void)(cipher == DC__AES_GCM ? crypto_aead_aes256gcm_encrypt : crypto_aead_chacha20poly1305_ietf_encrypt)(
        out, NULL, in, n, NULL, 0, NULL, nonce, key);
}

static void rekey(uint8_t key[DC__KEY_BYTES])
{
    uint8_t nonce[12], next[DC__KEY_BYTES + DC__TAG_BYTES];
    static const uint8_t zeros[DC__KEY_BYTES];
    nonce_of(nonce, UINT64_MAX);
    sodium_seal(next, zeros, sizeof zeros, nonce, key);
    memcpy(key, next, DC__KEY_BYTES);
}

static void both_libraries_make_the_same_bytes(void **state)
{
    (void)state;
    static uint8_t plain[DC__NOISE_PLAIN], expected[DC__NOISE_MOST], sealed[DC__NOISE_MOST],
        out[DC__NOISE_PLAIN], rest[DC__NOISE_PLAIN];
    uint8_t key[DC__KEY_BYTES], nonce[12];
    dc__aead send, receive;
    if (cipher == DC__AES_GCM && !crypto_aead_aes256gcm_is_available())
        skip(); /* libsodium has it for some processors */
    fill(key, sizeof key);
    assert_true(dc__aead_init(&send, cipher, key, true) && dc__aead_init(&receive, cipher, key, false));
    for (uint64_t m = 0; m < 3000; m++) {
        const size_t n = some_length();
        fill(plain, n < 64 ? n : 64);
        nonce_of(nonce, m);
        sodium_seal(expected, plain, n, nonce, key);
        const bool in_place = below(2);
        if (in_place) memcpy(sealed, plain, n);
        dc__aead_begin(&send);
        for (size_t at = 0, more; at < n; at += more) {
            more = below(3) ? 1 + below(n - at) : n - at;
            dc__aead_add(&send, sealed + at, (in_place ? sealed : plain) + at, more);
        }
        dc__aead_tag(&send, sealed + n);
        assert_memory_equal(sealed, expected, n + DC__TAG_BYTES);
        const size_t first = below(n + 1);
        assert_true(dc__aead_open(&receive, expected, n + DC__TAG_BYTES, out, first, rest));
        assert_memory_equal(out, plain, first);
        assert_memory_equal(rest, plain + first, n - first);
        if (below(10)) continue;
        rekey(key);
        dc__aead_rekey(&send);
        dc__aead_rekey(&receive);
        assert_memory_equal(send.key, key, sizeof key);
        assert_memory_equal(receive.key, key, sizeof key);
    }
    dc__aead_end(&send);
    dc__aead_end(&receive);
}

/* Nothing of a message that is not genuine is left where it would have gone, and the genuine one is still awaited. */
static void what_is_not_genuine_leaves_nothing(void **state)
{
    (void)state;
    uint8_t key[DC__KEY_BYTES] = {7}, plain[200], sealed[216], out[200], rest[200];
    static const uint8_t zeros[200];
    dc__aead send, receive;
    assert_true(dc__aead_init(&send, cipher, key, true) && dc__aead_init(&receive, cipher, key, false));
    fill(plain, sizeof plain);
    dc__aead_seal(&send, sealed, plain, sizeof plain);
    for (size_t k = 0; k < 8 * sizeof sealed; k++) {
        memset(out, 1, sizeof out);
        memset(rest, 1, sizeof rest);
        sealed[k / 8] ^= (uint8_t)(1u << k % 8);
        assert_false(dc__aead_open(&receive, sealed, sizeof sealed, out, 77, rest));
        assert_memory_equal(out, zeros, 77);
        assert_memory_equal(rest, zeros, sizeof plain - 77);
        sealed[k / 8] ^= (uint8_t)(1u << k % 8);
    }
    assert_false(dc__aead_open(&receive, sealed, DC__TAG_BYTES - 1, out, 77, rest));
    assert_true(dc__aead_open(&receive, sealed, sizeof sealed, out, sizeof out, rest));
    assert_memory_equal(out, plain, sizeof plain);
    dc__aead_end(&send);
    dc__aead_end(&receive);
}

/* ---- the stream of chunks ---- */

typedef struct pair {
    dc__seal *from, *to;
    int fds[2]; /* 0 is written, 1 is read */
} pair;

static void begin_pair(pair *p)
{
    dc__keypair server, worker;
    dc__noise ends[2];
    uint8_t message[256], payload[256];
    dc__keypair_make(&server);
    dc__keypair_make(&worker);
    dc__noise_begin(&ends[0], cipher, &worker, server.public_key, "", 0);
    dc__noise_begin(&ends[1], cipher, &server, NULL, "", 0);
    for (int m = 0; m < DC__NOISE_MESSAGES; m++)
        assert_true(dc__noise_read(&ends[1 - m % 2], message, dc__noise_write(&ends[m % 2], "", 0, message),
                                   payload));
    p->from = dc__seal_new(&ends[0]);
    p->to = dc__seal_new(&ends[1]);
    assert_true(p->from && p->to);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p->fds), 0);
}

static void end_pair(pair *p)
{
    dc__seal_free(p->from);
    dc__seal_free(p->to);
    (void)close(p->fds[0]);
    (void)close(p->fds[1]);
}

/* Seals what there is of n bytes, as far as there is room; how many. */
static size_t put_some(dc__seal *s, const uint8_t *from, size_t n, int64_t now_ns)
{
    size_t put = 0;
    while (put < n && below(4) && dc__seal_begin(s, now_ns)) {
        size_t chunk = some_length();
        if (chunk == 0) chunk = 1;
        if (chunk > n - put) chunk = n - put;
        const size_t first = below(chunk + 1);
        dc__seal_put(s, from + put, first);
        dc__seal_put(s, from + put + first, chunk - first);
        dc__seal_end(s);
        put += chunk;
    }
    return put;
}

static void a_stream_comes_whole_with_new_keys_by_amount_and_time(void **state)
{
    (void)state;
    enum { BYTES = 20000000 };
    uint8_t *plain = malloc(BYTES), *out = malloc(BYTES), first[DC__KEY_BYTES];
    pair p;
    size_t put = 0, carried_all = 0, got_all = 0, carried, keys = 0;
    int64_t now_ns = MINUTE_NS;
    assert_non_null(plain);
    assert_non_null(out);
    fill(plain, BYTES);
    begin_pair(&p);
    memcpy(first, p.from->send.key, sizeof first);
    while (got_all < BYTES) {
        put += put_some(p.from, plain + put, BYTES - put, now_ns);
        if (dc__seal_pending(p.from) && dc__seal_write(p.from, p.fds[0], &carried) > 0)
            carried_all += carried;
        if (below(2)) continue;
        const ssize_t got = dc__seal_receive(p.to, p.fds[1], out + got_all, 1 + below(BYTES - got_all));
        assert_true(got > 0 || (got < 0 && errno == EAGAIN));
        if (got > 0) got_all += (size_t)got;
        if (below(100)) continue;
        keys++;
        if (below(2))
            now_ns += DC__REKEY_NS; /* time passes, */
        else
            p.from->send.bytes = DC__REKEY_BYTES; /* or much was sealed */
    }
    assert_int_equal(put, BYTES);
    assert_int_equal(carried_all, BYTES);
    assert_memory_equal(plain, out, BYTES);
    assert_memory_equal(p.from->send.key, p.to->receive.key, DC__KEY_BYTES);
    assert_true(keys > 3 && memcmp(first, p.from->send.key, sizeof first) != 0);
    end_pair(&p);
    free(plain);
    free(out);
}

/* A key is kept for its time and no longer. */
static void a_key_is_in_use_for_ten_minutes(void **state)
{
    (void)state;
    pair p;
    uint8_t first[DC__KEY_BYTES], out[4];
    size_t carried;
    begin_pair(&p);
    memcpy(first, p.from->send.key, sizeof first);
    for (int minute = 1; minute <= 12; minute++) {
        assert_true(dc__seal_begin(p.from, minute * MINUTE_NS));
        dc__seal_put(p.from, (const uint8_t *)"word", 4);
        dc__seal_end(p.from);
        assert_true(dc__seal_write(p.from, p.fds[0], &carried) > 0);
        assert_int_equal(carried, 4);
        assert_int_equal(dc__seal_receive(p.to, p.fds[1], out, 4), 4);
        assert_memory_equal(out, "word", 4);
        assert_int_equal(memcmp(first, p.to->receive.key, sizeof first) == 0, minute <= 10);
    }
    end_pair(&p);
}

/* Any flipped bit of a chunk, its length too, ends the stream, and nothing of the chunk is handed on. */
static void a_flipped_bit_ends_the_stream(void **state)
{
    (void)state;
    enum { PLAIN = 100, CHUNK = DC__CHUNK_HEADER_BYTES + PLAIN + DC__TAG_BYTES };
    uint8_t plain[PLAIN], chunk[CHUNK], out[2 * PLAIN];
    fill(plain, sizeof plain);
    for (size_t bit = 0; bit < (size_t)8 * CHUNK; bit++) {
        pair p;
        size_t carried;
        begin_pair(&p);
        assert_true(dc__seal_begin(p.from, 1));
        dc__seal_put(p.from, plain, sizeof plain);
        dc__seal_end(p.from);
        assert_int_equal(dc__seal_write(p.from, p.fds[1], &carried), CHUNK); /* past the reader */
        assert_int_equal(recv(p.fds[0], chunk, CHUNK, 0), CHUNK);
        chunk[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(send(p.fds[0], chunk, CHUNK, 0), CHUNK);
        assert_int_equal(shutdown(p.fds[0], SHUT_WR), 0);
        const ssize_t got = dc__seal_receive(p.to, p.fds[1], out, sizeof out);
        assert_true(got == 0 || (got < 0 && errno == EBADMSG)); /* 0: a longer one was awaited to the end */
        end_pair(&p);
    }
}

int main(void)
{
    assert_true(sodium_init() >= 0);
    static dc__cipher chacha = DC__CHACHA_POLY, aes = DC__AES_GCM;
#define WITH(test, cipher) cmocka_unit_test_prestate_setup_teardown(test, with_cipher, NULL, &(cipher))
#define BOTH(test) WITH(test, chacha), WITH(test, aes)
    const struct CMUnitTest tests[] = {
        BOTH(both_libraries_make_the_same_bytes),
        BOTH(what_is_not_genuine_leaves_nothing),
        BOTH(a_stream_comes_whole_with_new_keys_by_amount_and_time),
        WITH(a_key_is_in_use_for_ten_minutes, chacha),
        BOTH(a_flipped_bit_ends_the_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
