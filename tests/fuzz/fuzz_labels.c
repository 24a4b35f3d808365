/* fuzz_labels.c - any bytes as a detector's label file: boxes that lie where they may, or a message with file and line. */
#define FUZZ_ITERATIONS 10000
#include "fuzz_dies.h"

#include "check/labels.h"

#define CLASSES 3

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char text[2048] = "";
    dk_labels labels;
    if (n == 0) return 0;
    const char *path = fuzz_path(data + 1, n - 1);
    dk_labels_lenient(data[0] & 1);
    const int classes = data[0] & 2 ? CLASSES : 0;
    if (dk_labels_read(path, classes, &labels, text, sizeof text) != 0) {
        if (labels.box || labels.n || !strstr(text, path)) abort();
        return 0;
    }
    for (int k = 0; k < labels.n; k++) {
        const box_label *b = &labels.box[k];
        if (b->id < 0 || (classes && b->id >= classes)) abort();
        if (!(b->x >= 0 && b->x <= 1 && b->y >= 0 && b->y <= 1)) abort();
        if (!(b->w >= 0 && b->w <= 1 && b->h >= 0 && b->h <= 1)) abort();
        if (!(b->left <= b->right && b->top <= b->bottom)) abort();
    }
    free(labels.box);
    return 0;
}

size_t fuzz_seed(int k, uint8_t *to)
{
    static const char *const seeds[] = {
        "\002"
        "0 0.5 0.5 0.4 0.6\n1 0.3 0.2 0.1 0.1\n",
        "\003\xef\xbb\xbf"
        "2 1.000009 0 1e-3 .5\r\n\r\n 1\t0.1 0.1 0.1 0.1 \r\n7 0 0 0\n",
        "\001"
        "80 0x1p-1 0.5 0.25 1\n",
    };
    if ((size_t)k >= sizeof seeds / sizeof *seeds) return 0;
    memcpy(to, seeds[k], strlen(seeds[k]));
    return strlen(seeds[k]);
}

void fuzz_repair(uint8_t *data, size_t n)
{
    (void)data;
    (void)n;
}
