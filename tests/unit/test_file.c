/* test_file.c - a file appears whole or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

static char dir[] = "/tmp/dynacomm-test-XXXXXX", path[64];

static int files(void)
{
    DIR *d = opendir(dir);
    int n = 0;
    for (struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.';
    (void)closedir(d);
    return n;
}

static dc_error write_file(const char *to, size_t n)
{
    dc__file f;
    char *bytes = calloc(1, n + 1);
    dc_error err = dc__file_begin(&f, to);
    if (!err) {
        (void)dc__file_write(&f, bytes, n);
        err = dc__file_commit(&f);
    }
    free(bytes);
    return err;
}

static off_t size_of(const char *what)
{
    struct stat st;
    return stat(what, &st) == 0 ? st.st_size : -1;
}

static void whole_or_not_at_all(void **state)
{
    (void)state;
    assert_int_equal(write_file(path, 100000), DC_OK);
    assert_int_equal(size_of(path), 100000);
    dc__file f;
    assert_int_equal(dc__file_begin(&f, path), DC_OK);
    assert_true(dc__file_write(&f, "x", 1));
    dc__file_abandon(&f);
    dc__file_abandon(&f); /* twice is once */
    assert_int_equal(size_of(path), 100000);
    assert_int_equal(files(), 1);
}

static void no_room(void **state)
{
    (void)state;
    const struct rlimit none = {.rlim_cur = 4096, .rlim_max = RLIM_INFINITY},
                        all = {RLIM_INFINITY, RLIM_INFINITY};
    (void)signal(SIGXFSZ, SIG_IGN);
    for (size_t n = 4097; n < 100000; n *= 3) { /* fails in the write, or only when flushed */
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
        const dc_error err = write_file(path, n);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &all), 0);
        assert_int_equal(err, DC_EFILE);
        assert_non_null(strstr(dc_last_error(), path));
        assert_non_null(strstr(dc_last_error(), "File too large"));
        assert_int_equal(size_of(path), 100000);
        assert_int_equal(files(), 1);
    }
}

static void no_place(void **state)
{
    (void)state;
    char long_path[PATH_MAX + 10], below[128];
    memset(long_path, 'x', sizeof long_path - 1);
    long_path[sizeof long_path - 1] = 0;
    assert_int_equal(write_file(long_path, 1), DC_EFILE);
    (void)snprintf(below, sizeof below, "%s/none/file", dir);
    assert_int_equal(write_file(below, 1), DC_EFILE);
    assert_non_null(strstr(dc_last_error(), below));
    (void)snprintf(below, sizeof below, "%s/taken", dir);
    assert_int_equal(mkdir(below, 0700), 0);
    assert_int_equal(write_file(below, 1), DC_EFILE); /* a directory is in the way of the rename */
    assert_int_equal(rmdir(below), 0);
    assert_int_equal(files(), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(whole_or_not_at_all), cmocka_unit_test(no_room),
                                       cmocka_unit_test(no_place)};
    if (!mkdtemp(dir)) return 1;
    (void)snprintf(path, sizeof path, "%s/file", dir);
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)unlink(path);
    (void)rmdir(dir);
    return failed;
}
