/* yolo_loss.c - see yolo_loss.h. Gradients are in Darknet's
 * sign: what the output should be, less what it is. */
#include "layers/yolo_loss.h"

#include "kernels/kernels.h"
#include "kernels/vector.h"
#include "layers/make.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CLASS_IS_SEEN .25f /* a box counts as an object's where some class is above */

float dk_yolo_bounded(float x, float most)
{
    if (!isfinite(x)) return 0;
    return x > most ? most : x < -most ? -most : x;
}

static size_t cells_of(const layer *l)
{
    return (size_t)l->w * (size_t)l->h;
}

static size_t at(const dk_yolo_image *im, int m, int cell, int entry)
{
    return dk_yolo_at(im->l, dk_yolo_coords(im->l), im->image, m, cell, entry);
}

static bool is_gaussian(const dk_yolo_image *im)
{
    return dk_yolo_coords(im->l) == 8;
}

static float weight_of(const dk_yolo_image *im, int class)
{
    return im->y->multipliers ? im->y->multipliers[class] : 1;
}

/* ---- classes ---------------------------------------------------------------------------------------- */

static bool class_is_seen(const dk_yolo_image *im, const float *classes)
{
    const size_t step = cells_of(im->l);
    for (int c = 0; c < im->l->classes; c++)
        if (classes[(size_t)c * step] > CLASS_IS_SEEN) return true;
    return false;
}

/* Focal loss with alpha .5 and gamma 2 (Lin et al., arXiv 1708.02002), as the forks derive it. */
static void focal_slopes(const dk_yolo_image *im, const float *out, int class, float *delta)
{
    const size_t step = cells_of(im->l);
    const float p = out[(size_t) class * step] + 1e-15f;
    const float strength = .5f * -(1 - p) * (2 * p * logf(p) + p - 1);
    for (int c = 0; c < im->l->classes; c++)
        delta[(size_t)c * step] = ((c == class) - out[(size_t)c * step]) * strength;
}

/* A cell that has a label of another class already keeps that one's gradient. */
static void class_slopes(const dk_yolo_image *im, int m, int cell, int class)
{
    const dk_yolo *y = im->y;
    const size_t first = at(im, m, cell, dk_yolo_coords(im->l) + 1), step = cells_of(im->l);
    const float *out = im->l->output + first;
    float *delta = im->l->delta + first;
    const float smooth = y->label_smooth, yes = 1 - smooth + .5f * smooth, no = .5f * smooth;
    const size_t own = (size_t) class * step;
    const float has = delta[is_gaussian(im) ? 0 : own];
    if (has > 0 || has < 0) {
        if (isfinite(out[own])) delta[own] = yes - out[own];
        delta[own] *= weight_of(im, class);
        return;
    }
    if (y->focal && !is_gaussian(im)) {
        focal_slopes(im, out, class, delta);
        return;
    }
    for (int c = 0; c < im->l->classes; c++) {
        const size_t k = (size_t)c * step;
        if (isfinite(out[k])) delta[k] = (c == class ? yes : no) - out[k];
    }
    if (y->multipliers) delta[own] *= y->multipliers[class] * y->cls_normalizer;
}

/* ---- every cell ------------------------------------------------------------------------------------- */

typedef struct match {
    float iou;
    int truth;
} match;

static match best_match(const dk_yolo_image *im, box predicted)
{
    match best = {0, 0};
    for (int t = 0; t < im->truths.n; t++) {
        const float iou = dk_overlap_iou(predicted, im->truths.boxes[t]);
        if (iou > best.iou) best = (match){iou, t};
    }
    return best;
}

static void train_box(dk_yolo_image *im, dk_box_slopes *box_slopes, int m, int n, int cell, int t, float *iou,
                      float *giou)
{
    box_slopes(im, m, n, cell, im->truths.boxes[t], weight_of(im, im->truths.classes[t]), iou, giou);
}

/* A box that overlaps a label by more than truth_thresh is trained on it. */
static void close_cell(dk_yolo_image *im, dk_box_slopes *box_slopes, int m, int cell, match best)
{
    const layer *l = im->l;
    const dk_yolo *y = im->y;
    const int class = im->truths.classes[best.truth], coords = dk_yolo_coords(l);
    const size_t object = at(im, m, cell, coords);
    const size_t own = object + (size_t)(class + 1) * cells_of(l);
    const float square = best.iou * best.iou;
    float iou, giou;
    l->delta[object] = y->obj_normalizer * ((y->objectness_smooth ? square : 1) - l->output[object]);
    class_slopes(im, m, cell, class);
    if (y->objectness_smooth) l->delta[own] = weight_of(im, class) * (square - l->output[own]);
    train_box(im, box_slopes, m, l->mask[m], cell, best.truth, &iou, &giou);
}

/* Objectness of a cell that predicts something that no
 * label claims: none, or, where it overlaps one, free. */
