/* test_noise.c - the handshake against the specification's published vectors, and what a cipher opens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "noise_vectors.h"
#include "secure/noise.h"

#define MOST 256

static size_t bytes_of(const char *hex, uint8_t *out)
{
    const size_t n = strlen(hex) / 2;
    assert_true(n <= MOST);
    for (size_t k = 0; k < n; k++) {
        const char digits[3] = {hex[2 * k], hex[2 * k + 1], '\0'};
        out[k] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return n;
}

static void begin_end(dc__noise *end, const vector *v, bool initiator)
{
    uint8_t prologue[MOST], remote[MOST];
    dc__keypair own;
    const size_t n = bytes_of(v->prologue, prologue);
    bytes_of(initiator ? v->init_static : v->resp_static, own.secret_key);
    bytes_of(v->init_remote_static, remote);
    dc__keypair_derive(&own);
    if (!initiator) assert_memory_equal(own.public_key, remote, DC__KEY_BYTES);
    dc__noise_begin(end, v->cipher, &own, initiator ? remote : NULL, prologue, n);
    bytes_of(initiator ? v->init_ephemeral : v->resp_ephemeral, end->e.secret_key);
    dc__keypair_derive(&end->e);
    end->has_e = true;
}

static void published_vectors_hold(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        const vector *v = &vectors[i];
        dc__noise ends[2];
        uint8_t send[2][DC__KEY_BYTES], receive[2][DC__KEY_BYTES];
        dc__aead sends[2] = {0}, receives[2] = {0};
        uint8_t payload[MOST], expected[MOST], message[MOST], opened[MOST];
        for (int k = 0; k < 2; k++)
            begin_end(&ends[k], v, k == 0);
        for (int m = 0; m < VECTOR_MESSAGES && v->message[m].payload; m++) {
            const int from = m % 2, to = 1 - from;
            const size_t n = bytes_of(v->message[m].payload, payload);
            const size_t sealed = bytes_of(v->message[m].ciphertext, expected);
            if (m < DC__NOISE_MESSAGES) {
                assert_int_equal(dc__noise_write(&ends[from], payload, n, message), sealed);
                assert_true(dc__noise_read(&ends[to], message, sealed, opened));
            } else {
                dc__aead_seal(&sends[from], message, payload, n);
                assert_int_equal(n + DC__TAG_BYTES, sealed);
                assert_true(dc__aead_open(&receives[to], message, sealed, opened, n, NULL));
            }
            assert_memory_equal(message, expected, sealed);
            assert_memory_equal(opened, payload, n);
            for (int k = 0; m == DC__NOISE_MESSAGES - 1 && k < 2; k++) {
                dc__noise_split(&ends[k], send[k], receive[k]);
                assert_true(dc__aead_init(&sends[k], v->cipher, send[k], true) &&
                            dc__aead_init(&receives[k], v->cipher, receive[k], false));
            }
        }
        for (int k = 0; k < 2; k++) {
            dc__aead_end(&sends[k]);
            dc__aead_end(&receives[k]);
        }
        if (v->hash) {
            bytes_of(v->hash, expected);
            assert_memory_equal(ends[0].h, expected, DC__NOISE_HASH_BYTES);
        }
        assert_memory_equal(ends[0].h, ends[1].h, DC__NOISE_HASH_BYTES);
        uint8_t key[MOST];
        bytes_of(v->init_static, key);
        dc__keypair initiator;
        memcpy(initiator.secret_key, key, DC__KEY_BYTES);
        dc__keypair_derive(&initiator);
        assert_memory_equal(ends[1].rs, initiator.public_key,
                            DC__KEY_BYTES); /* the listener knows who came */
    }
}

/* ---- what is not genuine ---- */

static dc__keypair server, worker;
static dc__cipher cipher; /* of the test that runs */

static int with_cipher(void **state)
{
    cipher = *(const dc__cipher *)*state;
    return 0;
}

static void begin_pair(dc__noise *initiator, dc__noise *responder)
{
    dc__keypair_make(&server);
    dc__keypair_make(&worker);
    dc__noise_begin(initiator, cipher, &worker, server.public_key, "p", 1);
    dc__noise_begin(responder, cipher, &server, NULL, "p", 1);
}

/* Every byte of every message counts: a flipped bit ends the handshake, at this end or at the other. */
static void a_flipped_bit_ends_the_handshake(void **state)
{
    (void)state;
    static const size_t bytes[DC__NOISE_MESSAGES] = {DC__NOISE_1_BYTES, DC__NOISE_2_BYTES, DC__NOISE_3_BYTES};
    for (int bad = 0; bad < DC__NOISE_MESSAGES; bad++)
        for (size_t at = 0; at < bytes[bad] + 4; at++) {
            dc__noise ends[2];
            uint8_t message[MOST], payload[MOST];
            bool ok = true;
            begin_pair(&ends[0], &ends[1]);
            for (int m = 0; m < DC__NOISE_MESSAGES && ok; m++) {
                const size_t n = dc__noise_write(&ends[m % 2], "word", 4, message);
                assert_int_equal(n, bytes[m] + 4);
                /* the highest bit of a point is not part of it (RFC 7748), but of what is hashed */
                if (m == bad) message[at] ^= (uint8_t)(1u << (at % 8));
                ok = dc__noise_read(&ends[1 - m % 2], message, n, payload);
                assert_true(ok || m == bad);
            }
            assert_false(ok);
        }
}

