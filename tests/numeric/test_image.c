/* test_image.c - our load_image_cv gives the floats that the packaged library's gives, bit for bit. */
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
#include <unistd.h>

#include "replace/image_load.h"

extern image load_image_cv(char *path, int channels);

/* The library's own function, which ours hides from every caller. */
static image (*library_load)(char *, int);

static int find_library(void **state)
{
    (void)state;
    void *library = dlopen("libdarknet.so", RTLD_NOW | RTLD_NOLOAD);
    if (!library) return -1;
    *(void **)&library_load = dlsym(library, "load_image_cv");
    return library_load && library_load != load_image_cv ? 0 : -1;
}

static void assert_same(const char *path, int channels)
{
    const image ours = load_image_cv((char *)path, channels), theirs = library_load((char *)path, channels);
    assert_int_equal(ours.w, theirs.w);
    assert_int_equal(ours.h, theirs.h);
    assert_int_equal(ours.c, theirs.c);
    const size_t n = (size_t)ours.w * (size_t)ours.h * (size_t)ours.c;
    assert_true(n > 0);
    assert_memory_equal(ours.data, theirs.data, n * sizeof(float));
    free_image(ours);
    free_image(theirs);
}

static void test_photos(void **state)
{
    (void)state;
    const char *const photos[] = {"dog.jpg",    "eagle.jpg", "giraffe.jpg",
                                  "horses.jpg", "kite.jpg",  "labels/65_0.png"};
    for (size_t i = 0; i < sizeof photos / sizeof *photos; i++) {
        char path[256];
        snprintf(path, sizeof path, "/usr/share/darknet/data/%s", photos[i]);
        assert_int_equal(access(path, R_OK), 0);
        assert_same(path, 3);
    }
}

/* Every byte value in every channel, and sizes that fill no cache line. */
static void test_all_values(void **state)
{
    (void)state;
    char path[] = "/tmp/test-image-XXXXXX.ppm";
    const int fd = mkstemps(path, 4);
    assert_true(fd >= 0);
    FILE *file = fdopen(fd, "wb");
    fprintf(file, "P6\n257 3\n255\n");
    for (int i = 0; i < 257 * 3; i++) {
        const unsigned char pixel[3] = {(unsigned char)i, (unsigned char)(i * 7 + 1),
                                        (unsigned char)(255 - i)};
        fwrite(pixel, 1, 3, file);
    }
    fclose(file);
    assert_same(path, 3);
    assert_same(path, 0);
    unlink(path);
}

static void test_unreadable(void **state)
{
    (void)state;
    char path[] = "/tmp/test-image-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_true(write(fd, "not an image", 12) == 12);
    close(fd);
    assert_false(dk_image_recognised(path));
    assert_true(dk_image_recognised("/usr/share/darknet/data/dog.jpg"));
    dk_image_catch();
    assert_false(dk_image_failed());
    const image blank = load_image_color(path, 0, 0);
    free_image(blank);
    assert_true(dk_image_failed());
    assert_false(dk_image_failed());
    unlink(path);
    free_image(load_image_color(path, 0, 0)); /* now it is missing */
    assert_true(dk_image_failed());
    assert_int_not_equal(access("bad.list", F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_photos),
        cmocka_unit_test(test_all_values),
        cmocka_unit_test(test_unreadable),
    };
    return cmocka_run_group_tests_name("image", tests, find_library, NULL);
}
