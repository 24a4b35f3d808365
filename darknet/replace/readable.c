#include "replace/readable.h"

#include "replace/fatal.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void dk_file_check(const char *path, const char *what)
{
    struct stat st;
    if (stat(path, &st) != 0) dk_die("cannot open %s %s: %s", what, path, strerror(errno));
    if (S_ISDIR(st.st_mode)) dk_die("cannot open %s %s: it is a directory", what, path);
    if (!S_ISREG(st.st_mode) && !(S_ISFIFO(st.st_mode) && strncmp(path, "/dev/fd/", 8) == 0))
        dk_die("cannot open %s %s: it is a pipe or a device: give a file", what, path);
    if (access(path, R_OK) != 0) dk_die("cannot open %s %s: %s", what, path, strerror(errno));
}
