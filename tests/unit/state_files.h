/* state_files.h - the states in a test's directory `dir`, which the test defines before: which are there, and harm to them. */
#ifndef STATE_FILES_H
#define STATE_FILES_H

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static inline bool is_there(const char *ending)
{
    char path[64];
    (void)snprintf(path, sizeof path, "%s/fake.state%s", dir, ending);
    return access(path, F_OK) == 0;
}

static inline int files(void)
{
    int n = 0;
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (const struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.';
    (void)closedir(d);
    return n;
}

/* One bit of the file's byte `at` (from its end if negative), or the file cut there, or zeros from there. */
typedef enum harm { FLIP, CUT, ZEROS, HARMS } harm;

static inline void damage(const char *ending, harm how, long at)
{
    char path[64];
    (void)snprintf(path, sizeof path, "%s/fake.state%s", dir, ending);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    at = at < 0 ? st.st_size + at : at;
    if (how != FLIP) assert_int_equal(truncate(path, at), 0);
    if (how == ZEROS) assert_int_equal(truncate(path, st.st_size), 0);
    if (how != FLIP) return;
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, at, SEEK_SET), 0);
    const int byte = fgetc(f);
    assert_int_equal(fseek(f, at, SEEK_SET), 0);
    assert_true(fputc(byte ^ 1 << at % 8, f) != EOF && fclose(f) == 0);
}

#endif
