/* lock.c - one process at a time in a directory; see file.h. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

#define ATTEMPTS 100 /* to open a file that its owner removes just then */

static void lock_path(char path[PATH_MAX], const char *directory)
{
    (void)snprintf(path, PATH_MAX, "%.*s/.dynacomm.lock", PATH_MAX - 32, directory);
}

static dc_error taken(const char *directory, const char *use, int fd)
{
    char number[24] = "";
    const ssize_t n = pread(fd, number, sizeof number - 1, 0);
    const long pid = n > 0 ? strtol(number, NULL, 10) : 0;
    (void)close(fd);
    return dc__fail(DC_EFILE,
                    "another server (process %ld) works in the %s %s: give this one another, or end that one",
                    pid, use, directory);
}

/* Whether path still names the file that was locked. */
static bool is_named(const char *path, int fd)
{
    struct stat a, b;
    return fstat(fd, &a) == 0 && lstat(path, &b) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

dc_error dc__lock_directory(const char *directory, const char *use, int *fd)
{
    char path[PATH_MAX], number[24];
    lock_path(path, directory);
    for (int k = 0; k < ATTEMPTS; k++) {
        *fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
        if (*fd < 0) return dc__fail(DC_EFILE, "cannot lock the %s %s: %s", use, directory, strerror(errno));
        if (flock(*fd, LOCK_EX | LOCK_NB) != 0) {
            if (errno == EWOULDBLOCK) return taken(directory, use, *fd);
            return DC_OK; /* a file system without locks */
        }
        if (is_named(path, *fd)) {
            const int n = snprintf(number, sizeof number, "%ld\n", (long)getpid());
            (void)!ftruncate(*fd, 0);
            (void)!pwrite(*fd, number, (size_t)n, 0);
            return DC_OK;
        }
        (void)close(*fd);
    }
    return dc__fail(DC_EFILE, "cannot lock the %s %s: others come and go in it", use, directory);
}

void dc__unlock_directory(const char *directory, int fd)
{
    char path[PATH_MAX];
    if (fd < 0) return;
    lock_path(path, directory);
    (void)unlink(path); /* while it is locked: nobody else has it */
    (void)close(fd);
}
