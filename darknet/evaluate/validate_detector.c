/* validate_detector.c - `darknet detector valid|recall`, `yolo valid`. */
#include "evaluate/validate.h"

#include "check/datafile.h"
#include "check/labels.h"
#include "replace/fatal.h"
#include "check/preflight.h"
#include "network/boxes.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- valid: detections as files --------------------------------------------------------------------- */

typedef enum format { FORMAT_VOC, FORMAT_COCO, FORMAT_IMAGENET } format;

/* The category numbers of COCO's 80 classes: 1 to 90 without those it left out. */
static int coco_id(int class)
{
    static const int left_out[] = {12, 26, 29, 30, 45, 66, 68, 69, 71, 83};
    int id = class + 1;
    for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++)
        id += left_out[i] <= id;
    return id;
}

/* A file name's last number: COCO_val2014_000000000042.jpg is 42. */
static int image_id(const char *path)
{
    const char *slash = strrchr(path, '/'), *mark = strrchr(path, '_');
    return atoi(mark != NULL ? mark + 1 : slash != NULL ? slash + 1 : path);
}

static float clamped(float x, float least, float most)
{
    return x < least ? least : x > most ? most : x;
}

/* An open set of result files. */
typedef struct results {
    format format;
    dk_result *file; /* per class for VOC, else one */
    int n, classes, entries;
} results;

static void write_detections(results *r, const char *path, int number, const detection *dets, int n, int w,
                             int h, int origin)
{
    char *id = basecfg((char *)path);
    for (int i = 0; i < n; i++) {
        const box b = dets[i].bbox;
        const float o = (float)origin;
        const double x0 = (double)clamped(b.x - b.w / 2 + o, o, (float)w),
                     x1 = (double)clamped(b.x + b.w / 2 + o, o, (float)w);
        const double y0 = (double)clamped(b.y - b.h / 2 + o, o, (float)h),
                     y1 = (double)clamped(b.y + b.h / 2 + o, o, (float)h);
        for (int c = 0; c < r->classes; c++) {
            const double score = (double)dets[i].prob[c];
            if (score == 0) continue;
            if (r->format == FORMAT_COCO)
                fprintf(r->file[0].file,
                        "%s{\"image_id\":%d, \"category_id\":%d, \"bbox\":[%f, %f, %f, %f], \"score\":%f}",
                        r->entries > 0 ? ",\n" : "", image_id(path), coco_id(c), x0, y0, x1 - x0, y1 - y0,
                        score);
            else if (r->format == FORMAT_IMAGENET)
                fprintf(r->file[0].file, "%d %d %f %f %f %f %f\n", number, c + 1, score, x0, y0, x1, y1);
            else
                fprintf(r->file[c].file, "%s %f %f %f %f %f\n", id, score, x0, y0, x1, y1);
            r->entries++;
        }
    }
    free(id);
}

static void open_results(results *r, const char *directory, const char *name, char **names)
{
    r->n = r->format == FORMAT_VOC ? r->classes : 1;
    r->file = calloc((size_t)r->n, sizeof *r->file);
    for (int i = 0; i < r->n; i++) {
        char full[512];
        snprintf(full, sizeof full, "%s%s", name, r->format == FORMAT_VOC ? names[i] : "");
        dk_result_open(&r->file[i], directory, full, r->format == FORMAT_COCO ? ".json" : ".txt");
    }
    if (r->format == FORMAT_COCO) fputs("[\n", r->file[0].file);
}

static void close_results(results *r)
{
    if (r->format == FORMAT_COCO) fputs("\n]\n", r->file[0].file);
    for (int i = 0; i < r->n; i++)
        dk_result_close(&r->file[i]);
    free(r->file);
}

typedef struct settings {
    data_type type;
    float least, hier, suppression;
    int origin; /* what the file format counts pixels from */
    int *map;
} settings;

static void detect_all(const dk_eval *e, const dk_lines *images, results *r, const settings *s)
{
    dk_ahead *ahead = dk_ahead_open(images->line, images->n, s->type, e->net->w, e->net->h);
    const double start = what_time_is_it_now();
    image original, sized;
    for (int i = 0; dk_ahead_next(ahead, &original, &sized); i++) {
        network_predict(e->net, sized.data);
        int n = 0;
        detection *dets = get_network_boxes(e->net, original.w, original.h, s->least, s->hier, s->map, 0, &n);
        dk_suppress(e->net, dets, n, e->classes, s->suppression);
        write_detections(r, images->line[i], i + 1, dets, n, original.w, original.h, s->origin);
        free_detections(dets, n);
        free_image(original);
        free_image(sized);
    }
    dk_ahead_close(ahead);
    fprintf(stderr, "Total Detection Time: %f Seconds\n", what_time_is_it_now() - start);
}

