/* test_stream.c - messages that are kept until the peer has them: what goes again over a new connection, and what no peer can
 * have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "net/message.h"
#include "net/stream.h"

#define BYTES 100

static dc__stream s;

static int begin(void **state)
{
    (void)state;
    return dc__stream_init(&s) ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    dc__stream_free(&s);
    return 0;
}

static void take(int n)
{
    for (; n > 0; n--)
        dc__stream_take(&s, dc__message_alloc(BYTES), BYTES);
}

static void send(int n, bool whole)
{
    for (; n > 0; n--) {
        assert_non_null(dc__stream_next(&s));
        if (whole) dc__stream_carried(&s);
    }
}

static void what_has_not_come_goes_again(void **state)
{
    (void)state;
    take(4);
    send(2, true);
    send(1, false);
    assert_true(dc__stream_resume(&s, 1, 30));
    assert_true(dc__stream_next(&s) == &s.kept[1]);
    assert_int_equal(dc__stream_skip(&s), 30);
    assert_true(dc__stream_next(&s) == &s.kept[2]);
    assert_int_equal(dc__stream_skip(&s), 0);
    assert_true(
        dc__stream_resume(&s, 3, 0)); /* the last of the third was written, and no acknowledgement said so */
    assert_true(dc__stream_next(&s) == &s.kept[3]);
    assert_null(dc__stream_next(&s));
}

/* One connection after the other breaks before it has carried anything: what came in part came over the first. */
static void connections_that_carry_nothing(void **state)
{
    (void)state;
    take(3);
    send(1, true);
    send(1, false);
    for (int k = 0; k < 3; k++)
        assert_true(dc__stream_resume(&s, 1, 40));
    assert_true(dc__stream_next(&s) == &s.kept[1]);
    assert_int_equal(dc__stream_skip(&s), 40);
}

static void what_no_peer_can_have(void **state)
{
    (void)state;
    take(3);
    send(2, true);
    assert_true(dc__stream_ack(&s, 1));
    assert_false(dc__stream_ack(&s, 0));
    assert_false(dc__stream_ack(&s, 3));
    assert_false(dc__stream_resume(&s, 3, 0)); /* it was never sent, */
    assert_false(dc__stream_resume(&s, 2, 1)); /* nor was a byte of it */
    send(1, false);
    assert_false(dc__stream_resume(&s, 2, BYTES)); /* all of it would be received, not partial */
    assert_true(dc__stream_resume(&s, 2, BYTES - 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_has_not_come_goes_again, begin, end),
        cmocka_unit_test_setup_teardown(connections_that_carry_nothing, begin, end),
        cmocka_unit_test_setup_teardown(what_no_peer_can_have, begin, end)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
