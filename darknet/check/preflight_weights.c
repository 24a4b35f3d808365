/* preflight_weights.c - does a .weights file belong to this network? The format has no names and no sizes: a
 * header (three ints, then images seen as 8 bytes, 4 in old files) and floats, layer after layer. The library
 * reads on past the end of the file without a message, so length is all there is to check, and it is checked. */
#include "check/preflight.h"

#include "network/weights.h"
#include "replace/fatal.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static size_t header_bytes(FILE *file, const char *path)
{
    int version[3];
    if (fread(version, sizeof(int), 3, file) != 3) dk_die("%s is too short to be a weights file", path);
    if (version[0] < 0 || version[1] < 0)
        dk_die("%s is not a weights file (version %d.%d)", path, version[0], version[1]);
    return 3 * sizeof(int) + dk_weights_seen_bytes(version);
}

void dk_check_weights(const char *path, const network *net, bool force)
{
    dk_file_check(path, "weights file");
    FILE *file = fopen(path, "rb");
    if (!file) dk_die("cannot open weights file %s: %s", path, strerror(errno));
    const size_t header = header_bytes(file, path);
    struct stat st;
    const bool sized = fstat(fileno(file), &st) == 0 && S_ISREG(st.st_mode);
    fclose(file);
    if (!sized) return; /* a pipe: nothing to compare */
    if ((size_t)st.st_size < header || ((size_t)st.st_size - header) % sizeof(float) != 0)
        dk_die("%s is cut off or not a weights file: %lld bytes", path, (long long)st.st_size);
    const size_t held = ((size_t)st.st_size - header) / sizeof(float);
    if (held == 0) dk_die("%s holds no parameters: it is cut off", path);
    size_t needed = 0;
    int covered = -1; /* last layer whose end is the file's end */
    for (int i = 0; i < net->n; i++) {
        const size_t before = needed;
        needed += dk_weights_count(&net->layers[i]);
        if (held == needed) covered = i;
        if (held > before && held < needed)
            dk_die(
                "%s ends inside layer %d (%zu parameters, the cfg needs %zu up to there): it is cut off or "
                "belongs to another cfg",
                path, i, held, needed);
    }
    if (held > needed && !force)
        dk_die("%s has %zu parameters, the cfg only %zu: it belongs to another cfg (-force loads what fits)",
               path, held, needed);
    if (held < needed)
        dk_note("%s holds layers 0 to %d; the others start from random weights", path, covered);
}
