/* test_cipher_choice.c - which cipher a connection has: AES-256-GCM where both ends have instructions for it, else
 * ChaCha20-Poly1305; and nobody on the way has a say in it. What the listener's processor has is this program's word:
 * dc__cipher_best is wrapped (Makefile). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "channel_pair.h"
#include "net/gate.h"

dc__cipher __wrap_dc__cipher_best(void);

static _Atomic dc__cipher best;

dc__cipher __wrap_dc__cipher_best(void)
{
    return best;
}

/* ---- connections ---- */

/* The gate's thread made it before the channel was up. */
static dc__cipher cipher_of(const dc__channel *c)
{
    return c->connection.seal->send.cipher;
}

static void both_ends_need_the_instructions(void **state)
{
    (void)state;
    with_keys = true;
    for (int k = 0; k < 4; k++) {
        const dc__cipher dialer = k & 1 ? DC__AES_GCM : DC__CHACHA_POLY,
                         listener = k & 2 ? DC__AES_GCM : DC__CHACHA_POLY;
        const char *url = tcp_url(lies_free_port());
        pair p = {0};
        best = dialer; /* what the test's keys ask for */
        dc__dial_keys *keys = give_keys(&p);
        best = listener;
        dc__dial_options options = patient;
        options.keys = keys;
        assert_int_equal(dc__listener_open_keyed(&p.listener, url, MOST, &p.keeper), DC_OK);
        assert_int_equal(dc__channel_dial(&p.dialed, url, &options), DC_OK);
        dc__secret_free(keys);
        p.accepted = await_channel(p.listener);
        await_up(p.dialed);
        await_up(p.accepted);
        send_word(p.dialed, p.accepted, "up");
        send_word(p.accepted, p.dialed, "and down");
        const dc__cipher wanted = k == 3 ? DC__AES_GCM : DC__CHACHA_POLY;
        assert_int_equal(cipher_of(p.dialed), wanted);
        assert_int_equal(cipher_of(p.accepted), wanted);
        close_pair(&p);
    }
}

/* ---- on the way ---- */

enum { CIPHER_AT = 10, MAC_AT = 64 };

static void what_is_asked_for_cannot_be_changed(void **state)
{
    (void)state;
    dc__noise ends[2];
    dc__keypair listener;
    dc__dial_keys keys = {0};
    uint8_t first[DC__FIRST_BYTES], second[DC__SECOND_BYTES];
    dc__keypair_make(&listener);
    dc__keypair_make(&keys.own);
    memcpy(keys.server_key, listener.public_key, DC__KEY_BYTES);
    for (keys.cipher = 0; keys.cipher < DC__CIPHERS; keys.cipher++) {
        assert_true(dc__handshake_first(&ends[0], &keys, first));
        first[CIPHER_AT] ^= 1;
        assert_false(dc__handshake_knows(first, &listener));
        /* by one who knows the listener's public key */
        dc__secret_digest(first + MAC_AT, DC__FIRST_BYTES - MAC_AT, first, MAC_AT, listener.public_key,
                          DC__KEY_BYTES);
        assert_true(dc__handshake_knows(first, &listener));
        assert_false(dc__handshake_second(&ends[1], &listener, DC__AES_GCM, first, second));
    }
}

static void what_is_answered_cannot_be_changed(void **state)
{
    (void)state;
    dc__noise ends[2];
    dc__keypair listener;
    dc__dial_keys keys = {.cipher = DC__AES_GCM};
    dc__terms terms;
    uint8_t first[DC__FIRST_BYTES], second[DC__SECOND_BYTES];
    dc__keypair_make(&listener);
    dc__keypair_make(&keys.own);
    memcpy(keys.server_key, listener.public_key, DC__KEY_BYTES);
    for (size_t bit = 0; bit < 8 * DC__SECOND_BYTES; bit++) {
        assert_true(dc__handshake_first(&ends[0], &keys, first));
        assert_true(dc__handshake_second(&ends[1], &listener, DC__AES_GCM, first, second));
        second[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(dc__handshake_terms(&ends[0], second, &terms));
    }
    assert_true(dc__handshake_first(&ends[0], &keys, first));
    assert_true(dc__handshake_second(&ends[1], &listener, DC__CHACHA_POLY, first, second));
    assert_true(dc__handshake_terms(&ends[0], second, &terms));
    assert_int_equal(terms.cipher, DC__CHACHA_POLY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(both_ends_need_the_instructions),
                                       cmocka_unit_test(what_is_asked_for_cannot_be_changed),
                                       cmocka_unit_test(what_is_answered_cannot_be_changed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
