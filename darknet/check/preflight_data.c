/* preflight_data.c - lists of images, class labels, the backup directory. */
#include "check/preflight.h"

#include "dynacomm_file.h"
#include "replace/fatal.h"
#include "replace/image_load.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Largest number of paths that are looked for, and of path-label comparisons, before a run starts: well under
 * a second. */
#define MAX_EXISTING 200000
#define MAX_COMPARED 20000000

int dk_spread(int k, int count, int n)
{
    return (int)((long long)k * n / count);
}

static int at_most(int n, int limit)
{
    return n < limit ? n : limit;
}

void dk_check_images(const dk_lines *images)
{
    const int existing = at_most(images->n, MAX_EXISTING);
    for (int k = 0; k < existing; k++) {
        const int i = dk_spread(k, existing, images->n);
        struct stat st;
        const bool there = access(images->line[i], R_OK) == 0 && stat(images->line[i], &st) == 0;
        if (!there || !S_ISREG(st.st_mode))
            dk_die("%s line %d: cannot open image %s: %s", images->path, images->number[i], images->line[i],
                   there ? "it is not a file" : strerror(errno));
        if (strlen(images->line[i]) >= 4000)
            dk_die("%s line %d: the path is longer than 4000 bytes", images->path, i + 1);
    }
    const int opened = at_most(images->n, DK_MAX_OPENED);
    for (int k = 0; k < opened; k++) {
        const int i = dk_spread(k, opened, images->n);
        if (!dk_image_recognised(images->line[i]))
            dk_die("%s line %d: %s is not an image that OpenCV can read", images->path, images->number[i],
                   images->line[i]);
    }
}

void dk_check_classes(const dk_lines *images, const dk_lines *labels, int classes, bool force)
{
    if (labels->n < classes) dk_die("%s has %d labels, but classes = %d", labels->path, labels->n, classes);
    const int budget = MAX_COMPARED / classes > 1000 ? MAX_COMPARED / classes : 1000;
    const int compared = at_most(images->n, budget);
    int wrong = 0, example = 0;
    for (int k = 0; k < compared; k++) {
        const int i = dk_spread(k, compared, images->n);
        int found = 0;
        for (int c = 0; c < classes; c++)
            found += strstr(images->line[i], labels->line[c]) != NULL;
        if (found == 1 || (classes == 1 && found == 0)) continue;
        if (wrong++ == 0) example = i;
    }
    if (wrong == 0) return;
    char names[512] = "";
    int found = 0;
    for (int c = 0; c < classes; c++) {
        if (!strstr(images->line[example], labels->line[c])) continue;
        const size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s'%s'", found++ ? ", " : "", labels->line[c]);
    }
    char line[4096];
    snprintf(
        line, sizeof line,
        "%s: %d of %d paths do not hold exactly one label of %s, the first is %.1000s (%s%s); rename the "
        "labels so that none is part of a path or of another label by chance",
        images->path, wrong, compared, labels->path, images->line[example],
        found ? "it holds " : "it holds none", names);
    if (!force) dk_die("%s, or add -force to train on them as they are", line);
    dk_note("%s", line);
}

void dk_check_backup(const char *directory)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s", directory) >= (int)sizeof path)
        dk_die("backup directory: the path is too long");
    for (char *p = path + 1; *p; p++) {
        if (*p != '/') continue;
        *p = '\0';
        mkdir(path, 0777); /* what matters is whether the last one is there */
        *p = '/';
    }
    mkdir(path, 0777);
    struct stat st;
    if (stat(path, &st) != 0) dk_die("cannot make backup directory %s: %s", directory, strerror(errno));
    if (!S_ISDIR(st.st_mode)) dk_die("backup = %s is not a directory", directory);
    if (access(path, W_OK | X_OK) != 0)
        dk_die("cannot write into backup directory %s: %s", directory, strerror(errno));
    dc_sweep(directory);
}