static void free_cell(dk_yolo_image *im, int m, int cell, match best, float *delta)
{
    const layer *l = im->l;
    const dk_yolo *y = im->y;
    const size_t object = at(im, m, cell, dk_yolo_coords(l));
    const float out = l->output[object];
    *delta = y->obj_normalizer * (0 - out);
    if (!(best.iou > l->ignore_thresh) || !class_is_seen(im, l->output + object + cells_of(l))) return;
    if (!y->objectness_smooth) {
        *delta = 0;
    } else if (is_gaussian(im)) {
        *delta = y->obj_normalizer * (best.iou * best.iou - out);
        class_slopes(im, m, cell, im->truths.classes[best.truth]);
    } else {
        const float towards = y->obj_normalizer * (best.iou - out);
        if (towards > *delta) *delta = towards;
    }
}

static void all_cells(dk_yolo_image *im, dk_box_slopes *box_slopes)
{
    const layer *l = im->l;
    const int cells = l->w * l->h, coords = dk_yolo_coords(l);
    for (int m = 0; m < l->n; m++)
        for (int cell = 0; cell < cells; cell++) {
            const size_t object = at(im, m, cell, coords);
            match best = {0, 0};
            if (im->truths.n > 0) {
                if (!isfinite(l->output[object])) l->output[object] = 0;
                best =
                    best_match(im, dk_yolo_box(l, im->y, l->output + at(im, m, cell, 0), cells_of(l),
                                               l->mask[m], cell % l->w, cell / l->w, im->net_w, im->net_h));
            }
            free_cell(im, m, cell, best, &l->delta[object]);
            if (best.iou > l->truth_thresh) close_cell(im, box_slopes, m, cell, best);
        }
}

/* ---- every label ------------------------------------------------------------------------------------ */

static int mask_of(const layer *l, int n)
{
    for (int m = 0; m < l->n; m++)
        if (l->mask[m] == n) return m;
    return -1;
}

static box anchor_of(const dk_yolo_image *im, int n)
{
    return (box){0, 0, im->l->biases[2 * n] / (float)im->net_w, im->l->biases[2 * n + 1] / (float)im->net_h};
}

/* The cell that a share of the image falls into; a label may end at 1. */
static int cell_at(float share, int cells)
{
    const int i = (int)(share * (float)cells);
    return i < cells ? i : cells - 1;
}

static void claim(dk_yolo_image *im, dk_box_slopes *box_slopes, int t, int m, int n)
{
    const layer *l = im->l;
    const dk_yolo *y = im->y;
    const box truth = im->truths.boxes[t];
    const int cell = cell_at(truth.y, l->h) * l->w + cell_at(truth.x, l->w);
    const size_t object = at(im, m, cell, dk_yolo_coords(l));
    float iou, giou;
    train_box(im, box_slopes, m, n, cell, t, &iou, &giou);
    im->sums.iou += (double)iou;
    im->sums.iou_loss += 1 - (double)iou;
    im->sums.giou_loss += 1 - (double)giou;
    im->sums.count++;
    const float towards = weight_of(im, im->truths.classes[t]) * y->obj_normalizer * (1 - l->output[object]);
    const bool set = l->delta[object] > 0 || l->delta[object] < 0;
    if (!y->objectness_smooth || is_gaussian(im) || !set) l->delta[object] = towards;
    class_slopes(im, m, cell, im->truths.classes[t]);
}

static void one_truth(dk_yolo_image *im, dk_box_slopes *box_slopes, int t)
{
    const layer *l = im->l;
    const box shape = {0, 0, im->truths.boxes[t].w, im->truths.boxes[t].h};
    float most = 0;
    int best = 0;
    for (int n = 0; n < l->total; n++) {
        const float iou = dk_overlap_iou(anchor_of(im, n), shape);
        if (iou > most) {
            most = iou;
            best = n;
        }
    }
    const int own = mask_of(l, best);
    if (own >= 0) claim(im, box_slopes, t, own, best);
    for (int n = 0; n < l->total && im->y->iou_thresh < 1; n++) {
        const int m = mask_of(l, n);
        if (m < 0 || n == best) continue;
        if (dk_overlap_of(anchor_of(im, n), shape, im->y->thresh_kind) > im->y->iou_thresh)
            claim(im, box_slopes, t, m, n);
    }
}

/* A box that several labels claimed is moved by their mean. */
static void average_claims(const dk_yolo_image *im)
{
    const layer *l = im->l;
    const int cells = l->w * l->h, coords = dk_yolo_coords(l);
    const size_t step = cells_of(l);
    for (int m = 0; m < l->n; m++)
        for (int cell = 0; cell < cells; cell++) {
            const size_t object = at(im, m, cell, coords), first = at(im, m, cell, 0);
            const float d = l->delta[object];
            if (!is_gaussian(im) && !(d > 0 || d < 0)) continue;
            int claims = 0;
            for (int c = 0; c < l->classes; c++)
                claims += l->delta[object + (size_t)(c + 1) * step] > 0;
            for (int k = 0; k < coords && claims > 1; k++)
                l->delta[first + (size_t)k * step] /= (float)claims;
        }
}

