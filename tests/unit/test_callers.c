/* test_callers.c - who knows a listener's key and holds its places takes none from a handshake that comes from elsewhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "channel_pair.h"
#include "net/gate.h"

enum { CROWD = 4 * DC__GATE_PENDING };

/* A connection to 127.0.0.1:port from another address of this machine. */
static int connect_from(const char *own, int port)
{
    struct sockaddr_in from = {.sin_family = AF_INET},
                       to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    assert_int_equal(inet_pton(AF_INET, own, &from.sin_addr), 1);
    assert_int_equal(inet_pton(AF_INET, "127.0.0.1", &to.sin_addr), 1);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof from), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

/* The first two messages of a handshake: the caller has a place then. */
static void take_place(int fd, const dc__dial_keys *keys, dc__noise *noise)
{
    uint8_t first[DC__FIRST_BYTES], second[DC__SECOND_BYTES];
    dc__terms terms;
    assert_true(dc__handshake_first(noise, keys, first));
    assert_int_equal(send(fd, first, sizeof first, MSG_NOSIGNAL), sizeof first);
    assert_int_equal(recv(fd, second, sizeof second, MSG_WAITALL), sizeof second);
    assert_true(dc__handshake_terms(noise, second, &terms));
}

/* Whether the handshake comes to its end: the answer to a hello, or the connection's end. */
static bool is_answered(int fd, const dc__dial_keys *keys, dc__noise *noise)
{
    uint8_t third[DC__THIRD_BYTES], answer[DC__SEALED_ANSWER_BYTES];
    const dc__hello hello = {.version = DC__GATE_VERSION, .id = {1}, .attempt = 1};
    assert_true(dc__handshake_third(noise, keys, &hello, third));
    return send(fd, third, sizeof third, MSG_NOSIGNAL) == sizeof third &&
           recv(fd, answer, sizeof answer, MSG_WAITALL) == sizeof answer;
}

/* A handshake from 127.0.0.1, in the middle of which a crowd comes from this address; whether it is answered. */
static bool beside_crowd(const char *address)
{
    static int crowd[CROWD];
    const int port = lies_free_port();
    pair p = {0};
    dc__noise noise, others;
    dc__dial_keys *keys = give_keys(&p), *theirs = dc__secret_alloc(sizeof *theirs);
    assert_non_null(theirs);
    *theirs = *keys;
    dc__keypair_make(&theirs->own); /* no member's */
    assert_int_equal(dc__listener_open_keyed(&p.listener, tcp_url(port), MOST, &p.keeper), DC_OK);
    const int fd = connect_from("127.0.0.1", port);
    take_place(fd, keys, &noise);
    for (int k = 0; k < CROWD; k++) {
        crowd[k] = connect_from(address, port);
        take_place(crowd[k], theirs, &others);
    }
    const bool answered = is_answered(fd, keys, &noise);
    for (int k = 0; k < CROWD; k++)
        (void)close(crowd[k]);
    (void)close(fd);
    dc__secret_free(keys);
    dc__secret_free(theirs);
    if (answered) dc__channel_close(await_channel(p.listener), 0);
    dc__listener_close(p.listener);
    dc__keeper_close(&p.keeper);
    return answered;
}

static void a_crowd_takes_places_from_its_own_address_alone(void **state)
{
    (void)state;
    assert_true(beside_crowd("127.0.0.2"));
    assert_false(beside_crowd("127.0.0.1")); /* there the oldest goes: that the crowd is large enough */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_crowd_takes_places_from_its_own_address_alone)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
