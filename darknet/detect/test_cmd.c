/* test_cmd.c - `darknet detector test`, `detect`, `yolo test`: boxes of single images.
 *
 * DESIGN
 *   Printed and drawn as whose words the command line speaks: the packaged program's, or, for a cfg or a flag
 * that only the forks have, theirs. -out NAME.json (for the forks any -out) is a list of all images' boxes;
 * another -out is the name of the image with its boxes, predictions otherwise. An image that cannot be
 * read ends the program; the JSON of those before it is complete. */
#include "detect/detect.h"

#include "check/datafile.h"
#include "check/preflight.h"
#include "detect/canvas.h"
#include "detect/found.h"
#include "evaluate/validate.h"
#include "replace/fatal.h"
#include "replace/image_load.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct tester {
    dk_eval *e;
    char **names;
    image **alphabet; /* letters of the packaged program, if they are where it looks for them */
    const char *picture;
    dk_result json; /* file NULL: none */
    long count;     /* of images */
} tester;

static bool is_json(const dk_eval *e)
{
    const char *dot = e->out != NULL ? strrchr(e->out, '.') : NULL;
    return e->out != NULL && (e->forks || (dot != NULL && strcmp(dot, ".json") == 0));
}

static void begin(tester *t, dk_eval *e, char **names)
{
    *t = (tester){.e = e, .names = names, .picture = e->out != NULL ? e->out : "predictions"};
    if (is_json(e)) {
        t->picture = "predictions";
        dk_result_at(&t->json, e->out);
        fputs("[\n", t->json.file);
    }
    if (e->forks) return;
    if (access("data/labels/32_0.png", R_OK) == 0)
        t->alphabet = load_alphabet();
    else
        dk_note("boxes are drawn without names: data/labels/ is not in this directory");
}

static void end(tester *t)
{
    if (t->json.file == NULL) return;
    fputs("\n]", t->json.file);
    dk_result_close(&t->json);
}

/* Ends the program for an image that cannot be read, after what was found before is in place. */
static void need_image(tester *t, const char *path)
{
    if (access(path, R_OK) == 0 && dk_image_recognised(path)) return;
    end(t);
    dk_file_check(path, "image");
    dk_die("cannot read image %s", path);
}

/* ---- the image with its boxes --------------------------------------------------------------------- */

static void draw(const tester *t, image im, const detection *dets, int n)
{
    const dk_eval *e = t->e;
    char text[512], path[4096];
    dk_mark *marks;
    const int count = dk_marks(dets, n, e->classes, e->thresh, t->names, &marks);
    dk_marks_print(stdout, marks, count, e->classes, e->thresh, t->names, e->ext_output, im.w, im.h);
    dk_canvas *canvas = dk_canvas_of(im.data, im.w, im.h, im.c);
    dk_marks_draw(canvas, marks, count, t->names, e->classes, im.w, im.h);
    snprintf(path, sizeof path, "%s.jpg", t->picture);
    if (!dk_canvas_write(canvas, path, text, sizeof text)) dk_die("%s", text);
    if (e->show && dk_canvas_show(canvas, "predictions", 0, text, sizeof text) == -2) dk_note("%s", text);
    dk_canvas_free(canvas);
    free(marks);
}

static void draw_packaged(const tester *t, image im, detection *dets, int n)
{
    draw_detections(im, dets, n, t->e->thresh, t->names, t->alphabet, t->e->classes);
    save_image(im, t->picture);
    if (t->e->show && t->e->out == NULL) {
        make_window("predictions", 512, 512, 0);
        show_image(im, "predictions", 0);
    }
}

/* ---- one image ------------------------------------------------------------------------------------ */

static void report(tester *t, const char *path, image im, detection *dets, int n)
{
    const dk_eval *e = t->e;
    t->count++;
    if (e->forks || e->ext_output)
        draw(t, im, dets, n);
    else
        draw_packaged(t, im, dets, n);
    if (t->json.file != NULL) {
        if (t->count > 1) fputs(", \n", t->json.file);
        dk_found_json(t->json.file, dets, n, e->classes, t->names, t->count, path);
    }
    if (e->save_labels) dk_found_labels(path, dets, n, e->classes, e->thresh);
}

static int test_images(dk_eval *e, char **names)
{
    char line[4096] = "";
    tester t;
    begin(&t, e, names);
    for (const char *path; (path = dk_eval_next_image(e, line, sizeof line)) != NULL;) {
        need_image(&t, path);
        image im = load_image_color((char *)path, 0, 0), sized = dk_sized(e->net, im);
        const double start = what_time_is_it_now();
        int n = 0;
        detection *dets = dk_found(e->net, sized, im.w, im.h, e->thresh, e->hier, .45f, &n);
        const double took = what_time_is_it_now() - start;
        if (e->forks)
            printf("%s: Predicted in %f milli-seconds.\n", path, took * 1000);
        else
            printf("%s: Predicted in %f seconds.\n", path, took);
        report(&t, path, im, dets, n);
        free_detections(dets, n);
        free_image(sized);
        free_image(im);
    }
    end(&t);
    free_network(e->net);
    return 0;
}

int dk_cmd_detector_test(int argc, char **argv)
{
    dk_eval e;
    dk_eval_open(&e, DK_EVAL_TEST, argc, argv, 2, "dcwi");
    dk_eval_thresh(&e, .5f, .25f);
    dk_eval_need_detector(&e);
    return test_images(&e, dk_eval_names(&e, dk_eval_option(&e, "names", NULL)));
}

int dk_cmd_detect(int argc, char **argv)
{
    dk_eval e;
    dk_eval_open(&e, DK_EVAL_TEST, argc, argv, 1, "cwi");
    dk_eval_thresh(&e, .5f, .24f);
    dk_eval_need_detector(&e);
    e.data = "cfg/coco.data";
    dk_file_check(e.data, "data file");
    e.options = read_data_cfg((char *)e.data);
    return test_images(&e, dk_eval_names(&e, dk_eval_option(&e, "names", NULL)));
}

/* The first version's networks, on PASCAL VOC's classes: images are stretched. */
int dk_cmd_yolo_test(int argc, char **argv)
{
    dk_eval e;
    dk_eval_open(&e, DK_EVAL_TEST, argc, argv, 2, "cwi");
    dk_eval_thresh(&e, .2f, .2f);
    dk_eval_need_voc(&e);
    char line[4096] = "";
    tester t;
    begin(&t, &e, (char **)dk_voc_names);
    for (const char *path; (path = dk_eval_next_image(&e, line, sizeof line)) != NULL;) {
        need_image(&t, path);
        image im = load_image_color((char *)path, 0, 0), sized = resize_image(im, e.net->w, e.net->h);
        const double start = what_time_is_it_now();
        network_predict(e.net, sized.data);
        printf("%s: Predicted in %f seconds.\n", path, what_time_is_it_now() - start);
        int n = 0;
        detection *dets = get_network_boxes(e.net, 1, 1, e.thresh, 0, NULL, 0, &n);
        do_nms_sort(dets, n, e.classes, .4f);
        report(&t, path, im, dets, n);
        free_detections(dets, n);
        free_image(sized);
        free_image(im);
    }
    end(&t);
    free_network(e.net);
    return 0;
}
