#include "train/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#include "dynacomm.h"

enum { DIGITS = 16 };

/* FNV-1a, 64 bits, of a name and, if it has one, a number. */
static uint64_t hash(const char *name, int rank)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (const char *at = name; *at; at++)
        h = (h ^ (unsigned char)*at) * 0x100000001b3u;
    if (rank >= 0) h = (h ^ (0x100u + (unsigned)rank)) * 0x100000001b3u;
    return h ? h : 1;
}

static uint64_t read_id(int fd)
{
    char text[DIGITS + 1] = "";
    if (pread(fd, text, DIGITS, 0) != DIGITS) return 0;
    char *end;
    const uint64_t id = strtoull(text, &end, 16);
    return *end ? 0 : id;
}

static uint64_t draw_id(int fd)
{
    uint64_t id = 0;
    char text[DIGITS + 2];
    if (getrandom(&id, sizeof id, 0) != (ssize_t)sizeof id || id == 0) return 0;
    snprintf(text, sizeof text, "%016llx\n", (unsigned long long)id);
    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, DIGITS + 1, 0) != DIGITS + 1 || fsync(fd) != 0) return 0;
    return id;
}

uint64_t dk_identity(const char *name, const char *directory, const char *base, int rank)
{
    if (name) return hash(name, rank);
    for (int k = 0; k < DC_MAX_WORKERS; k++) {
        char path[PATH_MAX], which[32] = "", another[16] = "";
        if (rank >= 0) snprintf(which, sizeof which, "-%d", rank);
        if (k > 0) snprintf(another, sizeof another, ".%d", k);
        if (snprintf(path, sizeof path, "%s/.%s%s.id%s", directory, base, which, another) >= (int)sizeof path)
            return 0;
        const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (fd < 0) return 0;
        if (flock(fd, LOCK_EX | LOCK_NB) == 0) { /* and stays so: fd is never closed */
            const uint64_t id = read_id(fd);
            return id ? id : draw_id(fd);
        }
        const bool taken = errno == EWOULDBLOCK;
        close(fd);
        if (!taken) return 0;
    }
    return 0;
}
