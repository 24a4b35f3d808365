/* retrain_labels.c - what a frame shows: a teacher's detections, or files in a folder. See retrain.h. */
#include "detect/found.h"
#include "network/boxes.h"
#include "replace/fatal.h"
#include "check/labels.h"
#include "check/preflight.h"
#include "retrain/retrain.h"
#include "evaluate/validate.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Boxes that overlap more than this are one object. */
static const float suppression = .45f;

struct dk_labeller {
    const dk_retrain *retrain;
    dk_eval teacher; /* .net NULL: labels come from files */
    int *student;    /* [teacher's classes] the student's class of the same name, -1 = it has none */
};

/* Which of the student's classes each of the teacher's is. */
static void match_names(dk_labeller *l, char **names)
{
    const dk_retrain *r = l->retrain;
    int known = 0;
    char dropped[512] = "";
    for (int c = 0; c < l->teacher.classes; c++) {
        l->student[c] = -1;
        for (int s = 0; s < r->classes && l->student[c] < 0; s++)
            if (strcmp(names[c], r->names[s]) == 0) l->student[c] = s;
        known += l->student[c] >= 0;
        const size_t used = strlen(dropped);
        if (l->student[c] < 0)
            snprintf(dropped + used, sizeof dropped - used, "%s%s", used ? ", " : "", names[c]);
    }
    if (known == 0)
        dk_die("%s: none of the teacher's classes (%.300s) is one of the student's (%s, ...)",
               r->teacher_names ? r->teacher_names : r->teacher[0], dropped, r->names[0]);
    if (known < l->teacher.classes)
        dk_note("the teacher's boxes of %.400s are dropped: the student has no such classes", dropped);
}

static void open_teacher(dk_labeller *l)
{
    const dk_retrain *r = l->retrain;
    char *argv[] = {"darknet", "detector", "retrain", (char *)r->teacher[0], (char *)r->teacher[1], NULL};
    const int classes = dk_check_detector_cfg(r->teacher[0]).classes;
    if (!r->teacher_names && classes != r->classes)
        dk_die("the teacher %s has %d classes, the student %d: -teacher-names FILE says what they are",
               r->teacher[0], classes, r->classes);
    dk_chatter_hold(r->teacher[0]);
    dk_eval_open(&l->teacher, DK_EVAL_TEST, 5, argv, 2, "cw");
    l->teacher.thresh = r->thresh;
    dk_chatter_drop();
    l->student = calloc((size_t)classes, sizeof *l->student);
    if (!l->student) dk_die("out of memory");
    dk_lines names = {.line = r->names};
    if (r->teacher_names) dk_names_read(r->teacher_names, "the teacher's names", &names);
    if (r->teacher_names && names.n < classes)
        dk_die("%s has %d names, but %s has %d classes", r->teacher_names, names.n, r->teacher[0], classes);
    match_names(l, names.line);
    if (r->teacher_names) dk_lines_free(&names);
}

static void check_value(const char *path, int i, const box_label *b)
{
    if (!(b->x >= 0 && b->x <= 1 && b->y >= 0 && b->y <= 1 && b->w > 0 && b->w <= 1 && b->h > 0 && b->h <= 1))
        dk_die("label file %s, box %d: x, y, width and height are shares of the image, from 0 to 1", path,
               i + 1);
}

/* All of them, before an image is written. */
static void check_folder(const dk_retrain *r)
{
    DIR *dir = opendir(r->labels);
    if (!dir) dk_die("cannot open folder of labels %s: %s", r->labels, strerror(errno));
    int files = 0;
    for (const struct dirent *entry; (entry = readdir(dir));) {
        const size_t length = strlen(entry->d_name);
        if (length < 4 || strcmp(entry->d_name + length - 4, ".txt") != 0) continue;
        char path[4096], text[5120];
        snprintf(path, sizeof path, "%s/%s", r->labels, entry->d_name);
        dk_labels labels;
        if (dk_labels_read(path, r->classes, &labels, text, sizeof text) != 0) dk_die("%s", text);
        for (int i = 0; i < labels.n; i++)
            check_value(path, i, &labels.box[i]);
        free(labels.box);
        files++;
    }
    closedir(dir);
    if (files == 0) dk_die("folder of labels %s holds no .txt file", r->labels);
}

