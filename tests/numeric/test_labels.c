/* test_labels.c - label files: where they are looked for, what they may say, and that the rows of truth are
 * the library's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <darknet.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check/labels.h"
#include "replace/random.h"

static char directory[] = "/tmp/test-labels-XXXXXX";

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int enter(void **state)
{
    (void)state;
    if (!mkdtemp(directory) || chdir(directory) != 0) return -1;
    return mkdir("images", 0777) || mkdir("labels", 0777) || mkdir("plain", 0777) ||
           mkdir("images/images", 0777) || mkdir("images/labels", 0777);
}

static int leave(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", directory);
    return chdir("/") || system(command);
}

static const char *found(const char *image)
{
    static char path[4096];
    return dk_labels_path(image, path) ? path : NULL;
}

static void test_where(void **state)
{
    (void)state;
    static const char *const suffixes[] = {"jpg", "jpeg", "JPG", "PNG", "bmp", "tif", "tiff", "ppm", "webp"};
    write_file("labels/a.txt", "");
    write_file("plain/b c\xc3\xa9.txt", "");
    write_file("images/labels/d.txt", "");
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        char image[64];
        snprintf(image, sizeof image, "images/a.%s", suffixes[i]);
        assert_string_equal(found(image), "labels/a.txt");
        snprintf(image, sizeof image, "plain/b c\xc3\xa9.%s", suffixes[i]);
        assert_string_equal(found(image), "plain/b c\xc3\xa9.txt");
        snprintf(image, sizeof image, "images/images/d.%s",
                 suffixes[i]); /* the library looks in labels/images/ */
        assert_string_equal(found(image), "images/labels/d.txt");
    }
    assert_null(found("images/none.png"));
    char path[4096];
    assert_false(dk_labels_path("images/none.png", path));
    assert_string_equal(path, "labels/none.txt");
    assert_false(dk_labels_path("plain/v1.2/none", path));
    assert_string_equal(path, "plain/v1.2/none.txt");
}

static void test_order(void **state)
{
    (void)state;
    write_file("labels/both.txt", "");
    write_file("images/both.txt", "");
    assert_string_equal(found("images/both.jpg"), "labels/both.txt");
    dk_labels_beside_first(true);
    assert_string_equal(found("images/both.jpg"), "images/both.txt");
    char path[4096];
    assert_false(dk_labels_path("images/none.png", path));
    assert_string_equal(path, "images/none.txt");
    dk_labels_beside_first(false);
}

static void test_what(void **state)
{
    (void)state;
    char text[512];
    dk_labels labels;
    write_file("l.txt", "\xef\xbb\xbf"
                        "2 0.5 .25 1 1.000001\r\n\r\n   \n\t0  1e-1  0 0 0\n1 1 1 1 1");
    assert_int_equal(dk_labels_read("l.txt", 3, &labels, text, sizeof text), 0);
    assert_int_equal(labels.n, 3);
    assert_int_equal(labels.box[0].id, 2);
    assert_true(labels.box[0].y == .25f && labels.box[0].h == 1 && labels.box[0].top == -.25f);
    assert_true(labels.box[1].x == .1f && labels.box[1].w == 0);
    free(labels.box);
    write_file("l.txt", "");
    assert_int_equal(dk_labels_read("l.txt", 3, &labels, text, sizeof text), 0);
    assert_int_equal(labels.n, 0);
}

