/* region_loss.c - see region_loss.h.
 *
 * DESIGN
 *   Of each anchor in each cell l.output holds, a plane each: x and y (after the logistic function), w, h (as they
 * came in), objectness (after it), classes (after a softmax). A label trains the one anchor of its cell whose
 * shape is nearest; all others are trained towards no object, unless their box lies on a label by more than
 * thresh=. While the run has seen few images, all boxes are drawn a little to their anchors. */
#include "layers/region_loss.h"

#include "layers/overlap.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Images until which boxes are drawn to their anchors, and how strongly. */
enum { EARLY_IMAGES = 12800 };
#define EARLY_SCALE .01f

typedef struct region_sums {
    float iou, recall, class, object, any;
    int labels, classes;
} region_sums;

/* One anchor in one cell of one image. */
typedef struct region_place {
    int image, anchor, column, row;
} region_place;

/* What a label says: its box in units of the image. */
typedef struct region_label {
    box at;
    int class;
} region_label;

static size_t value_at(const layer *l, region_place p, int entry)
{
    const size_t plane = (size_t)l->w * (size_t)l->h;
    const size_t per_anchor = (size_t)(l->coords + 1 + l->classes);
    return (size_t)p.image * (size_t)l->outputs + ((size_t)p.anchor * per_anchor + (size_t)entry) * plane +
           (size_t)p.row * (size_t)l->w + (size_t)p.column;
}

static float slope_of_logistic(float y)
{
    return y * (1 - y);
}

static box box_at(const layer *l, region_place p)
{
    const float w = (float)l->w, h = (float)l->h;
    return (box){((float)p.column + l->output[value_at(l, p, 0)]) / w,
                 ((float)p.row + l->output[value_at(l, p, 1)]) / h,
                 expf(l->output[value_at(l, p, 2)]) * l->biases[2 * p.anchor] / w,
                 expf(l->output[value_at(l, p, 3)]) * l->biases[2 * p.anchor + 1] / h};
}

static void train_box(const layer *l, region_place p, box truth, float scale)
{
    const float x = l->output[value_at(l, p, 0)], y = l->output[value_at(l, p, 1)];
    const float w = (float)l->w, h = (float)l->h;
    l->delta[value_at(l, p, 0)] = scale * (truth.x * w - (float)p.column - x) * slope_of_logistic(x);
    l->delta[value_at(l, p, 1)] = scale * (truth.y * h - (float)p.row - y) * slope_of_logistic(y);
    l->delta[value_at(l, p, 2)] =
        scale * (logf(truth.w * w / l->biases[2 * p.anchor]) - l->output[value_at(l, p, 2)]);
    l->delta[value_at(l, p, 3)] =
        scale * (logf(truth.h * h / l->biases[2 * p.anchor + 1]) - l->output[value_at(l, p, 3)]);
}

static void train_object(const layer *l, region_place p, float wanted, float scale)
{
    const size_t k = value_at(l, p, l->coords);
    l->delta[k] = scale * (wanted - l->output[k]) * slope_of_logistic(l->output[k]);
}

static float train_flat_class(const layer *l, region_place p, int class, float scale)
{
    for (int c = 0; c < l->classes; c++) {
        const size_t k = value_at(l, p, l->coords + 1 + c);
        l->delta[k] = scale * ((c == class ? 1.f : 0.f) - l->output[k]);
    }
    return l->output[value_at(l, p, l->coords + 1 + class)];
}

/* Every group on the way up from class; returns the product of probabilities along it. */
static float train_tree_class(const layer *l, region_place p, int class, float scale)
{
    const tree *t = l->softmax_tree;
    float all = 1;
    for (; class >= 0; class = t->parent[class]) {
        const int group = t->group[class];
        all *= l->output[value_at(l, p, l->coords + 1 + class)];
        for (int i = 0; i < t->group_size[group]; i++) {
            const int c = t->group_offset[group] + i;
            const size_t k = value_at(l, p, l->coords + 1 + c);
            l->delta[k] = scale * ((c == class ? 1.f : 0.f) - l->output[k]);
        }
    }
    return all;
}

static void train_class(const layer *l, region_place p, int class, float scale, region_sums *sums)
{
    if (l->map) class = l->map[class];
    sums->class +=
        l->softmax_tree ? train_tree_class(l, p, class, scale) : train_flat_class(l, p, class, scale);
    sums->classes++;
}

