#include "train/same_files.h"

#include <stdio.h>
#include <string.h>

#include "dynacomm_file.h"

#define HEAD 20 /* bytes: version and images seen */
#define CHUNK 65536

static dk_likeness compare(FILE *a, FILE *b)
{
    static char x[CHUNK], y[CHUNK];
    if (fread(x, 1, HEAD, a) != HEAD || fread(y, 1, HEAD, b) != HEAD || memcmp(x, y, HEAD) != 0)
        return DK_NOT_COMPARED;
    for (;;) {
        const size_t n = fread(x, 1, CHUNK, a), m = fread(y, 1, CHUNK, b);
        if (ferror(a) || ferror(b)) return DK_NOT_COMPARED;
        if (n != m || memcmp(x, y, n) != 0) return DK_DIFFERENT;
        if (n == 0) return DK_SAME;
    }
}

dk_likeness dk_weights_compare(const char *a, const char *b)
{
    FILE *in[2] = {NULL, NULL};
    dk_likeness like = DK_NOT_COMPARED;
    if (dc_input_open(&in[0], a, "") == DC_OK && dc_input_open(&in[1], b, "") == DC_OK)
        like = compare(in[0], in[1]);
    for (int k = 0; k < 2; k++)
        if (in[k]) (void)fclose(in[k]);
    return like;
}
