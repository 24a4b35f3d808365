/* logfile.c - see logfile.h.
 *
 * DESIGN
 *   glibc's stdout and stderr are variables: both are set to streams whose write function writes to the file
 * descriptor as before and to the log. So the library's printf is caught too, nothing runs in between, and a
 * program that dies has its lines in the file. The file is opened for appending: the workers of a local:N run
 * may share it. */
#include "replace/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OPENED "DARKNET_LOG_OPENED" /* in the environment of processes that this one starts */

static int log_fd = -1;
static const char *log_path;
static volatile bool held;

void dk_logfile_add(const char *text, size_t size)
{
    while (log_fd >= 0 && size > 0) {
        const ssize_t n = write(log_fd, text, size);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return; /* a full disk takes the log, not the run */
        text += n;
        size -= (size_t)n;
    }
}

static ssize_t write_out(void *cookie, const char *text, size_t size)
{
    (void)cookie;
    dk_logfile_add(text, size);
    return write(STDOUT_FILENO, text, size);
}

static ssize_t write_err(void *cookie, const char *text, size_t size)
{
    (void)cookie;
    if (!held) dk_logfile_add(text, size);
    return write(STDERR_FILENO, text, size);
}

int dk_logfile_open(const char *path)
{
    const char *before = getenv(OPENED);
    const bool ours = before && strcmp(before, path) == 0;
    const int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | (ours ? 0 : O_TRUNC), 0666);
    if (fd < 0) return errno;
    FILE *out = fopencookie(NULL, "w", (cookie_io_functions_t){.write = write_out});
    FILE *err = fopencookie(NULL, "w", (cookie_io_functions_t){.write = write_err});
    if (!out || !err || setenv(OPENED, path, 1) != 0) return ENOMEM; /* the program ends */
    fflush(stdout);
    setvbuf(out, NULL, isatty(STDOUT_FILENO) == 1 ? _IOLBF : _IOFBF, BUFSIZ);
    setvbuf(err, NULL, _IONBF, 0);
    stdout = out;
    stderr = err;
    log_fd = fd;
    log_path = path;
    return 0;
}

const char *dk_logfile_path(void)
{
    return log_path;
}

void dk_logfile_hold(bool hold)
{
    held = hold;
}