/* The t-th label of an image; false if there are no more. Labels of no class of the cfg have class -1. */
static bool label_at(const layer *l, const network *net, int image, int t, region_label *label)
{
    if (t >= l->max_boxes) return false;
    const float *truth = net->truth + (size_t)image * (size_t)l->truths + (size_t)t * (size_t)(l->coords + 1);
    if (!(truth[0] > 0 || truth[0] < 0)) return false;
    label->at = (box){truth[0], truth[1], truth[2], truth[3]};
    label->class = truth[4] >= 0 && truth[4] < (float)l->classes ? (int)truth[4] : -1;
    return true;
}

/* What an anchor learns that no label has claimed yet. */
static void train_unclaimed(const layer *l, const network *net, region_place p, region_sums *sums)
{
    const box predicted = box_at(l, p);
    const float object = l->output[value_at(l, p, l->coords)];
    float best = 0;
    int class = -1;
    region_label label;
    for (int t = 0; label_at(l, net, p.image, t, &label); t++) {
        const float iou = label.class < 0 ? 0 : dk_overlap_iou(predicted, label.at);
        if (iou > best) {
            best = iou;
            class = label.class;
        }
    }
    sums->any += object;
    train_object(l, p, l->classfix == -1 ? best : 0, l->noobject_scale);
    if (l->classfix != -1 && best > l->thresh) {
        l->delta[value_at(l, p, l->coords)] = 0;
        if (l->classfix > 0 && class >= 0)
            train_class(l, p, class, l->class_scale * (l->classfix == 2 ? object : 1), sums);
    }
    if (*net->seen < EARLY_IMAGES) {
        const float w = (float)l->w, h = (float)l->h;
        const box anchor = {((float)p.column + .5f) / w, ((float)p.row + .5f) / h,
                            l->biases[2 * p.anchor] / w, l->biases[2 * p.anchor + 1] / h};
        train_box(l, p, anchor, EARLY_SCALE);
    }
}

/* The anchor of the label's cell whose box (bias_match=1: whose anchor) has the shape nearest to its. */
static region_place claim(const layer *l, int image, box truth)
{
    region_place p = {
        .image = image, .column = (int)(truth.x * (float)l->w), .row = (int)(truth.y * (float)l->h)};
    if (p.column >= l->w) p.column = l->w - 1;
    if (p.row >= l->h) p.row = l->h - 1;
    const box shape = {0, 0, truth.w, truth.h};
    region_place best = p;
    float most = 0;
    for (p.anchor = 0; p.anchor < l->n; p.anchor++) {
        box b = box_at(l, p);
        if (l->bias_match) {
            b.w = l->biases[2 * p.anchor] / (float)l->w;
            b.h = l->biases[2 * p.anchor + 1] / (float)l->h;
        }
        b.x = b.y = 0;
        const float iou = dk_overlap_iou(b, shape);
        if (iou > most) {
            most = iou;
            best = p;
        }
    }
    return best;
}

static void train_label(const layer *l, int image, region_label label, region_sums *sums)
{
    const region_place p = claim(l, image, label.at);
    const float iou = dk_overlap_iou(box_at(l, p), label.at);
    train_box(l, p, label.at, l->coord_scale);
    sums->object += l->output[value_at(l, p, l->coords)];
    train_object(l, p, l->rescore ? iou : 1, l->object_scale);
    train_class(l, p, label.class, l->class_scale, sums);
    sums->iou += iou;
    sums->recall += iou > .5f ? 1.f : 0.f;
    sums->labels++;
}

static void train_image(const layer *l, const network *net, int image, region_sums *sums)
{
    region_place p = {.image = image};
    for (p.row = 0; p.row < l->h; p.row++)
        for (p.column = 0; p.column < l->w; p.column++)
            for (p.anchor = 0; p.anchor < l->n; p.anchor++)
                train_unclaimed(l, net, p, sums);
    region_label label;
    for (int t = 0; label_at(l, net, image, t, &label); t++)
        if (label.class >= 0) train_label(l, image, label, sums);
}

void dk_region_loss(const layer *l, const network *net)
{
    const size_t n = (size_t)l->outputs * (size_t)l->batch;
    region_sums sums = {0};
    memset(l->delta, 0, n * sizeof *l->delta);
    for (int b = 0; b < l->batch; b++)
        train_image(l, net, b, &sums);
    double squares = 0;
    for (size_t k = 0; k < n; k++)
        squares += (double)l->delta[k] * (double)l->delta[k];
    *l->cost = (float)squares;
    const float labels = (float)sums.labels;
    printf("Region Avg IOU: %f, Class: %f, Obj: %f, No Obj: %f, Avg Recall: %f,  count: %d\n",
           (double)(sums.iou / labels), (double)(sums.class / (float)sums.classes),
           (double)(sums.object / labels), (double)(sums.any / (float)(l->w * l->h * l->n * l->batch)),
           (double)(sums.recall / labels), sums.labels);
}
