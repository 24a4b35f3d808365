/* labels.c - see labels.h. */
#include "check/labels.h"

#include "dynacomm_file.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool beside_first, lenient;

void dk_labels_beside_first(bool first)
{
    beside_first = first;
}

void dk_labels_lenient(bool on)
{
    lenient = on;
}

/* ---- where it is ------------------------------------------------------------------------------------ */

static void set_suffix(char path[4096])
{
    char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    if (!dot || (slash && dot < slash)) dot = path + strlen(path);
    snprintf(dot, (size_t)(path + 4096 - dot), ".txt");
}

/* The packaged library's replacements, in its order. */
static void mapped(const char *image, char path[4096])
{
    static const char *const folders[] = {"images", "JPEGImages", "raw"};
    snprintf(path, 4096, "%s", image);
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        char from[4096]; /* find_replace copies from it to path */
        memcpy(from, path, strlen(path) + 1);
        find_replace(from, (char *)folders[i], "labels", path);
    }
    set_suffix(path);
}

/* With the last folder "images" replaced; false if there is none. */
static bool last_folder(const char *image, char path[4096])
{
    static const char folder[] = "images/";
    const char *last = NULL;
    for (const char *at = strstr(image, folder); at; at = strstr(at + 1, folder))
        if (at == image || at[-1] == '/') last = at;
    if (!last) return false;
    snprintf(path, 4096, "%.*slabels/%s", (int)(last - image), image, last + strlen(folder));
    set_suffix(path);
    return true;
}

static void beside(const char *image, char path[4096])
{
    snprintf(path, 4096, "%s", image);
    set_suffix(path);
}

bool dk_labels_path(const char *image, char path[4096])
{
    char first[4096];
    if (beside_first)
        beside(image, first);
    else
        mapped(image, first);
    snprintf(path, 4096, "%s", first);
    if (access(path, F_OK) == 0) return true;
    if (last_folder(image, path) && access(path, F_OK) == 0) return true;
    if (beside_first)
        mapped(image, path);
    else
        beside(image, path);
    if (access(path, F_OK) == 0) return true;
    snprintf(path, 4096, "%s", first);
    return false;
}

/* ---- what it says ----------------------------------------------------------------------------------- */

/* A share of the image; programs that write labels round, so a hair beyond 1 is 1. */
static bool share(float *value)
{
    const float hair = 1e-5f;
    if (!(*value >= 0 && *value <= 1 + hair)) return false;
    if (*value > 1) *value = 1;
    return true;
}

/* Takes one line; returns NULL, or what is wrong with it. */
static const char *take_line(char *line, int classes, box_label *box, char *why, size_t size)
{
    static const char *const names[] = {"x", "y", "width", "height"};
    char *rest = NULL, *end, *word = strtok_r(line, " \t\r\n", &rest);
    errno = 0;
    const long id = strtol(word, &end, 10);
    if (*end != '\0' || errno == ERANGE || id < INT_MIN || id > INT_MAX)
        return "it is not 'class x y width height'";
    float value[4];
    for (int k = 0; k < 4; k++) {
        word = strtok_r(NULL, " \t\r\n", &rest);
        if (!word) return "it is not 'class x y width height'";
        value[k] = strtof(word, &end);
        if (*end != '\0') return "it is not 'class x y width height'";
        if (!isfinite(value[k]) || !share(&value[k])) {
            snprintf(why, size, "%s is %s, but it must be from 0 to 1, a share of the image", names[k], word);
            return why;
        }
    }
    if (strtok_r(NULL, " \t\r\n", &rest)) return "it has more columns than 'class x y width height'";
    if (id < 0 || (classes > 0 && id >= classes)) {
        snprintf(why, size, "class %ld, but the cfg has classes=%d (0..%d)", id, classes, classes - 1);
        return why;
    }
    const float x = value[0], y = value[1], w = value[2], h = value[3];
    *box = (box_label){.id = (int)id,
                       .x = x,
                       .y = y,
                       .w = w,
                       .h = h,
                       .left = x - w / 2,
                       .right = x + w / 2,
                       .top = y - h / 2,
                       .bottom = y + h / 2};
    return NULL;
}

static bool add(dk_labels *labels, const box_label *box)
{
    if ((labels->n & (labels->n - 1)) == 0) { /* room doubles at powers of two */
        const size_t room = labels->n ? 2 * (size_t)labels->n : 1;
        box_label *at = realloc(labels->box, room * sizeof *at);
        if (!at) return false;
        labels->box = at;
    }
    labels->box[labels->n++] = *box;
    return true;
}

static int read_lines(FILE *file, const char *path, int classes, dk_labels *labels, char *text, size_t size)
{
    char *line = NULL, why[256];
    const char *wrong = NULL;
    size_t room = 0;
    int number = 0;
    while (!wrong && getline(&line, &room, file) > 0) {
        number++;
        char *at = line;
        if (number == 1 && strncmp(at, "\xef\xbb\xbf", 3) == 0) at += 3;
        if (number == 1 && (strncmp(at, "\xff\xfe", 2) == 0 || strncmp(at, "\xfe\xff", 2) == 0))
            wrong = "it is UTF-16; save it as UTF-8";
        if (wrong || at[strspn(at, " \t\r\n")] == '\0') continue;
        box_label box;
        const char *problem = take_line(at, classes, &box, why, sizeof why);
        if (problem && lenient) continue;
        wrong = problem;
        if (!wrong && !add(labels, &box)) wrong = "out of memory";
    }
    const bool bad = ferror(file) != 0;
    free(line);
    if (bad) snprintf(text, size, "cannot read label file %.1000s", path);
    if (!bad && wrong)
        snprintf(text, size, "label file %.1000s line %d, box %d: %s", path, number, labels->n + 1, wrong);
    return bad || wrong ? -1 : 0;
}

int dk_labels_read(const char *path, int classes, dk_labels *labels, char *text, size_t size)
{
    *labels = (dk_labels){0};
    FILE *file;
    if (dc_input_open(&file, path, "label file")) {
        snprintf(text, size, "%.1000s", dc_last_error());
        return -1;
    }
    const int result = read_lines(file, path, classes, labels, text, size);
    fclose(file);
    if (result != 0) {
        free(labels->box);
        *labels = (dk_labels){0};
    }
    return result;
}

dk_labels dk_labels_of(const char *image, int classes)
{
    dk_labels labels = {0};
    char path[4096], text[2048];
    if (dk_labels_path(image, path)) (void)dk_labels_read(path, classes, &labels, text, sizeof text);
    return labels;
}
