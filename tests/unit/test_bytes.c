/* test_bytes.c - fields at and over the ends of a buffer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "base/bytes.h"

static void what_is_put_is_got(void **state)
{
    (void)state;
    uint8_t room[64], text[8];
    dc__bytes out = dc__bytes_over(room, sizeof room);
    dc__put_uint(&out, 0xfedcba9876543210u, 8);
    dc__put_uint(&out, 0x1234, 2);
    dc__put_float(&out, -0.f);
    dc__put_double(&out, 0.1);
    dc__put_text(&out, "seven:)");
    dc__put_text(&out, "");
    assert_false(out.failed);
    assert_int_equal(room[0], 0x10); /* little-endian */
    dc__bytes in = dc__bytes_over(room, (size_t)(out.at - room));
    assert_true(dc__get_uint(&in, 8) == 0xfedcba9876543210u);
    assert_int_equal(dc__get_uint(&in, 2), 0x1234);
    assert_true(signbit(dc__get_float(&in)));
    assert_true(dc__get_double(&in) == 0.1);
    dc__get_text(&in, (char *)text, sizeof text); /* fits to the byte */
    assert_string_equal((char *)text, "seven:)");
    dc__get_text(&in, (char *)text, 1);
    assert_string_equal((char *)text, "");
    assert_false(in.failed);
    assert_ptr_equal(in.at, in.end);
}

static void over_the_end_fails_and_stays_failed(void **state)
{
    (void)state;
    for (size_t n = 0; n < 8; n++) {
        uint8_t room[8] = {1, 2, 3, 4, 5, 6, 7, 8}, *before = room + n;
        dc__bytes b = dc__bytes_over(room, n);
        dc__put_uint(&b, UINT64_MAX, 8);
        assert_true(b.failed && *before == n + 1); /* nothing was written */
        assert_null(dc__take(&b, 0));
        b = dc__bytes_over(room, n);
        assert_int_equal(dc__get_uint(&b, 8), 0);
        assert_true(b.failed);
        assert_int_equal(dc__get_uint(&b, 1), 0);
    }
    uint8_t room[2] = {0xff, 0xff};
    char text[4] = "abc";
    dc__bytes b = dc__bytes_over(room, 2);
    dc__get_text(&b, text, sizeof text); /* longer than all there is */
    assert_true(b.failed);
    assert_string_equal(text, "");
    b = dc__bytes_over(room, sizeof room);
    assert_null(dc__take(&b, SIZE_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_put_is_got),
                                       cmocka_unit_test(over_the_end_fails_and_stays_failed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
