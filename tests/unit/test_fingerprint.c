/* test_fingerprint.c - two workers' fingerprints side by side: what is refused, what is warned of, and the
 * names in the line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "base/error.h"
#include "endpoint/fingerprint.h"

static void refused(dc_error err, const char *const *words)
{
    assert_int_equal(err, DC_EMODEL);
    for (; *words; words++)
        if (!strstr(dc_last_error(), *words)) fail_msg("no \"%s\" in: %s", *words, dc_last_error());
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void items_are_compared_by_name(void **state)
{
    (void)state;
    const char *run = "classes=4, anchors=10,14,23,27, width=416";
    assert_int_equal(dc__fingerprint_same(run, run), DC_OK);
    assert_int_equal(dc__fingerprint_same("", ""), DC_OK);
    assert_int_equal(dc__fingerprint_same(run, "width=416, classes=4, anchors=10,14,23,27"), DC_OK);
    refused(dc__fingerprint_same(run, "classes=4, anchors=10,14,23,28, width=416"),
            WORDS("has 'anchors=10,14,23,28'", "the run 'anchors=10,14,23,27'"));
    refused(dc__fingerprint_same(run, "classes=4, anchors=10,14,23,27, width=41"),
            WORDS("has 'width=41'", "the run 'width=416'"));
    refused(dc__fingerprint_same(run, "classes=4, width=416"),
            WORDS("has 'nothing of the kind'", "'anchors=10,14,23,27'"));
    refused(dc__fingerprint_same("classes=4", "classes=4, ignore_thresh=0.7"),
            WORDS("has 'ignore_thresh=0.7'", "the run 'nothing of the kind'"));
    refused(dc__fingerprint_same("", "classes=4"), WORDS("has 'classes=4'"));
}

static void only_the_first_line_refuses(void **state)
{
    (void)state;
    assert_int_equal(dc__fingerprint_same("a=1\nhue=.1\n77 w", "a=1\nhue=.2\n78 v"), DC_OK);
    assert_int_equal(dc__fingerprint_same("a=1", "a=1\nhue=.2\n78 v"), DC_OK);
}

static void augmentation_is_a_warning(void **state)
{
    (void)state;
    char text[256];
    assert_false(
        dc__fingerprint_warn("a=1\nhue=.1, mosaic=1", 0, "a=2\nmosaic=1, hue=.1\n", 1, text, sizeof text));
    assert_false(dc__fingerprint_warn("a=1", 0, "a=1\n\n", 1, text, sizeof text));
    assert_true(
        dc__fingerprint_warn("a=1\nhue=.1, mosaic=1", 0, "a=1\nhue=.2, mosaic=1", 3, text, sizeof text));
    assert_non_null(strstr(text, "workers 0 and 3"));
    assert_non_null(strstr(text, "'hue=.1' and 'hue=.2'"));
    assert_true(dc__fingerprint_warn("a=1\n", 0, "a=1\nmosaic=1", 1, text, sizeof text));
    assert_non_null(strstr(text, "'nothing of the kind' and 'mosaic=1'"));
}

static void weights_are_not_lost(void **state)
{
    (void)state;
    const char *none = "a=1\n\n", *one = "a=1\n\n77 one.weights", *same = "a=1\n\n77 copy.weights",
               *other = "a=1\n\n78 other.weights";
    assert_int_equal(dc__fingerprint_start(none, 1, none, 0), DC_OK);
    assert_int_equal(dc__fingerprint_start("a=1", 1, none, 0), DC_OK);
    assert_int_equal(dc__fingerprint_start(one, 1, same, 0), DC_OK); /* the content counts */
    assert_int_equal(dc__fingerprint_start(one, 0, none, 1), DC_OK); /* worker 0's are the run's */
    assert_int_equal(dc__fingerprint_start(none, 1, one, 0), DC_OK);
    assert_int_equal(dc__fingerprint_start(one, 2, none, 1), DC_OK); /* worker 0 decides when it comes */
    refused(dc__fingerprint_start(one, 1, none, 0), WORDS("worker 1 has weights, one.weights", "worker 0"));
    refused(dc__fingerprint_start(none, 0, one, 1), WORDS("worker 1 has weights, one.weights", "worker 0"));
    refused(dc__fingerprint_start(one, 1, other, 0),
            WORDS("worker 1 starts from one.weights", "worker 0 from other values, other.weights"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_are_compared_by_name),
        cmocka_unit_test(only_the_first_line_refuses),
        cmocka_unit_test(augmentation_is_a_warning),
        cmocka_unit_test(weights_are_not_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
