/* test_address.c - addresses as users write them. */
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
        assert_int_equal(dc__address_parse(good[i], NULL), DC_OK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(dc__address_parse(bad[i], NULL), DC_EURL);
        assert_true(!bad[i][0] || strstr(dc_last_error(), bad[i]));
    }
    char longest[400] = "ipc:///";
    memset(longest + 7, 'x', sizeof longest - 8);
    assert_int_equal(dc__address_parse(longest, NULL), DC_EURL);
}

static void parts(void **state)
{
    (void)state;
    dc__address a;
    assert_int_equal(dc__address_parse("tcp://[::1]:7700", &a), DC_OK);
    assert_int_equal(a.scheme, DC__TCP);
    assert_string_equal(a.host, "::1");
    assert_int_equal(a.port, 7700);
    assert_int_equal(dc__address_parse("tcp://cloud.example:1", &a), DC_OK);
    assert_string_equal(a.host, "cloud.example");
    assert_int_equal(dc__address_parse("ipc:///tmp/a:b", &a), DC_OK);
    assert_int_equal(a.scheme, DC__IPC);
    assert_string_equal(a.host, "/tmp/a:b");
    assert_int_equal(dc__address_parse("inproc://x", &a), DC_OK);
    assert_int_equal(a.scheme, DC__INPROC);
    assert_string_equal(a.host, "x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(good_and_bad), cmocka_unit_test(parts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
