/* file.c - see dynacomm_file.h. */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

#define ATTEMPTS 100 /* names; one is free at once */
#define DIGITS 16
#define ENDING ".tmp"

/* ---- writing ---- */

/* What a rename would replace by a file though it is none. A link is replaced itself. */
static dc_error check_target(const char *path)
{
    struct stat st;
    if (lstat(path, &st) != 0 || S_ISREG(st.st_mode) || S_ISLNK(st.st_mode)) return DC_OK;
    return dc__fail(DC_EFILE, "cannot write %s: %s", path,
                    S_ISDIR(st.st_mode) ? "it is a directory" : "it is a device, a socket or a FIFO");
}

/* Makes the file and locks it; -1 with errno. EEXIST: another name may do. */
static int create(const char *path)
{
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    struct stat st;
    if (fd < 0) return -1;
    /* A sweep may have found it between the two calls. Where files cannot be locked nobody can sweep either. */
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
        if (fstat(fd, &st) == 0 && st.st_nlink > 0) return fd;
    (void)close(fd);
    errno = EEXIST;
    return -1;
}

/* A name for a temporary file beside path, which has n bytes. */
static bool make_name(char temporary[PATH_MAX], const char *path, int n)
{
    unsigned long long digits = 0;
    if (getrandom(&digits, sizeof digits, 0) != sizeof digits) return false;
    (void)snprintf(temporary, PATH_MAX, "%.*s.%016llx" ENDING, n, path, digits);
    return true;
}

static bool is_too_long(int n)
{
    return n < 0 || (size_t)n + DIGITS + sizeof "." ENDING > PATH_MAX;
}

dc_error dc__file_begin(dc__file *file, const char *path)
{
    file->stream = NULL;
    file->why = 0;
    const int n = snprintf(file->path, sizeof file->path, "%s", path);
    if (is_too_long(n)) return dc__fail(DC_EFILE, "the path %.60s... is too long", path);
    const dc_error err = check_target(path);
    if (err) return err;
    int fd = -1;
    errno = EEXIST;
    for (int k = 0; fd < 0 && errno == EEXIST && k < ATTEMPTS; k++)
        if (make_name(file->temporary, path, n)) fd = create(file->temporary);
    if (fd >= 0) file->stream = fdopen(fd, "wb");
    if (file->stream) return DC_OK;
    const int why = errno;
    if (fd >= 0) {
        (void)unlink(file->temporary);
        (void)close(fd);
    }
    return dc__fail(DC_EFILE, "cannot write %s: %s", path, strerror(why));
}

dc_error dc_second_name(const char *file, const char *path)
{
    char temporary[PATH_MAX];
    const int n = (int)strnlen(path, PATH_MAX);
    if (is_too_long(n)) return dc__fail(DC_EFILE, "the path %.60s... is too long", path);
    bool made = false;
    errno = EEXIST;
    for (int k = 0; !made && errno == EEXIST && k < ATTEMPTS; k++)
        made = make_name(temporary, path, n) && link(file, temporary) == 0;
    if (!made && (errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS)) return DC_OK;
    if (made && rename(temporary, path) == 0) {
        (void)unlink(temporary); /* still there if both were one file already */
        return DC_OK;
    }
    const int why = errno;
    if (made) (void)unlink(temporary);
    return dc__fail(DC_EFILE, "cannot write %s: %s", path, strerror(why));
}

bool dc__file_write(dc__file *file, const void *data, size_t n)
{
    if (n == 0 || fwrite(data, 1, n, file->stream) == n) return true;
    if (file->why == 0) file->why = errno;
    return false;
}

/* The rename itself is durable only once the directory is on disk. */
void dc__file_sync_name(const char *path)
{
    char copy[PATH_MAX];
    (void)snprintf(copy, sizeof copy, "%s", path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);
        (void)close(fd);
    }
}

