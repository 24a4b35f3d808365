/* retrain_collect.c - frames into files: see retrain.h.
 *
 * DESIGN
 *   A frame's image is written under a temporary name, labelled from that file (the teacher sees what the
 * student will), and gets its name when its label file is complete. The list and then retrain.data come last,
 * whole: a run that is cut short leaves no retrain.data and is simply started again. retrain.data begins with
 * a comment that says what it was made from; a later run with the same settings goes straight to training,
 * one with others is refused unless -relabel: images of two runs are not mixed by chance. */
#include "replace/fatal.h"
#include "detect/frames.h"
#include "check/labels.h"
#include "retrain/retrain.h"
#include "train/stop.h"
#include "evaluate/validate.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIVE_FRAMES 1000 /* most of a camera, without -frames */
#define MAX_PATH 3500    /* the library's room for a label file's path is 4096 */

static const char comment[] = "# darknet detector retrain";

static void settings(const dk_retrain *r, char *text, size_t size)
{
    if (r->teacher[0])
        snprintf(text, size, "%s -from %s -teacher %s %s -thresh %g%s -every %d -frames %d -format %s",
                 comment, r->source, r->teacher[0], r->teacher[1], (double)r->thresh,
                 r->empty ? " -empty" : "", r->every, r->frames, r->png ? "png" : "jpg");
    else
        snprintf(text, size, "%s -from %s -labels %s -every %d -frames %d -format %s", comment, r->source,
                 r->labels, r->every, r->frames, r->png ? "png" : "jpg");
}

/* True if data was made with these settings; ends the program if with others. */
static bool made_before(const dk_retrain *r, const char *data)
{
    char wanted[3 * PATH_MAX];
    settings(r, wanted, sizeof wanted);
    FILE *file = fopen(data, "r");
    if (!file) return false;
    char *line = NULL;
    size_t size = 0;
    const ssize_t n = getline(&line, &size, file);
    if (n > 0) line[strcspn(line, "\n")] = '\0';
    const bool ours = n > 0 && strncmp(line, comment, strlen(comment)) == 0;
    const bool same = ours && strcmp(line, wanted) == 0;
    fclose(file);
    free(line);
    if (!ours) dk_die("%s is there, and was not made by this command: give another -out", data);
    if (!same && !r->relabel)
        dk_die("%s was made with other settings (its first line): give another -out, or -relabel", data);
    return same && !r->relabel;
}

static void make_folder(const char *path)
{
    if (mkdir(path, 0777) != 0 && errno != EEXIST) dk_die("cannot make folder %s: %s", path, strerror(errno));
}

typedef struct collection {
    const dk_retrain *r;
    const char *out; /* absolute */
    dk_frames *frames;
    dk_labeller *labeller;
    FILE *list; /* in memory until it is complete */
    int seen, taken, kept, boxes;
} collection;

static void write_text(const char *folder, const char *name, const char *suffix, const char *text)
{
    dk_result file;
    dk_result_open(&file, folder, name, suffix);
    fputs(text, file.file);
    dk_result_close(&file);
}

static void take_frame(collection *c)
{
    char temporary[PATH_MAX], picture[PATH_MAX], labels[PATH_MAX], text[PATH_MAX + 256];
    const char *name = dk_frames_name(c->frames);
    snprintf(temporary, sizeof temporary, "%s/frame.tmp", c->out);
    snprintf(picture, sizeof picture, "%s/images/%s%s", c->out, name, c->r->png ? ".png" : ".jpg");
    snprintf(labels, sizeof labels, "%s/labels", c->out);
    if (!dk_frames_write(c->frames, temporary, c->r->png ? ".png" : ".jpg", text, sizeof text))
        dk_die("%s", text);
    int boxes;
    char *lines = dk_labeller_boxes(c->labeller, dk_frames_number(c->frames), name, temporary, &boxes);
    c->taken++;
    if (!lines) {
        unlink(temporary);
        return;
    }
    write_text(labels, name, ".txt", lines);
    free(lines);
    if (rename(temporary, picture) != 0) dk_die("cannot write %s: %s", picture, strerror(errno));
    fprintf(c->list, "%s\n", picture);
    c->kept++;
    c->boxes += boxes;
}

