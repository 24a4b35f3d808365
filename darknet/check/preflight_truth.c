/* preflight_truth.c - the text files that say what an image shows: boxes for detectors, numbers for
 * regressors. */
#include "check/preflight.h"

#include "replace/fatal.h"

#include <errno.h>
#include <string.h>

/* The library finds the file by replacing parts of the image's path, in this order (fill_truth_detection,
 * load_regression_labels_paths). */
static const char *const box_swaps[][2] = {
    {"images", "labels"}, {"JPEGImages", "labels"}, {"raw", "labels"}, {".jpg", ".txt"},
    {".png", ".txt"},     {".JPG", ".txt"},         {".JPEG", ".txt"}, {NULL, NULL}};
static const char *const value_swaps[][2] = {
    {"images", "labels"}, {"JPEGImages", "labels"}, {".BMP", ".txt"}, {".JPEG", ".txt"}, {".JPG", ".txt"},
    {".JPeG", ".txt"},    {".Jpeg", ".txt"},        {".PNG", ".txt"}, {".TIF", ".txt"},  {".bmp", ".txt"},
    {".jpeg", ".txt"},    {".jpg", ".txt"},         {".png", ".txt"}, {".tif", ".txt"},  {NULL, NULL}};

void dk_truth_path(const char *image, data_type type, char out[4096])
{
    const char *const(*swaps)[2] = type == DETECTION_DATA ? box_swaps : value_swaps;
    snprintf(out, 4096, "%s", image);
    for (; (*swaps)[0]; swaps++) {
        char from[4096]; /* find_replace copies from it to out */
        memcpy(from, out, strlen(out) + 1);
        find_replace(from, (char *)(*swaps)[0], (char *)(*swaps)[1], out);
    }
}

static int check_boxes(FILE *file, const char *path, int classes, char *text, size_t size)
{
    int id, fields, n = 0;
    float box[4];
    while ((fields = fscanf(file, "%d %f %f %f %f", &id, &box[0], &box[1], &box[2], &box[3])) == 5) {
        n++;
        if (id >= 0 && id < classes) continue;
        snprintf(text, size, "label file %s, box %d: class %d, but the cfg has classes=%d (0..%d)", path, n,
                 id, classes, classes - 1);
        return -1;
    }
    if (fields == EOF) return 0; /* no boxes at all is a picture of nothing: fine */
    snprintf(text, size, "label file %s, box %d is not 'class x y width height'", path, n + 1);
    return -1;
}

int dk_check_boxes(const char *path, int classes, char *text, size_t size)
{
    FILE *file = fopen(path, "r");
    if (!file) {
        snprintf(text, size, "cannot open label file %.1000s: %s", path, strerror(errno));
        return -1;
    }
    const int result = check_boxes(file, path, classes, text, size);
    fclose(file);
    return result;
}

static int check_values(FILE *file, const char *path, int classes, char *text, size_t size)
{
    float value;
    for (int n = 0; n < classes; n++) {
        if (fscanf(file, "%f", &value) == 1) continue;
        snprintf(text, size, "label file %s has %d numbers, but classes = %d", path, n, classes);
        return -1;
    }
    return 0;
}

int dk_check_truth(const char *image, data_type type, int classes, char *text, size_t size)
{
    if (type != DETECTION_DATA && type != REGRESSION_DATA) return 0;
    char path[4096];
    dk_truth_path(image, type, path);
    FILE *file = strcmp(path, image) != 0 ? fopen(path, "r") : NULL;
    if (!file) {
        if (strcmp(path, image) == 0)
            snprintf(text, size,
                     "Darknet knows no label file for a path of this form (images/NAME.jpg, .png)");
        else
            snprintf(text, size, "cannot open its label file %s: %s", path, strerror(errno));
        return -1;
    }
    const int result = type == DETECTION_DATA ? check_boxes(file, path, classes, text, size)
                                              : check_values(file, path, classes, text, size);
    fclose(file);
    return result;
}

void dk_check_truths(const dk_lines *images, data_type type, int classes)
{
    const int opened = images->n < DK_MAX_OPENED ? images->n : DK_MAX_OPENED;
    for (int k = 0; k < opened; k++) {
        const int i = dk_spread(k, opened, images->n);
        char text[5120];
        if (dk_check_truth(images->line[i], type, classes, text, sizeof text) != 0)
            dk_die("%s line %d: image %.1000s: %.1000s", images->path, images->number[i], images->line[i],
                   text);
    }
}
