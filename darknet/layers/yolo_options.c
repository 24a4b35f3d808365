/* yolo_options.c - see yolo_options.h. */
#include "layers/yolo_options.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool silent;

static int *read_mask(const dk_source *s, int total, int *n)
{
    const char *at = dk_option_text(s, "mask", NULL);
    *n = at ? dk_cfg_items(at) : total;
    int *mask = dk_room((size_t)*n, sizeof *mask);
    for (int i = 0; i < *n; i++, at = at ? dk_cfg_item(at) : NULL) {
        mask[i] = at ? atoi(at) : i;
        if (mask[i] < 0 || mask[i] >= total)
            dk_wrong(s, "mask=%d names an anchor outside 0..%d (num=%d)", mask[i], total - 1, total);
    }
    return mask;
}

/* How many anchors there are: num=, but as many as a published cfg of the forks lists where a mask= of it names
 * one beyond num= (there the forks read what lies behind their array). */
static int count_anchors(const dk_source *s)
{
    const int num = dk_option_int(s, "num", 1);
    const char *at = dk_option_text(s, "mask", NULL), *anchors = dk_option_text(s, "anchors", NULL);
    int last = -1;
    for (; at; at = dk_cfg_item(at))
        if (atoi(at) > last) last = atoi(at);
    const int listed = anchors ? dk_cfg_items(anchors) / 2 : num;
    return s->extra->forks && last >= num && last < listed ? listed : num;
}

/* What the library sizes for 4 values of a box. */
static void widen(layer *l, int coords)
{
    if (coords == 4) return;
    l->c = l->out_c = l->n * (l->classes + coords + 1);
    l->outputs = l->inputs = l->w * l->h * l->c;
    l->output = dk_resized(l->output, dk_values(l));
    l->delta = dk_resized(l->delta, dk_values(l));
}

layer dk_yolo_make(const dk_source *s, int coords)
{
    const int classes = dk_option_int(s, "classes", 20), total = count_anchors(s);
    int n;
    int *mask = read_mask(s, total, &n);
    layer l = make_yolo_layer(s->at.batch, s->at.w, s->at.h, n, total, mask, classes);
    widen(&l, coords);
    if (l.outputs != s->at.inputs)
        dk_wrong(
            s,
            "the layer before it gives %d values, which does not fit: it takes %d; filters= there must be %d",
            s->at.inputs, l.outputs, l.c);
    l.max_boxes = dk_option_int(s, "max", s->extra->forks ? 200 : 90);
    if (l.max_boxes < 1) dk_wrong(s, "max=%d must be at least 1", l.max_boxes);
    l.truths = l.max_boxes * (4 + 1);
    l.jitter = dk_option_float(s, "jitter", .2f);
    l.ignore_thresh = dk_option_float(s, "ignore_thresh", .5f);
    l.truth_thresh = dk_option_float(s, "truth_thresh", 1);
    l.random = dk_option_float(s, "random", 0) > 0;
    l.onlyforward = 0;
    const char *map = dk_option_text(s, "map", NULL), *anchors = dk_option_text(s, "anchors", NULL);
    if (map) l.map = read_map((char *)map);
    for (int i = 0; anchors && i < 2 * total; i++, anchors = dk_cfg_item(anchors))
        l.biases[i] = (float)atof(anchors);
    return l;
}

static dk_overlap overlap_option(const dk_source *s, const char *key, const char *otherwise)
{
    const char *name = dk_option_text(s, key, otherwise);
    const int kind = dk_overlap_parse(name);
    if (kind < 0) dk_wrong(s, "%s=%s is none of mse, iou, giou, diou and ciou", key, name);
    return (dk_overlap)kind;
}

static dk_nms nms_option(const dk_source *s)
{
    static const char *const names[] = {"default", "greedynms", "diounms", "cornersnms"};
    const char *name = dk_option_text(s, "nms_kind", "default");
    for (int i = 0; i < 4; i++)
        if (strcmp(name, names[i]) == 0) return (dk_nms)i;
    dk_wrong(s, "nms_kind=%s is none of default, greedynms, diounms and cornersnms", name);
}

/* A class weighs the more the fewer labels it has; the commonest weighs 1. */
static float *multipliers(const dk_source *s, int classes, float most)
{
    const char *at = dk_option_text(s, "counters_per_class", NULL);
    if (!at) return NULL;
    if (dk_cfg_items(at) != classes)
        dk_wrong(s, "counters_per_class has %d values, but classes=%d", dk_cfg_items(at), classes);
    float *m = dk_room((size_t)classes, sizeof *m), largest = 0;
    for (int i = 0; i < classes; i++, at = dk_cfg_item(at)) {
        const int count = atoi(at);
        m[i] = (float)(count < 1 ? 1 : count);
        if (m[i] > largest) largest = m[i];
    }
    for (int i = 0; i < classes; i++)
        m[i] = largest / m[i] > most ? most : largest / m[i];
    return m;
}

static void free_yolo(layer *l)
{
    dk_yolo *y = dk_extra_of(l)->own;
    free(y->multipliers);
    free(y);
}

void dk_yolo_take_options(const dk_source *s, layer *l)
{
    dk_yolo *y = dk_room(1, sizeof *y);
    *y = (dk_yolo){.loss = overlap_option(s, "iou_loss", "mse"),
                   .thresh_kind = overlap_option(s, "iou_thresh_kind", "iou"),
                   .nms = nms_option(s),
                   .beta_nms = dk_option_float(s, "beta_nms", .6f),
                   .scale_x_y = dk_option_float(s, "scale_x_y", 1),
                   .iou_normalizer = dk_option_float(s, "iou_normalizer", .75f),
                   .obj_normalizer = dk_option_float(s, "obj_normalizer", 1),
                   .cls_normalizer = dk_option_float(s, "cls_normalizer", 1),
                   .delta_normalizer = dk_option_float(s, "delta_normalizer", 1),
                   .uc_normalizer = dk_option_float(s, "uc_normalizer", 1),
                   .max_delta = dk_option_float(s, "max_delta", FLT_MAX),
                   .iou_thresh = dk_option_float(s, "iou_thresh", 1),
                   .label_smooth = dk_option_float(s, "label_smooth_eps", 0),
                   .random = dk_option_float(s, "random", 0),
                   .resize = dk_option_float(s, "resize", 1),
                   .new_coords = dk_option_int(s, "new_coords", 0) != 0,
                   .objectness_smooth = dk_option_int(s, "objectness_smooth", 0) != 0,
                   .focal = dk_option_int(s, "focal_loss", 0) != 0};
    y->multipliers = multipliers(s, l->classes, y->max_delta);
    s->extra->own = y;
    s->extra->free_own = free_yolo;
}

void dk_yolo_lines(bool print)
{
    silent = !print;
}

void dk_yolo_print(const layer *l, int index)
{
    const dk_yolo *y = dk_yolo_of(l);
    const dk_yolo_sums *sums = &y->sums;
    if (silent) return;
    const char *loss = y->loss == DK_OVERLAP_MSE ? "mse" : y->loss == DK_OVERLAP_GIOU ? "giou" : "iou";
    fprintf(stderr,
            "v3 (%s loss, Normalizer: (iou: %.2f, obj: %.2f, cls: %.2f) Region %d Avg (IOU: %f), count: %d, "
            "class_loss = %f, iou_loss = %f, total_loss = %f \n",
            loss, (double)y->iou_normalizer, (double)y->obj_normalizer, (double)y->cls_normalizer, index,
            sums->iou / (sums->count > 0 ? sums->count : 1), sums->count, (double)sums->class_loss,
            (double)sums->box_loss, (double)sums->loss);
}
