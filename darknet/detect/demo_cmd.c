/* demo_cmd.c - `darknet detector demo DATA CFG WEIGHTS [VIDEO]`: boxes of a video's or a camera's frames.
 *
 * DESIGN
 *   Frames are taken, detected in and shown one after the other; each may be printed, drawn into a window, a
 * video file (-out_filename), images (-prefix) or a JSON list (-json_file_output). Images and JSON are
 * not served over the network: -json_port ends the program, since whoever gives it waits for an answer;
 * -mjpeg_port, beside which the forks show a window, is reported. */
#include "detect/detect.h"

#include "detect/canvas.h"
#include "detect/film.h"
#include "detect/found.h"
#include "evaluate/validate.h"
#include "replace/fatal.h"
#include "detect/frames.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KEY_ESCAPE = 27 };

typedef struct player {
    dk_eval *e;
    char **names;
    dk_frames *frames;
    const char *source;
    dk_film *film;
    dk_result json;       /* file NULL: none */
    long count;           /* of frames */
    double start, second; /* time at the first frame, at the last measurement */
    long counted;         /* frames then */
    double rate, mean;    /* frames per second: now, over a while */
} player;

static void begin(player *p, dk_eval *e)
{
    char text[1024], number[16];
    snprintf(number, sizeof number, "%d", e->camera);
    *p = (player){.e = e, .source = e->image != NULL ? e->image : number};
    if (e->json_port != NULL)
        dk_die(
            "-json_port %s: detections are not served over the network; -json_file_output FILE writes them",
            e->json_port);
    if (!e->show && e->want_show && e->film == NULL && e->prefix == NULL && e->json == NULL)
        dk_die("detector demo shows a window, and there is no display: -dont_show does without, "
               "-out_filename out.avi writes a video");
    p->names = dk_eval_names(e, dk_eval_option(e, "names", NULL));
    p->frames = dk_frames_open(p->source, text, sizeof text);
    if (p->frames == NULL) dk_die("%s", text);
    if (e->json != NULL) {
        dk_result_at(&p->json, e->json);
        fputs("[\n", p->json.file);
    }
    printf("Demo\n");
    if (e->image != NULL)
        printf("video file: %s\n", e->image);
    else
        printf("Webcam index: %d\n", e->camera);
    p->start = p->second = what_time_is_it_now();
}

static void end(player *p)
{
    dk_frames_close(p->frames);
    printf("input video stream closed. \n");
    if (p->film != NULL) {
        dk_film_close(p->film);
        printf("output_video_writer closed. \n");
    }
    if (p->json.file != NULL) {
        fputs("\n]", p->json.file);
        dk_result_close(&p->json);
    }
}

/* ---- one frame -------------------------------------------------------------------------------------- */

static void measure(player *p)
{
    const double now = what_time_is_it_now(), over = now - p->second;
    p->rate = (double)p->count / (now - p->start + 1e-9);
    if (over < 3) return;
    p->mean = (double)(p->count - p->counted) / over;
    p->second = now;
    p->counted = p->count;
}

static void print_frame(const player *p, const dk_mark *marks, int n, int w, int h)
{
    const dk_eval *e = p->e;
    if (isatty(STDOUT_FILENO)) printf("\033[H\033[J");
    printf("Objects:\n\n");
    dk_marks_print(stdout, marks, n, e->classes, e->thresh, p->names, e->ext_output, w, h);
    printf("\nFPS:%.1f \t AVG_FPS:%.1f\n", p->rate, p->mean > 0 ? p->mean : p->rate);
}

/* Shows or writes the frame; false if the user has seen enough. */
static bool give(player *p, const dk_canvas *canvas)
{
    const dk_eval *e = p->e;
    char text[1024];
    if (e->prefix != NULL) {
        char path[4096];
        snprintf(path, sizeof path, "%s_%08ld.jpg", e->prefix, p->count);
        if (!dk_canvas_write(canvas, path, text, sizeof text)) dk_die("%s", text);
    }
    if (e->film != NULL) {
        if (p->film == NULL) {
            const double rate = dk_frames_rate(p->frames);
            p->film = dk_film_open(e->film, rate > 0 ? rate : 25, canvas, text, sizeof text);
            if (p->film == NULL) dk_die("-out_filename: %s", text);
        }
        if (!dk_film_add(p->film, canvas, text, sizeof text)) dk_die("-out_filename: %s", text);
    }
    if (!e->show || e->prefix != NULL) return true;
    const int key = dk_canvas_show(canvas, "Demo", 1, text, sizeof text);
    if (key == -2) dk_die("%s", text);
    return key != KEY_ESCAPE;
}

static bool show_frame(player *p, image im, const detection *dets, int n)
{
    const dk_eval *e = p->e;
    dk_mark *marks;
    const int count = dk_marks(dets, n, e->classes, e->thresh, p->names, &marks);
    p->count++;
    measure(p);
    print_frame(p, marks, count, im.w, im.h);
    if (p->json.file != NULL) {
        if (p->count > 1) fputs(", \n", p->json.file);
        dk_found_json(p->json.file, dets, n, e->classes, p->names, p->count, NULL);
    }
    dk_canvas *canvas = dk_canvas_of(im.data, im.w, im.h, im.c);
    if (!e->no_boxes) dk_marks_draw(canvas, marks, count, p->names, e->classes, im.w, im.h);
    const bool on = give(p, canvas);
    dk_canvas_free(canvas);
    free(marks);
    return on;
}

static bool one_frame(player *p)
{
    const dk_eval *e = p->e;
    int w, h, n = 0;
    dk_frames_size(p->frames, &w, &h);
    image im = make_image(w, h, 3);
    dk_frames_planes(p->frames, im.data);
    image sized = dk_sized(e->net, im);
    detection *dets = dk_found(e->net, sized, w, h, e->thresh, e->hier, .45f, &n);
    const bool on = show_frame(p, im, dets, n);
    free_detections(dets, n);
    free_image(sized);
    free_image(im);
    return on;
}

int dk_cmd_detector_demo(int argc, char **argv)
{
    dk_eval e;
    player p;
    char text[1024];
    int more;
    dk_eval_open(&e, DK_EVAL_DEMO, argc, argv, 2, "dcwi");
    dk_eval_thresh(&e, .5f, .25f);
    dk_eval_need_detector(&e);
    begin(&p, &e);
    while ((more = dk_frames_next(p.frames, text, sizeof text)) > 0) {
        if (!one_frame(&p)) break;
        if (e.seconds > 0 && what_time_is_it_now() - p.start > e.seconds) break;
    }
    end(&p);
    if (more < 0) dk_die("%s", text);
    free_network(e.net);
    return 0;
}