dc_error dc__file_commit(dc__file *file)
{
    bool bad = ferror(file->stream) != 0;
    int why = file->why ? file->why : bad ? errno : 0;
    if (!bad && (fflush(file->stream) != 0 || fsync(fileno(file->stream)) != 0)) {
        bad = true;
        why = errno;
    }
    /* The lock lives as long as any copy of the descriptor: until the file has its own name. */
    const int lock = fcntl(fileno(file->stream), F_DUPFD_CLOEXEC, 0);
    if (fclose(file->stream) != 0 && !bad) {
        bad = true;
        why = errno;
    }
    file->stream = NULL;
    if (!bad && rename(file->temporary, file->path) != 0) {
        bad = true;
        why = errno;
    }
    if (bad) (void)unlink(file->temporary);
    if (lock >= 0) (void)close(lock);
    if (bad)
        return dc__fail(DC_EFILE, "cannot write %s: %s; what was there before is untouched", file->path,
                        strerror(why ? why : ENOSPC));
    dc__file_sync_name(file->path);
    return DC_OK;
}

void dc__file_abandon(dc__file *file)
{
    if (!file->stream) return;
    (void)unlink(file->temporary);
    (void)fclose(file->stream);
    file->stream = NULL;
}

struct dc_output {
    dc__file file;
};

dc_error dc_output_begin(dc_output **output, const char *path)
{
    *output = malloc(sizeof **output);
    if (!*output) return dc__fail(DC_ENOMEM, "out of memory for %s", path);
    const dc_error err = dc__file_begin(&(*output)->file, path);
    if (!err) return DC_OK;
    free(*output);
    *output = NULL;
    return err;
}

FILE *dc_output_stream(dc_output *output)
{
    return output->file.stream;
}

dc_error dc_output_commit(dc_output *output)
{
    const dc_error err = dc__file_commit(&output->file);
    free(output);
    return err;
}

void dc_output_abandon(dc_output *output)
{
    if (!output) return;
    dc__file_abandon(&output->file);
    free(output);
}

/* ---- what a crash left ---- */

/* NAME.0123456789abcdef.tmp */
static bool is_temporary(const char *name)
{
    const size_t n = strlen(name), ending = sizeof ENDING - 1;
    if (n <= DIGITS + 1 + ending || strcmp(name + n - ending, ENDING) != 0) return false;
    const char *digits = name + n - ending - DIGITS;
    return digits[-1] == '.' && strspn(digits, "0123456789abcdef") == DIGITS;
}

static void sweep_one(int directory, const char *name)
{
    struct stat st;
    const int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
        flock(fd, LOCK_EX | LOCK_NB) == 0)
        (void)unlinkat(directory, name, 0);
    (void)close(fd);
}

void dc_sweep(const char *path)
{
    DIR *directory = opendir(path);
    if (!directory) return;
    for (const struct dirent *entry; (entry = readdir(directory));)
        if (is_temporary(entry->d_name)) sweep_one(dirfd(directory), entry->d_name);
    (void)closedir(directory);
}

/* ---- reading ---- */

/* A shell's <(command): a pipe that this process was given by who started it, and nobody else can lay there. */
static bool is_given_pipe(const char *path, mode_t mode)
{
    return S_ISFIFO(mode) && strncmp(path, "/dev/fd/", 8) == 0;
}

static const char *kind_of(mode_t mode)
{
    if (S_ISDIR(mode)) return "it is a directory";
    if (S_ISFIFO(mode)) return "it is a pipe: give a file";
    return S_ISSOCK(mode) ? "it is a socket: give a file" : "it is a device: give a file";
}

dc_error dc_input_open(FILE **stream, const char *path, const char *what)
{
    const char *blank = *what ? " " : "", *why = NULL;
    struct stat st;
    *stream = NULL;
    /* Not blocking: who opens a FIFO would wait for a writer. */
    const int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    int reason = 0;
    if (fd < 0 || fstat(fd, &st) != 0)
        why = strerror(reason = errno);
    else if (!S_ISREG(st.st_mode) && !is_given_pipe(path, st.st_mode))
        why = kind_of(st.st_mode);
    else if (fcntl(fd, F_SETFL, 0) != 0 || !(*stream = fdopen(fd, "rb")))
        why = strerror(reason = errno);
    if (!why) return DC_OK;
    if (fd >= 0) (void)close(fd);
    errno = reason;
    return dc__fail(DC_EFILE, "cannot open %s%s%s: %s", what, blank, path, why);
}