dk_labeller *dk_labeller_open(const dk_retrain *r)
{
    dk_labeller *l = calloc(1, sizeof *l);
    if (!l) dk_die("out of memory");
    l->retrain = r;
    if (r->teacher[0])
        open_teacher(l);
    else
        check_folder(r);
    return l;
}

static float within(float x)
{
    return x < 0 ? 0 : x > 1 ? 1 : x;
}

/* One line for each detection of a class that the student has, cut to the image. */
static int write_boxes(const dk_labeller *l, const detection *dets, int n, FILE *out)
{
    int boxes = 0;
    for (int i = 0; i < n; i++) {
        int best = -1;
        for (int c = 0; c < l->teacher.classes; c++)
            if (l->student[c] >= 0 && dets[i].prob[c] >= l->retrain->thresh &&
                (best < 0 || dets[i].prob[c] > dets[i].prob[best]))
                best = c;
        const box b = dets[i].bbox;
        const float left = within(b.x - b.w / 2), right = within(b.x + b.w / 2), top = within(b.y - b.h / 2),
                    bottom = within(b.y + b.h / 2);
        if (best < 0 || right - left <= 0 || bottom - top <= 0) continue;
        fprintf(out, "%d %.6f %.6f %.6f %.6f\n", l->student[best], (double)(left + right) / 2,
                (double)(top + bottom) / 2, (double)(right - left), (double)(bottom - top));
        boxes++;
    }
    return boxes;
}

static char *from_teacher(const dk_labeller *l, const char *picture, int *boxes)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out) dk_die("out of memory");
    network *net = l->teacher.net;
    image im = load_image_color((char *)picture, 0, 0), sized = dk_sized(net, im);
    network_predict(net, sized.data);
    int n = 0;
    detection *dets = get_network_boxes(net, im.w, im.h, l->retrain->thresh, .5f, NULL, 1, &n);
    dk_suppress(net, dets, n, l->teacher.classes, suppression);
    *boxes = write_boxes(l, dets, n, out);
    free_detections(dets, n);
    free_image(im);
    free_image(sized);
    fclose(out);
    if (*boxes > 0 || l->retrain->empty) return text;
    free(text);
    return NULL;
}

/* The name of the frame's label file; false if there is none. */
static bool label_path(const dk_labeller *l, int number, const char *name, char *path, size_t size)
{
    snprintf(path, size, "%s/%s.txt", l->retrain->labels, name);
    if (access(path, F_OK) == 0) return true;
    if (strncmp(name, "frame_", 6) != 0) return false; /* a file's name, not a frame's number */
    snprintf(path, size, "%s/%d.txt", l->retrain->labels, number);
    if (access(path, F_OK) == 0) return true;
    snprintf(path, size, "%s/%06d.txt", l->retrain->labels, number);
    return access(path, F_OK) == 0;
}

static char *from_file(const dk_labeller *l, int number, const char *name, int *boxes)
{
    char path[4096];
    if (!label_path(l, number, name, path, sizeof path)) return NULL;
    char *text = NULL, wrong[2048];
    dk_labels labels;
    if (dk_labels_read(path, l->retrain->classes, &labels, wrong, sizeof wrong) != 0) dk_die("%s", wrong);
    *boxes = labels.n;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out) dk_die("out of memory");
    for (const box_label *b = labels.box; b < labels.box + labels.n; b++)
        fprintf(out, "%d %.6f %.6f %.6f %.6f\n", b->id, (double)b->x, (double)b->y, (double)b->w,
                (double)b->h);
    fclose(out);
    free(labels.box);
    return text;
}

char *dk_labeller_boxes(dk_labeller *l, int number, const char *name, const char *picture, int *boxes)
{
    *boxes = 0;
    return l->teacher.net ? from_teacher(l, picture, boxes) : from_file(l, number, name, boxes);
}

const char *dk_labeller_why(const dk_labeller *l)
{
    static char text[1024];
    if (l->teacher.net)
        snprintf(
            text, sizeof text,
            "the teacher saw nothing of the student's classes with a score of %g or more; a lower -thresh, or "
            "-empty to keep such frames",
            (double)l->retrain->thresh);
    else
        snprintf(text, sizeof text, "no frame has a label file in %.900s", l->retrain->labels);
    return text;
}

void dk_labeller_close(dk_labeller *l)
{
    if (l->teacher.net) free_network(l->teacher.net);
    free(l->student);
    free(l);
}
