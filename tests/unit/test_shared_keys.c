/* test_shared_keys.c - connections with keys on one machine: through memory that both ends share where the kernel says to both that
 * the other is of the same user, sealed everywhere else. What the kernel says is this program's word: dc__shared_same_user is wrapped
 * (Makefile). And invitations to such a server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "channel_pair.h"
#include "net/gate.h"

bool __real_dc__shared_same_user(int socket);
bool __wrap_dc__shared_same_user(int socket);

enum { LISTENER = 1, DIALER = 2 };

static _Atomic int sees_same; /* which ends hear that the other is of their user */

/* Of the two ends it is the listener's socket that has the path. */
bool __wrap_dc__shared_same_user(int socket)
{
    struct sockaddr_storage own = {0};
    socklen_t n = sizeof own;
    assert_int_equal(getsockname(socket, (struct sockaddr *)&own, &n), 0);
    assert_true(__real_dc__shared_same_user(socket));
    return (sees_same & (n > sizeof own.ss_family ? LISTENER : DIALER)) != 0;
}

static void memory_is_shared_where_both_ends_are_of_one_user(void **state)
{
    (void)state;
    char dir[] = "/tmp/dynacomm-test-XXXXXX", url[64];
    assert_non_null(mkdtemp(dir));
    (void)snprintf(url, sizeof url, "ipc://%s/socket", dir);
    with_keys = true;
    for (int k = 0; k <= (LISTENER | DIALER); k++) {
        pair p = {0};
        sees_same = k;
        open_pair(&p, url, url);
        await_up(p.dialed);
        for (int n = 0; n < 3; n++) {
            send_word(p.dialed, p.accepted, "up");
            send_word(p.accepted, p.dialed, "and down");
        }
        /* The gates' threads have decided before the words came. */
        const bool shared = k == (LISTENER | DIALER);
        assert_int_equal(p.dialed->connection.shared != NULL, shared);
        assert_int_equal(p.accepted->connection.shared != NULL, shared);
        assert_int_equal(p.dialed->connection.seal != NULL, !shared);
        assert_int_equal(p.accepted->connection.seal != NULL, !shared);
        close_pair(&p);
    }
    assert_int_equal(rmdir(dir), 0);
}

/* The kernel notes who made a pair of sockets; then this process becomes another user, if it may. */
static void the_kernel_says_whose_the_other_end_is(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_true(__real_dc__shared_same_user(ends[0]));
    const uid_t user = geteuid();
    if (seteuid(65534) == 0) {
        assert_false(__real_dc__shared_same_user(ends[0]));
        assert_int_equal(seteuid(user), 0);
    }
    assert_int_equal(close(ends[0]), 0);
    assert_int_equal(close(ends[1]), 0);
    assert_false(__real_dc__shared_same_user(ends[0]));
}

static void an_invitation_says_a_path_as_well(void **state)
{
    static const char *const addresses[] = {"cloud.example:7700", "ipc:///a", "ipc:///run/a b/c:d/dynacomm",
                                            "ipc://relative", "[::1]:7700"};
    static const char *const urls[] = {"tcp://cloud.example:7700", "ipc:///a", "ipc:///run/a b/c:d/dynacomm",
                                       "ipc://relative", "tcp://[::1]:7700"};
    (void)state;
    for (int k = 0; k < 10; k++) {
        char text[DC__INVITATION_BYTES], url[DC__INVITED_URL_BYTES];
        dc__invitation out, in = {.name = "cam-1", .has_ticket = k % 2, .expires_s = k % 2 ? 2000000000 : 0};
        (void)snprintf(in.address, sizeof in.address, "%s", addresses[k / 2]);
        dc__secret_random(in.server_key, sizeof in.server_key);
        if (in.has_ticket) dc__secret_random(in.ticket, sizeof in.ticket);
        dc__invitation_text(&in, text);
        if (dc__invitation_parse(text, &out)) fail_msg("%s: %s", text, dc_last_error());
        assert_string_equal(out.address, in.address);
        assert_memory_equal(out.server_key, in.server_key, sizeof in.server_key);
        assert_memory_equal(out.ticket, in.ticket, sizeof in.ticket);
        assert_int_equal(out.has_ticket, in.has_ticket);
        assert_int_equal(out.expires_s, in.expires_s);
        dc__invited_url(out.address, url);
        assert_string_equal(url, urls[k / 2]);
    }
    dc__invitation out;
    static const char *const bad[] = {"dynacomm:cam-1@ipc://", "dynacomm:cam-1@ipc:///",
                                      "dynacomm:cam-1@ipc:///a/b/c", "dynacomm:cam-1@ipc:///a",
                                      "dynacomm:cam-1@ipc://a/b/c"};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
        assert_int_equal(dc__invitation_parse(bad[k], &out), DC_EURL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(memory_is_shared_where_both_ends_are_of_one_user),
                                       cmocka_unit_test(the_kernel_says_whose_the_other_end_is),
                                       cmocka_unit_test(an_invitation_says_a_path_as_well)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