static void test_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *line, *says;
    } cases[] = {
        {"0 nan nan nan nan", "x is nan"},
        {"0 .5 .5 inf .5", "width is inf"},
        {"0 .5 .5 .5 -inf", "height is -inf"},
        {"0 .5 1e30 .5 .5", "y is 1e30"},
        {"0 .5 .5 -.5 .5", "width is -.5"},
        {"0 -.01 .5 .5 .5", "x is -.01"},
        {"0 .5 .5 .5 1.01", "height is 1.01"},
        {"0 .5 .5 .5 .5 .9", "more columns"},
        {"0 .5 .5 .5", "class x y width height"},
        {"0 .5 .5 .5 .5x", "class x y width height"},
        {"0.0 .5 .5 .5 .5", "class x y width height"},
        {"dog .5 .5 .5 .5", "class x y width height"},
        {"3 .5 .5 .5 .5", "class 3"},
        {"-1 .5 .5 .5 .5", "class -1"},
        {"99999999999 .5 .5 .5 .5", "class x y width height"},
        {"# a comment", "class x y width height"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[512], whole[256];
        dk_labels labels;
        snprintf(whole, sizeof whole, "0 .5 .5 .5 .5\n\n%s\n1 .5 .5 .5 .5\n", cases[i].line);
        write_file("wrong.txt", whole);
        dk_labels_lenient(false);
        assert_int_equal(dk_labels_read("wrong.txt", 3, &labels, text, sizeof text), -1);
        assert_int_equal(labels.n, 0);
        assert_non_null(strstr(text, "wrong.txt line 3, box 2"));
        if (!strstr(text, cases[i].says)) fail_msg("'%s' says: %s", cases[i].line, text);
        dk_labels_lenient(true);
        assert_int_equal(dk_labels_read("wrong.txt", 3, &labels, text, sizeof text), 0);
        assert_int_equal(labels.n, 2);
        free(labels.box);
    }
    dk_labels_lenient(false);
    char text[512];
    dk_labels labels;
    write_file("wide.txt", "\xff\xfe"
                           "0");
    assert_int_equal(dk_labels_read("wide.txt", 3, &labels, text, sizeof text), -1);
    assert_non_null(strstr(text, "UTF-16"));
}

typedef void fill(char *path, int num_boxes, float *truth, int classes, int flip, float dx, float dy,
                  float sx, float sy);
void fill_truth_detection(char *path, int num_boxes, float *truth, int classes, int flip, float dx, float dy,
                          float sx, float sy);

/* Rows of truth against the packaged library's own function: equal to the bit. */
static void test_rows(void **state)
{
    (void)state;
    void *library = dlopen("libdarknet.so", RTLD_NOW | RTLD_NOLOAD);
    assert_non_null(library);
    fill *theirs;
    *(void **)&theirs = dlsym(library, "fill_truth_detection");
    assert_non_null(theirs);
    assert_true(theirs != fill_truth_detection);
    dk_random_begin(DK_STREAM_INIT, 3, 0, 0, 0);
    for (int t = 0; t < 200; t++) {
        FILE *file = fopen("labels/r.txt", "w");
        assert_non_null(file);
        const int boxes = (int)dk_random_below(12);
        for (int b = 0; b < boxes; b++)
            fprintf(file, "%d %.6f %.6f %.6f %.6f\n", (int)dk_random_below(5), (double)rand_uniform(0, 1),
                    (double)rand_uniform(0, 1), (double)rand_uniform(0, 1), (double)rand_uniform(0, .01f));
        fclose(file);
        const float dx = rand_uniform(-.3f, .3f), dy = rand_uniform(-.3f, .3f), sx = rand_uniform(.5f, 2),
                    sy = rand_uniform(.5f, 2);
        float ours_rows[50] = {0}, their_rows[50] = {0};
        char path[] = "images/r.jpg";
        dk_random_begin(DK_STREAM_LOAD, 1, 2, 3, (uint64_t)t);
        fill_truth_detection(path, 10, ours_rows, 5, t % 2, dx, dy, sx, sy);
        dk_random_begin(DK_STREAM_LOAD, 1, 2, 3, (uint64_t)t);
        theirs(path, 10, their_rows, 5, t % 2, dx, dy, sx, sy);
        assert_memory_equal(ours_rows, their_rows, sizeof ours_rows);
        dk_random_begin(DK_STREAM_INIT, 4, 0, 0, (uint64_t)t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_where), cmocka_unit_test(test_order), cmocka_unit_test(test_what),
        cmocka_unit_test(test_wrong), cmocka_unit_test(test_rows),
    };
    return cmocka_run_group_tests_name("labels", tests, enter, leave);
}
