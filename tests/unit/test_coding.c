/* test_coding.c - codings as users write them, and what each direction's codec is in a round. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "codec/coding.h"
#include "codings.h"

static void stays(const char *coding)
{
    dc__coding c;
    char text[DC__CODING_BYTES];
    assert_int_equal(dc__coding_parse(coding, &c), DC_OK);
    dc__coding_text(&c, text);
    assert_string_equal(text, coding);
}

static void codings_are_read_and_written(void **state)
{
    (void)state;
    static const char *const more[] = {"topk5:0.05+local:3", "exact+local:auto", "int8+local:4:150"};
    static const char *const wrong[] = {"zip",
                                        "topk",
                                        "topk:",
                                        "topk:0",
                                        "topk:0.3",
                                        "topk:x",
                                        "topk:0.1:",
                                        "topk:0.1:x",
                                        "topk:nan",
                                        "topk5",
                                        "topk5:0.3",
                                        "topk6:0.1",
                                        "bf16/",
                                        "/bf16",
                                        "bf16/zip",
                                        "int8/topk:0.1:5",
                                        "bf16,int8",
                                        "int8+local:0",
                                        "int8+local:",
                                        "int8+x",
                                        "int8+local:2/int8",
                                        "exact+local:99999",
                                        "exact+local:4:",
                                        "exact+local:4:0",
                                        "exact+local:4:9999999",
                                        "exact+local:4:5:6",
                                        "exact+local:auto:5",
                                        "topk:0.1:99999999999999999999"};
    dc__coding c;
    char text[DC__CODING_BYTES];
    for (int k = 0; k < CODINGS; k++)
        stays(codings[k]);
    for (size_t k = 0; k < sizeof more / sizeof *more; k++)
        stays(more[k]);
    assert_int_equal(dc__coding_parse("", &c), DC_OK);
    dc__coding_text(&c, text);
    assert_string_equal(text, "exact");
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        assert_int_equal(dc__coding_parse(wrong[k], &c), DC_EINVAL);
        assert_non_null(strstr(dc_last_error(), "topk:SHARE"));
    }
    assert_int_equal(dc__coding_parse("topk:0.01:400", &c), DC_OK);
    static const double shares[] = {0.25, 0.0625, 0.015625, 0.01, 0.01};
    for (uint64_t k = 0; k < 5; k++)
        assert_true(dc__coding_up(&c, 100 * k).share == shares[k]);
    assert_true(dc__coding_down(&c, 400, 3).share == 0.03);
    assert_ptr_equal(dc__coding_down(&c, 0, 3).codec, &dc__codec_int8);
    assert_int_equal(dc__coding_parse("topk5:0.125", &c), DC_OK);
    assert_true(dc__coding_down(&c, 0, 3).share == 0.375);
    assert_ptr_equal(dc__coding_down(&c, 0, 3).codec, &dc__codec_topk5);
    assert_ptr_equal(dc__coding_down(&c, 0, 4).codec, &dc__codec_int4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(codings_are_read_and_written)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
