/* test_identity.c - who a worker is to a server with keys, whatever it says of itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "secure/members.h"

static void a_member_is_who_its_key_says(void **state)
{
    (void)state;
    assert_int_equal(dc__member_id("", 7, false), 7); /* without keys */
    assert_int_equal(dc__member_id("", 7, true), 7);
    assert_int_equal(dc__member_id("cam-1", 7, false), dc__member_id("cam-1", 8, false));
    assert_int_not_equal(dc__member_id("cam-1", 7, false), dc__member_id("cam-2", 7, false));
}

static void a_relay_says_which_of_its_workers_one_is(void **state)
{
    (void)state;
    const uint64_t cam = dc__member_id("cam-1", 0, false);
    assert_int_not_equal(dc__member_id("site-1", 7, true), dc__member_id("site-1", 8, true));
    assert_int_not_equal(dc__member_id("site-1", 7, true), dc__member_id("site-2", 7, true));
    assert_int_not_equal(dc__member_id("site-1", 7, true), 7);
    assert_int_not_equal(dc__member_id("site-1", cam, true), cam); /* it cannot name another member */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_member_is_who_its_key_says),
                                       cmocka_unit_test(a_relay_says_which_of_its_workers_one_is)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