static void another_key_prologue_or_cipher_ends_the_handshake(void **state)
{
    (void)state;
    dc__noise ends[2];
    uint8_t message[MOST], payload[MOST];
    begin_pair(&ends[0], &ends[1]);
    dc__noise_begin(&ends[1], cipher, &worker, NULL, "p", 1);
    assert_false(dc__noise_read(&ends[1], message, dc__noise_write(&ends[0], "", 0, message), payload));
    begin_pair(&ends[0], &ends[1]);
    dc__noise_begin(&ends[1], cipher, &server, NULL, "q", 1);
    assert_false(dc__noise_read(&ends[1], message, dc__noise_write(&ends[0], "", 0, message), payload));
    assert_false(dc__noise_read(&ends[1], message, 5, payload)); /* and is over then */
    begin_pair(&ends[0], &ends[1]);
    dc__noise_begin(&ends[1], cipher == DC__AES_GCM ? DC__CHACHA_POLY : DC__AES_GCM, &server, NULL, "p", 1);
    assert_false(dc__noise_read(&ends[1], message, dc__noise_write(&ends[0], "", 0, message), payload));
}

static void a_point_that_gives_zero_is_refused(void **state)
{
    (void)state;
    static const uint8_t points[][DC__KEY_BYTES] = {{0}, {1}};
    for (size_t k = 0; k < sizeof points / sizeof *points; k++) {
        dc__noise ends[2];
        uint8_t message[MOST], payload[MOST];
        begin_pair(&ends[0], &ends[1]);
        dc__noise_begin(&ends[0], cipher, &worker, points[k], "p", 1);
        assert_int_equal(dc__noise_write(&ends[0], "", 0, message), 0);
        memcpy(message, points[k], DC__KEY_BYTES);
        assert_false(dc__noise_read(&ends[1], message, DC__NOISE_1_BYTES, payload));
    }
}

/* ---- sealed messages ---- */

static void keys_of(dc__aead *send, dc__aead *receive)
{
    dc__noise ends[2];
    uint8_t keys[2][DC__KEY_BYTES], unused[DC__KEY_BYTES];
    uint8_t message[MOST], payload[MOST];
    begin_pair(&ends[0], &ends[1]);
    for (int m = 0; m < DC__NOISE_MESSAGES; m++) {
        const size_t n = dc__noise_write(&ends[m % 2], "", 0, message);
        assert_true(dc__noise_read(&ends[1 - m % 2], message, n, payload));
    }
    dc__noise_split(&ends[0], keys[0], unused);
    dc__noise_split(&ends[1], unused, keys[1]);
    assert_memory_equal(keys[0], keys[1], DC__KEY_BYTES);
    assert_true(dc__aead_init(send, cipher, keys[0], true) && dc__aead_init(receive, cipher, keys[1], false));
}

enum { PLAIN = 48, SEALED = PLAIN + DC__TAG_BYTES, ATTACKS = 10000 };

/* Replayed, reordered, cut, flipped: ten thousand of each, none opens, and the genuine ones still do. */
static void nothing_but_the_next_message_opens(void **state)
{
    (void)state;
    dc__aead send, receive;
    keys_of(&send, &receive);
    unsigned accepted = 0, genuine = 0;
    uint8_t plain[PLAIN] = {0}, sealed[3][SEALED], bad[SEALED], out[SEALED];
    for (unsigned k = 0; k < ATTACKS; k++) {
        for (int m = 0; m < 3; m++) {
            memcpy(plain, &k, sizeof k);
            plain[PLAIN - 1] = (uint8_t)m;
            dc__aead_seal(&send, sealed[m], plain, PLAIN);
        }
        accepted += dc__aead_open(&receive, sealed[1 + k % 2], SEALED, out, PLAIN, NULL); /* reordered */
        for (int m = 0; m < 3; m++) {
            memcpy(bad, sealed[m], SEALED);
            bad[(k * 7 + (unsigned)m) % SEALED] ^= (uint8_t)(1u << k % 8);
            accepted += dc__aead_open(&receive, bad, SEALED, out, PLAIN, NULL);                 /* flipped */
            accepted += dc__aead_open(&receive, sealed[m], (k + 1) % SEALED, out, PLAIN, NULL); /* cut */
            genuine += dc__aead_open(&receive, sealed[m], SEALED, out, PLAIN, NULL);
            assert_memory_equal(out, &k, sizeof k);
            accepted += dc__aead_open(&receive, sealed[(k + 2) % (unsigned)(m + 1)], SEALED, out, PLAIN,
                                      NULL); /* replayed */
        }
    }
    assert_int_equal(accepted, 0);
    assert_int_equal(genuine, 3 * ATTACKS);
    dc__aead_end(&send);
    dc__aead_end(&receive);
}

int main(void)
{
    static dc__cipher chacha = DC__CHACHA_POLY, aes = DC__AES_GCM;
#define WITH(test, cipher) cmocka_unit_test_prestate_setup_teardown(test, with_cipher, NULL, &(cipher))
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_vectors_hold),
        WITH(a_flipped_bit_ends_the_handshake, chacha),
        WITH(a_flipped_bit_ends_the_handshake, aes),
        WITH(another_key_prologue_or_cipher_ends_the_handshake, chacha),
        WITH(another_key_prologue_or_cipher_ends_the_handshake, aes),
        WITH(a_point_that_gives_zero_is_refused, chacha),
        WITH(nothing_but_the_next_message_opens, chacha),
        WITH(nothing_but_the_next_message_opens, aes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
