/* test_file.c - a file appears whole or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
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

/* Nobody can know the name beforehand; who writes at the same time has another. */
static void names_cannot_be_foreseen(void **state)
{
    (void)state;
    dc__file a, b;
    assert_int_equal(dc__file_begin(&a, path), DC_OK);
    assert_int_equal(dc__file_begin(&b, path), DC_OK);
    assert_string_not_equal(a.temporary, b.temporary);
    const size_t n = strlen(path);
    for (const dc__file *f = &a; f; f = f == &a ? &b : NULL) {
        assert_memory_equal(f->temporary, path, n);
        assert_int_equal(strspn(f->temporary + n + 1, "0123456789abcdef"), 16);
        assert_string_equal(f->temporary + n + 17, ".tmp");
    }
    dc__file_abandon(&b);
    assert_int_equal(dc__file_commit(&a), DC_OK);
    assert_int_equal(files(), 1);
}

static void make_file(const char *name, const char *text)
{
    FILE *f = fopen(name, "w");
    assert_non_null(f);
    (void)fputs(text, f);
    (void)fclose(f);
}

/* What nobody writes any more goes; what is written, is not ours by its name, or is no file stays. */
static void sweep(void **state)
{
    (void)state;
    char left[128], link_[128], other[128], fifo[128];
    (void)snprintf(left, sizeof left, "%s.0123456789abcdef.tmp", path);
    (void)snprintf(link_, sizeof link_, "%s.0000000000000000.tmp", path);
    (void)snprintf(fifo, sizeof fifo, "%s.1111111111111111.tmp", path);
    (void)snprintf(other, sizeof other, "%s.mine.tmp", path);
    make_file(left, "half");
    make_file(other, "mine");
    assert_int_equal(symlink(path, link_), 0);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    dc__file f;
    assert_int_equal(dc__file_begin(&f, path), DC_OK);
    dc_sweep(dir);
    assert_int_equal(size_of(left), -1);
    assert_int_equal(access(other, F_OK) | access(link_, F_OK) | access(fifo, F_OK), 0);
    assert_true(dc__file_write(&f, "whole", 5));
    assert_int_equal(dc__file_commit(&f), DC_OK);
    assert_int_equal(size_of(path), 5);
    dc_sweep("/nowhere");
    (void)unlink(other);
    (void)unlink(link_);
    (void)unlink(fifo);
}

static void only_files_are_read(void **state)
{
    (void)state;
    char fifo[128];
    FILE *in;
    (void)snprintf(fifo, sizeof fifo, "%s.fifo", path);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(dc_input_open(&in, fifo, "cfg file"), DC_EFILE); /* and does not wait for a writer */
    assert_null(in);
    assert_non_null(strstr(dc_last_error(), "cannot open cfg file "));
    assert_non_null(strstr(dc_last_error(), "it is a pipe: give a file"));
    assert_int_equal(dc_input_open(&in, "/dev/zero", ""), DC_EFILE);
    assert_string_equal(dc_last_error(), "cannot open /dev/zero: it is a device: give a file");
    assert_int_equal(dc_input_open(&in, dir, ""), DC_EFILE);
    assert_int_equal(dc_input_open(&in, "/nowhere", ""), DC_EFILE);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(dc_input_open(&in, path, ""), DC_OK);
    (void)fclose(in);
    assert_int_equal(write_file(fifo, 1), DC_EFILE); /* nor is one replaced */
    assert_non_null(strstr(dc_last_error(), "FIFO"));
    (void)unlink(fifo);
}

static void second_name(void **state)
{
    (void)state;
    char other[128];
    (void)snprintf(other, sizeof other, "%s.last", path);
    make_file(other, "before");
    assert_int_equal(dc_second_name(path, other), DC_OK);
    assert_int_equal(dc_second_name(path, other), DC_OK); /* again */
    assert_int_equal(size_of(other), size_of(path));
    assert_int_equal(files(), 2);
    (void)unlink(other);
}

static void one_server_in_a_directory(void **state)
{
    (void)state;
    int a, b;
    char words[64];
    assert_int_equal(dc__lock_directory(dir, "backup directory", &a), DC_OK);
    assert_int_equal(dc__lock_directory(dir, "backup directory", &b), DC_EFILE);
    (void)snprintf(words, sizeof words, "another server (process %ld) works in the backup directory ",
                   (long)getpid());
    assert_non_null(strstr(dc_last_error(), words));
    dc__unlock_directory(dir, a);
    assert_int_equal(dc__lock_directory(dir, "backup directory", &a), DC_OK);
    dc__unlock_directory(dir, a);
    dc__unlock_directory(dir, -1);
    assert_int_equal(files(), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(whole_or_not_at_all),
                                       cmocka_unit_test(no_room),
                                       cmocka_unit_test(no_place),
                                       cmocka_unit_test(names_cannot_be_foreseen),
                                       cmocka_unit_test(sweep),
                                       cmocka_unit_test(only_files_are_read),
                                       cmocka_unit_test(second_name),
                                       cmocka_unit_test(one_server_in_a_directory)};
    if (!mkdtemp(dir)) return 1;
    (void)snprintf(path, sizeof path, "%s/file", dir);
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)unlink(path);
    (void)rmdir(dir);
    return failed;
}