int dk_cmd_detector_valid(int argc, char **argv)
{
    dk_eval e;
    dk_eval_open(&e, DK_EVAL_VALID, argc, argv, 2, "dcw");
    dk_eval_thresh(&e, .005f, .001f);
    dk_eval_need_detector(&e);
    const char *type = dk_eval_option(&e, "eval", "voc"), *map = dk_eval_option(&e, "map", "");
    if (strcmp(type, "voc") != 0 && strcmp(type, "coco") != 0 && strcmp(type, "imagenet") != 0)
        dk_die("%s: eval = %s is not carried out here: voc, coco or imagenet", e.data, type);
    results r = {.format = strcmp(type, "coco") == 0       ? FORMAT_COCO
                           : strcmp(type, "imagenet") == 0 ? FORMAT_IMAGENET
                                                           : FORMAT_VOC,
                 .classes = e.classes};
    if (r.format == FORMAT_COCO && e.classes > 80)
        dk_die("%s: eval = coco needs COCO's 80 classes, but %s has %d", e.data, e.cfg, e.classes);
    if (r.format == FORMAT_IMAGENET && map[0] != '\0') r.classes = 200;
    char **names = r.format == FORMAT_VOC ? dk_eval_names(&e, dk_eval_option(&e, "names", NULL)) : NULL;
    static const char *const prefix[] = {"comp4_det_test_", "coco_results", "imagenet-detection"};
    dk_lines images;
    dk_lines_read(dk_eval_option(&e, "valid", NULL), "validation list", &images);
    dk_check_images(&images);
    open_results(&r, dk_eval_option(&e, "results", "results"), e.out != NULL ? e.out : prefix[r.format],
                 names);
    const settings s = {.type = dk_picture_data(e.net),
                        .least = e.thresh,
                        .hier = .5f,
                        .suppression = dk_eval_choose(&e, .45f, .6f),
                        .origin = r.format == FORMAT_VOC,
                        .map = map[0] != '\0' ? read_map((char *)map) : NULL};
    detect_all(&e, &images, &r, &s);
    close_results(&r);
    dk_lines_free(&images);
    free_network(e.net);
    return 0;
}

/* ---- recall ----------------------------------------------------------------------------------------- */

int dk_cmd_detector_recall(int argc, char **argv)
{
    dk_eval e;
    dk_eval_open(&e, DK_EVAL_RECALL, argc, argv, 2, "dcw");
    dk_eval_thresh(&e, .001f, .001f);
    dk_eval_need_detector(&e);
    dk_lines images;
    dk_lines_read(dk_eval_option(&e, "valid", NULL), "validation list", &images);
    dk_check_images(&images);
    dk_check_truths(&images, DETECTION_DATA, e.classes, DK_MISSING_MOST);
    dk_ahead *ahead = dk_ahead_open(images.line, images.n, IMAGE_DATA, e.net->w, e.net->h);
    int total = 0, correct = 0, proposals = 0;
    double sum_iou = 0;
    image original, sized;
    for (int i = 0; dk_ahead_next(ahead, &original, &sized); i++) {
        network_predict(e.net, sized.data);
        int n = 0;
        detection *dets = get_network_boxes(e.net, sized.w, sized.h, e.thresh, .5f, NULL, 1, &n);
        do_nms_obj(dets, n, 1, .4f);
        for (int k = 0; k < n; k++)
            proposals += dets[k].objectness > e.thresh;
        const dk_labels labels = dk_labels_of(images.line[i], e.classes);
        const box_label *truth = labels.box;
        for (int j = 0; j < labels.n; j++) {
            const box t = {truth[j].x, truth[j].y, truth[j].w, truth[j].h};
            float best = 0;
            for (int k = 0; k < n; k++)
                if (dets[k].objectness > e.thresh && box_iou(dets[k].bbox, t) > best)
                    best = box_iou(dets[k].bbox, t);
            total++;
            sum_iou += (double)best;
            correct += best > e.iou;
        }
        fprintf(stderr, "%5d %5d %5d\tRPs/Img: %.2f\tIOU: %.2f%%\tRecall:%.2f%%\n", i, correct, total,
                (double)proposals / (i + 1), total > 0 ? sum_iou * 100 / total : 0,
                total > 0 ? 100. * correct / total : 0);
        free(labels.box);
        free_detections(dets, n);
        free_image(original);
        free_image(sized);
    }
    dk_ahead_close(ahead);
    dk_lines_free(&images);
    free_network(e.net);
    return 0;
}

/* ---- yolo: the first version's networks, on PASCAL VOC's classes ------------------------------------ */

int dk_cmd_yolo_valid(int argc, char **argv)
{
    dk_eval e;
    dk_eval_open(&e, DK_EVAL_VALID, argc, argv, 2, "cw");
    dk_eval_thresh(&e, .001f, .001f);
    dk_eval_need_voc(&e);
    if (e.list == NULL) dk_die("yolo valid needs -list FILE, the images to detect in");
    dk_lines images;
    dk_lines_read(e.list, "validation list", &images);
    dk_check_images(&images);
    results r = {.format = FORMAT_VOC, .classes = e.classes};
    open_results(&r, "results", e.out != NULL ? e.out : "comp4_det_test_", (char **)dk_voc_names);
    const settings s = {.type = IMAGE_DATA, .least = e.thresh, .suppression = .5f};
    detect_all(&e, &images, &r, &s);
    close_results(&r);
    dk_lines_free(&images);
    free_network(e.net);
    return 0;
}
