/* found_files.c - boxes as JSON and as label files; see found.h. */
#include "detect/found.h"

#include "replace/fatal.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* A JSON string. The forks write names and paths as they
 * are, which a quotation mark in one of them breaks. */
static void write_string(FILE *out, const char *text)
{
    fputc('"', out);
    for (const char *c = text; *c; c++) {
        if (*c == '"' || *c == '\\')
            fprintf(out, "\\%c", *c);
        else if ((unsigned char)*c < ' ')
            fprintf(out, "\\u%04x", (unsigned)*c);
        else
            fputc(*c, out);
    }
    fputc('"', out);
}

/* Weights that are no good give boxes of infinite size, and neither JSON nor a label has a word for them. */
static bool has_size(box b)
{
    return isfinite(b.x) && isfinite(b.y) && isfinite(b.w) && isfinite(b.h);
}

void dk_found_json(FILE *out, const detection *dets, int n, int classes, char **names, long frame,
                   const char *path)
{
    const float least = .005f; /* the forks' */
    fprintf(out, "{\n \"frame_id\":%ld, \n ", frame);
    if (path != NULL) {
        fputs("\"filename\":", out);
        write_string(out, path);
        fputs(", \n ", out);
    }
    fputs("\"objects\": [ \n", out);
    bool any = false;
    for (int i = 0; i < n; i++)
        for (int c = 0; c < classes; c++) {
            if (!(dets[i].prob[c] > least) || !has_size(dets[i].bbox) ||
                strncmp(names[c], "dont_show", strlen("dont_show")) == 0)
                continue;
            const box b = dets[i].bbox;
            fprintf(out, "%s  {\"class_id\":%d, \"name\":", any ? ", \n" : "", c);
            write_string(out, names[c]);
            fprintf(out,
                    ", \"relative_coordinates\":{\"center_x\":%f, \"center_y\":%f, \"width\":%f, "
                    "\"height\":%f}, \"confidence\":%f}",
                    (double)b.x, (double)b.y, (double)b.w, (double)b.h, (double)dets[i].prob[c]);
            any = true;
        }
    fputs("\n ] \n}", out);
}

/* ---- label files ------------------------------------------------------------------------------------ */

static void label_path(const char *image, char path[4096])
{
    static const char *const folders[][2] = {{"/images/train2017/", "/labels/train2017/"},
                                             {"/images/val2017/", "/labels/val2017/"},
                                             {"/images/train2014/", "/labels/train2014/"},
                                             {"/images/val2014/", "/labels/val2014/"},
                                             {"/JPEGImages/", "/labels/"}};
    if (strlen(image) > 4000) dk_die("the path %.100s... is too long", image);
    strcpy(path, image);
    for (size_t k = 0; k < sizeof folders / sizeof *folders; k++) {
        const char *at = strstr(image, folders[k][0]);
        if (at == NULL) continue;
        snprintf(path, 4096, "%.*s%s%s", (int)(at - image), image, folders[k][1], at + strlen(folders[k][0]));
        break;
    }
    char *dot = strrchr(path, '.');
    const char *slash = strrchr(path, '/');
    if (dot == NULL || (slash != NULL && dot < slash)) dot = path + strlen(path);
    strcpy(dot, ".txt");
}

static double share(float x)
{
    return x < 0 ? 0 : x > 1 ? 1 : (double)x;
}

void dk_found_labels(const char *image, const detection *dets, int n, int classes, float thresh)
{
    char path[4096];
    label_path(image, path);
    FILE *file = fopen(path, "w");
    if (file == NULL) dk_die("-save_labels: cannot write %s: %s", path, strerror(errno));
    for (int i = 0; i < n; i++) {
        int best = -1;
        for (int c = 0; c < classes; c++)
            if (dets[i].prob[c] > (best < 0 ? thresh : dets[i].prob[best])) best = c;
        if (best >= 0 && has_size(dets[i].bbox))
            fprintf(file, "%d %2.4f %2.4f %2.4f %2.4f\n", best, share(dets[i].bbox.x), share(dets[i].bbox.y),
                    share(dets[i].bbox.w), share(dets[i].bbox.h));
    }
    const bool wrong = ferror(file) != 0;
    if (fclose(file) != 0 || wrong) dk_die("-save_labels: cannot write %s: %s", path, strerror(errno));
}
