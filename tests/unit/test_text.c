/* test_text.c - text from others is shown as valid UTF-8 without controls and marks of direction. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "dynacomm.h"

static void shows(const char *text, const char *as)
{
    char line[128];
    (void)snprintf(line, sizeof line, "%s", text);
    dc__make_printable(line);
    assert_string_equal(line, as);
    dc__make_printable(line);
    assert_string_equal(line, as); /* once is enough */
}

static void stays(void **state)
{
    (void)state;
    shows("", "");
    shows("worker 3: ~!", "worker 3: ~!");
    shows("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x95", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x95");
}

static void is_replaced(void **state)
{
    (void)state;
    shows("a\nb\x1b[2Jc\x7f", "a?b?[2Jc?");
    shows("a\xc2\x9b"
          "2J",
          "a??2J"); /* C1: a terminal's CSI */
    shows("x\xe2\x80\xae"
          "fdp.exe",
          "x???fdp.exe");                         /* right-to-left override */
    shows("x\xe2\x81\xa6y\xd8\x9cz", "x???y??z"); /* isolate, Arabic letter mark */
    shows("a\xe2\x80\xa8"
          "b\xef\xbb\xbf",
          "a???b???"); /* line separator, byte order mark */
    shows("a\xff\xfe"
          "b\x80",
          "a??b?");                                     /* never valid, a lone continuation */
    shows("\xc0\xaf \xe0\x80\xaf", "?? ???");           /* overlong */
    shows("\xed\xa0\x80 \xf4\x90\x80\x80", "??? ????"); /* a surrogate; past the last */
    shows("cut \xe2\x82", "cut ??");                    /* at its end */
}

static void errors_are(void **state)
{
    (void)state;
    (void)dc_error_set(DC_EPEER, "it said %s", "\xe2\x80\xaehi\x07\xff");
    assert_string_equal(dc_last_error(), "it said ???hi??");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(stays), cmocka_unit_test(is_replaced),
                                       cmocka_unit_test(errors_are)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
