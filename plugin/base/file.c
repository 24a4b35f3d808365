#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

dc_error dc__file_begin(dc__file *file, const char *path)
{
    file->stream = NULL;
    int n = snprintf(file->path, sizeof file->path, "%s", path);
    int m = snprintf(file->temporary, sizeof file->temporary, "%s.%ld.tmp", path, (long)getpid());
    if (n < 0 || m < 0 || (size_t)m >= sizeof file->temporary)
        return dc__fail(DC_EFILE, "the path %.60s... is too long", path);
    file->stream = fopen(file->temporary, "wb");
    if (!file->stream) return dc__fail(DC_EFILE, "cannot write %s: %s", path, strerror(errno));
    return DC_OK;
}

bool dc__file_write(dc__file *file, const void *data, size_t n)
{
    return n == 0 || fwrite(data, 1, n, file->stream) == n;
}

/* The rename itself is durable only once the directory is on disk. */
static void sync_directory(const char *path)
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
    int why = bad ? errno : 0;
    if (!bad && (fflush(file->stream) != 0 || fsync(fileno(file->stream)) != 0)) {
        bad = true;
        why = errno;
    }
    if (fclose(file->stream) != 0 && !bad) {
        bad = true;
        why = errno;
    }
    file->stream = NULL;
    if (!bad && rename(file->temporary, file->path) != 0) {
        bad = true;
        why = errno;
    }
    if (bad) {
        (void)unlink(file->temporary);
        return dc__fail(DC_EFILE, "cannot write %s: %s; what was there before is untouched", file->path,
                        strerror(why ? why : ENOSPC));
    }
    sync_directory(file->path);
    return DC_OK;
}

void dc__file_abandon(dc__file *file)
{
    if (!file->stream) return;
    (void)fclose(file->stream);
    (void)unlink(file->temporary);
    file->stream = NULL;
}