void dk_yolo_image_loss(dk_yolo_image *im, dk_box_slopes *box_slopes)
{
    all_cells(im, box_slopes);
    for (int t = 0; t < im->truths.n; t++)
        one_truth(im, box_slopes, t);
    if (im->truths.n > 0 && (is_gaussian(im) || im->y->iou_thresh < 1)) average_claims(im);
}

/* ---- a batch ---------------------------------------------------------------------------------------- */

static dk_truths read_truths(const layer *l, const float *truth, box *boxes, int *classes)
{
    dk_truths t = {.boxes = boxes, .classes = classes};
    for (int i = 0; i < l->max_boxes; i++, truth += 5) {
        if (!(truth[0] > 0 || truth[0] < 0)) break; /* the end of the list */
        int class = (int)truth[4];
        if (class < 0 || class >= l->classes) continue;
        if (l->map) class = l->map[class];
        if (class < 0 || class >= l->classes) continue;
        boxes[t.n] = (box){truth[0], truth[1], truth[2], truth[3]};
        classes[t.n++] = class;
    }
    return t;
}

/* Sums of squares of the image's gradient: of boxes, and of all else. */
static void add_squares(const layer *l, int image, double *boxes, double *others)
{
    const int coords = dk_yolo_coords(l);
    const size_t cells = cells_of(l), values = (size_t)(coords + 1 + l->classes) * cells;
    for (int n = 0; n < l->n; n++) {
        const float *d = l->delta + dk_yolo_at(l, coords, image, n, 0, 0);
        for (size_t i = 0; i < values; i += cells)
            *(i < (size_t)coords * cells ? boxes : others) += (double)dk_squares(d + i, cells);
    }
}

static void add_up(const layer *l, dk_yolo *y, const dk_yolo_image *images, const double *boxes,
                   const double *others)
{
    double box_sum = 0, other_sum = 0;
    y->sums = (dk_yolo_sums){0};
    for (int b = 0; b < l->batch; b++) {
        y->sums.iou += images[b].sums.iou;
        y->sums.iou_loss += images[b].sums.iou_loss;
        y->sums.giou_loss += images[b].sums.giou_loss;
        y->sums.count += images[b].sums.count;
        box_sum += boxes[b];
        other_sum += others[b];
    }
    const bool gaussian = dk_yolo_coords(l) == 8;
    const double class_loss = gaussian ? other_sum : (double)y->obj_normalizer * other_sum;
    const double loss = box_sum + other_sum;
    const double overlap = y->loss == DK_OVERLAP_GIOU ? y->sums.giou_loss : y->sums.iou_loss;
    const double mean = y->sums.count > 0 ? (double)y->iou_normalizer * overlap / y->sums.count : 0;
    *l->cost = (float)(gaussian || y->loss == DK_OVERLAP_MSE ? loss : mean + class_loss);
    y->sums.loss = (float)(loss / l->batch);
    y->sums.class_loss = (float)(class_loss / l->batch);
    y->sums.box_loss = (float)((loss - class_loss) / l->batch);
}

/* A batch in work: what its images are handed out from. */
typedef struct batch {
    const layer *l;
    const network *net;
    const dk_yolo *y;
    dk_box_slopes *box_slopes;
    dk_yolo_image *images; /* [l->batch] */
    box *boxes;            /* [l->batch][l->max_boxes] */
    int *classes;          /* the same */
    double *squares;       /* [2][l->batch] of boxes, of all else */
} batch;

static void one_image(void *context, int b)
{
    const batch *w = context;
    const layer *l = w->l;
    const size_t first = (size_t)b * (size_t)l->max_boxes;
    dk_yolo_image *im = &w->images[b];
    *im = (dk_yolo_image){.l = l, .y = w->y, .image = b, .net_w = w->net->w, .net_h = w->net->h};
    im->truths =
        read_truths(l, w->net->truth + (size_t)b * (size_t)l->truths, w->boxes + first, w->classes + first);
    memset(l->delta + (size_t)b * (size_t)l->outputs, 0, (size_t)l->outputs * sizeof(float));
    dk_yolo_image_loss(im, w->box_slopes);
    add_squares(l, b, &w->squares[b], &w->squares[l->batch + b]);
}

void dk_yolo_batch(const layer *l, const network *net, dk_box_slopes *box_slopes)
{
    const size_t images = (size_t)l->batch, boxes = images * (size_t)l->max_boxes;
    dk_yolo *y = dk_yolo_of(l);
    batch w = {.l = l, .net = net, .y = y, .box_slopes = box_slopes};
    w.images = dk_room(images, sizeof *w.images);
    w.boxes = dk_room(boxes, sizeof *w.boxes);
    w.classes = dk_room(boxes, sizeof *w.classes);
    w.squares = dk_room(2 * images, sizeof *w.squares);
    dk_parallel_items(l->batch, one_image, &w);
    add_up(l, y, w.images, w.squares, w.squares + l->batch);
    free(w.images);
    free(w.boxes);
    free(w.classes);
    free(w.squares);
}

void dk_backward_yolo(const layer l, network net)
{
    axpy_cpu(l.batch * l.inputs, dk_yolo_of(&l)->delta_normalizer, l.delta, 1, net.delta, 1);
}
