/* preflight_truth.c - the text files that say what an image
 * shows: boxes for detectors, numbers for regressors. */
#include "check/preflight.h"

#include "check/labels.h"
#include "dynacomm_file.h"
#include "replace/fatal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The library finds a regressor's by replacing parts of the
 * image's path, in this order (load_regression_labels_paths). */
static const char *const value_swaps[][2] = {
    {"images", "labels"}, {"JPEGImages", "labels"}, {".BMP", ".txt"}, {".JPEG", ".txt"}, {".JPG", ".txt"},
    {".JPeG", ".txt"},    {".Jpeg", ".txt"},        {".PNG", ".txt"}, {".TIF", ".txt"},  {".bmp", ".txt"},
    {".jpeg", ".txt"},    {".jpg", ".txt"},         {".png", ".txt"}, {".tif", ".txt"},  {NULL, NULL}};

static void value_path(const char *image, char out[4096])
{
    snprintf(out, 4096, "%s", image);
    for (const char *const(*swaps)[2] = value_swaps; (*swaps)[0]; swaps++) {
        char from[4096]; /* find_replace copies from it to out */
        memcpy(from, out, strlen(out) + 1);
        find_replace(from, (char *)(*swaps)[0], (char *)(*swaps)[1], out);
    }
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

static int check_numbers(const char *image, int classes, char *text, size_t size)
{
    char path[4096];
    value_path(image, path);
    FILE *file = NULL;
    if (strcmp(path, image) == 0)
        snprintf(text, size, "Darknet knows no label file for a path of this form (images/NAME.jpg, .png)");
    else if (dc_input_open(&file, path, "its label file"))
        snprintf(text, size, "%s", dc_last_error());
    if (!file) return -1;
    const int result = check_values(file, path, classes, text, size);
    fclose(file);
    return result;
}

/* 1: a detector's image has no label file, and path is where it was looked for. */
static int check_truth(const char *image, data_type type, int classes, char path[4096], char *text,
                       size_t size)
{
    if (type == REGRESSION_DATA) return check_numbers(image, classes, text, size);
    if (type != DETECTION_DATA) return 0;
    if (!dk_labels_path(image, path)) return 1;
    dk_labels labels;
    const int result = dk_labels_read(path, classes, &labels, text, size);
    free(labels.box);
    return result;
}

int dk_check_truth(const char *image, data_type type, int classes, char *text, size_t size)
{
    char path[4096];
    return check_truth(image, type, classes, path, text, size) < 0 ? -1 : 0;
}

/* Images without a label file are images of nothing to the forks; to the packaged library the first is the
 * end. A few among many are no mistake. */
static void judge_missing(const dk_lines *images, int opened, int missing, int first, dk_missing allowed)
{
    char path[4096], line[5120];
    if (missing == 0) return;
    (void)dk_labels_path(images->line[first], path);
    snprintf(line, sizeof line,
             "%s: %d of %d images have no label file, the first is line %d, %.1000s: %.1000s is not there",
             images->path, missing, opened, images->number[first], images->line[first], path);
    if (missing == opened && allowed != DK_MISSING_ALL)
        dk_die("%s; it is looked for in labels/ beside images/, and beside the image", line);
    if (missing > opened / 4 && allowed == DK_MISSING_FEW)
        dk_die("%s; -force takes them for images of nothing, as the darknet forks do", line);
    dk_note("%s; they are taken for images of nothing", line);
}

void dk_check_truths(const dk_lines *images, data_type type, int classes, dk_missing allowed)
{
    const int opened = images->n < DK_MAX_OPENED ? images->n : DK_MAX_OPENED;
    int missing = 0, first = 0;
    for (int k = 0; k < opened; k++) {
        const int i = dk_spread(k, opened, images->n);
        char path[4096], text[5120];
        const int result = check_truth(images->line[i], type, classes, path, text, sizeof text);
        if (result < 0)
            dk_die("%s line %d: image %.1000s: %.1000s", images->path, images->number[i], images->line[i],
                   text);
        if (result > 0 && missing++ == 0) first = i;
    }
    judge_missing(images, opened, missing, first, allowed);
}
