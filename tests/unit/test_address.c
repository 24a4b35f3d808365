/* test_address.c - addresses as users write them, and those derived from them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include "net/address.h"

static void good_and_bad(void **state)
{
    (void)state;
    static const char *const good[] = {"tcp://a:1", "tcp://0.0.0.0:7700", "tcp://*:65533", "ipc:///tmp/x",
                                       "inproc://x"};
    static const char *const bad[] = {"",
                                      "a:1",
                                      "http://a:1",
                                      "tcp://",
                                      "tcp://a",
                                      "tcp://:1",
                                      "tcp://a:",
                                      "tcp://a:0",
                                      "tcp://a:x",
                                      "tcp://a:1x",
                                      "tcp://a:-1",
                                      "tcp://a:65536",
                                      "tcp://a:99999999999999999999",
                                      "ipc://",
                                      "inproc://",
                                      "TCP://a:1"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_int_equal(dc__address_check(good[i], 2), DC_OK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(dc__address_check(bad[i], 0), DC_EURL);
        assert_true(!bad[i][0] || strstr(dc_last_error(), bad[i]));
    }
    assert_int_equal(dc__address_check("tcp://a:65534", 2), DC_EURL); /* no room for the workers' ports */
    char longest[400] = "ipc:///";
    memset(longest + 7, 'x', sizeof longest - 8);
    assert_int_equal(dc__address_check(longest, 0), DC_EURL);
}

static void of_links(void **state)
{
    (void)state;
    char url[DC__URL_BYTES];
    dc__address_of_link(url, "tcp://[::1]:7700", 3);
    assert_string_equal(url, "tcp://[::1]:7704");
    dc__address_of_link(url, "ipc:///tmp/a:b", 0);
    assert_string_equal(url, "ipc:///tmp/a:b.0");
    dc__address_of_link(url, "inproc://x", 255);
    assert_string_equal(url, "inproc://x.255");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(good_and_bad), cmocka_unit_test(of_links)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