static void take_all(collection *c)
{
    const int most = c->r->frames ? c->r->frames : dk_frames_live(c->frames) ? LIVE_FRAMES : INT_MAX;
    char text[PATH_MAX + 256];
    int next = 0;
    dk_stop_catch();
    while (c->taken < most && !dk_stop_signal() && (next = dk_frames_next(c->frames, text, sizeof text)) == 1)
        if (c->seen++ % c->r->every == 0) take_frame(c);
    if (next < 0) dk_note("%s", text);
    if (dk_stop_signal())
        dk_note("stopped by %s after %d frames; the same command starts again",
                dk_stop_name(dk_stop_signal()), c->taken);
    if (next < 0 || dk_stop_signal()) exit(next < 0 ? 1 : 128 + dk_stop_signal());
    if (c->taken == most && !c->r->frames) dk_note("took %d frames; -frames N takes more or less", most);
}

/* The library finds a label file by replacing the first "images"
 * in a path. made: out is this run's, and goes again. */
static void check_mapping(const char *out, bool made)
{
    char picture[PATH_MAX], expected[PATH_MAX], found[4096];
    snprintf(picture, sizeof picture, "%s/images/frame_000000.jpg", out);
    snprintf(expected, sizeof expected, "%s/labels/frame_000000.txt", out);
    (void)dk_labels_path(picture, found);
    if (strcmp(found, expected) == 0) return;
    if (made) rmdir(out);
    dk_die(
        "-out %s: Darknet would look for labels in %s; choose a folder without 'images', 'raw' or '.jpg' in "
        "its path",
        out, found);
}

static void write_data(const dk_retrain *r, const dk_datafile *file, const char *out)
{
    char line[3 * PATH_MAX];
    settings(r, line, sizeof line);
    dk_result data;
    dk_result_open(&data, out, "retrain", ".data");
    fprintf(data.file, "%s\nclasses = %d\ntrain = %s/train.list\n", line, r->classes, out);
    if (file->valid) fprintf(data.file, "valid = %s\n", file->valid);
    fprintf(data.file, "names = %s\nbackup = %s\n", file->names, file->backup);
    dk_result_close(&data);
}

/* Takes away folders that this run made for nothing; those that hold something stay. */
static void remove_empty(const char *out)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/images", out);
    rmdir(path);
    snprintf(path, sizeof path, "%s/labels", out);
    rmdir(path);
    rmdir(out);
}

static void collect(const dk_retrain *r, const char *out, dk_frames *frames, dk_labeller *labeller)
{
    char path[PATH_MAX];
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", out, i ? "labels" : "images");
        make_folder(path);
    }
    snprintf(path, sizeof path, "%s/retrain.data", out);
    unlink(path); /* of an earlier run: from here on the folder is not complete */
    collection c = {.r = r, .out = out, .frames = frames, .labeller = labeller};
    char *list = NULL;
    size_t size = 0;
    if (!(c.list = open_memstream(&list, &size))) dk_die("out of memory");
    take_all(&c);
    fclose(c.list);
    if (c.kept == 0) {
        remove_empty(out);
        dk_die("%s: %d frames taken, none kept: %s", r->source, c.taken, dk_labeller_why(labeller));
    }
    write_text(out, "train", ".list", list);
    free(list);
    printf("%s: %d frames, %d taken, %d kept with %d boxes in %s\n", r->source, c.seen, c.taken, c.kept,
           c.boxes, out);
    fflush(stdout);
}

char *dk_retrain_collect(const dk_retrain *r, const dk_datafile *file)
{
    char *data = NULL, text[PATH_MAX + 256];
    if (strpbrk(r->out, " \t\n"))
        dk_die("-out %s: Darknet's data files cannot hold a path with blanks", r->out);
    dk_labeller *labeller = dk_labeller_open(r);
    const bool there = access(r->out, F_OK) == 0;
    if (there && asprintf(&data, "%s/retrain.data", r->out) < 0) dk_die("out of memory");
    if (there && made_before(r, data)) {
        dk_note("%s is complete: going on with its frames (-relabel takes new ones)", data);
        dk_labeller_close(labeller);
        return data;
    }
    free(data);
    dk_chatter_hold(r->source); /* OpenCV's backends have their say on stderr; ours is one line */
    dk_frames *frames = dk_frames_open(r->source, text, sizeof text);
    dk_chatter_drop();
    if (!frames) dk_die("%s", text);
    make_folder(r->out);
    char *out = realpath(r->out, NULL);
    if (!out || strlen(out) > MAX_PATH) dk_die("-out %s: the path is too long, or was removed", r->out);
    check_mapping(out, !there);
    collect(r, out, frames, labeller);
    dk_frames_close(frames);
    dk_labeller_close(labeller);
    write_data(r, file, out);
    if (asprintf(&data, "%s/retrain.data", out) < 0) dk_die("out of memory");
    free(out);
    return data;
}
