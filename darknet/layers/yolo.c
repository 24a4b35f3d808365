/* yolo.c - [yolo]: the packaged library's in its dialect, in the forks' ours; see make.h. */
#include "kernels/kernels.h"
#include "kernels/layers.h"
#include "layers/yolo_loss.h"
#include "layers/yolo_options.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void resize_yolo_layer(layer *l, int w, int h);

/* ---- gradient of a box ------------------------------------------------------------------------------ */

/* By squared differences of coordinates. */
static void coordinate_slopes(const dk_yolo_image *im, int n, int cell, box truth, float strength,
                              const float *x, float *d)
{
    const layer *l = im->l;
    const size_t step = (size_t)l->w * (size_t)l->h;
    const float w = truth.w * (float)im->net_w / l->biases[2 * n],
                h = truth.h * (float)im->net_h / l->biases[2 * n + 1];
    d[0] += strength * (truth.x * (float)l->w - (float)(cell % l->w) - x[0]);
    d[step] += strength * (truth.y * (float)l->h - (float)(cell / l->w) - x[step]);
    d[2 * step] += strength * ((im->y->new_coords ? sqrtf(w / 4) : logf(w)) - x[2 * step]);
    d[3 * step] += strength * ((im->y->new_coords ? sqrtf(h / 4) : logf(h)) - x[3 * step]);
}

/* By how the overlap grows. */
static void overlap_slopes(const dk_yolo_image *im, box predicted, box truth, float strength, const float *x,
                           float *d)
{
    const size_t step = (size_t)im->l->w * (size_t)im->l->h;
    if (!(predicted.w > 0)) predicted.w = 1;
    if (!(predicted.h > 0)) predicted.h = 1;
    box s = dk_overlap_slope(predicted, truth, im->y->loss);
    if (!im->y->new_coords) {
        s.w *= expf(x[2 * step]);
        s.h *= expf(x[3 * step]);
    }
    d[0] += dk_yolo_bounded(s.x * strength, im->y->max_delta);
    d[step] += dk_yolo_bounded(s.y * strength, im->y->max_delta);
    d[2 * step] += dk_yolo_bounded(s.w * strength, im->y->max_delta);
    d[3 * step] += dk_yolo_bounded(s.h * strength, im->y->max_delta);
}

static void box_slopes(const dk_yolo_image *im, int m, int n, int cell, box truth, float weight, float *iou,
                       float *giou)
{
    const layer *l = im->l;
    const size_t first = dk_yolo_at(l, 4, im->image, m, cell, 0);
    const float *x = l->output + first;
    const box predicted = dk_yolo_box(l, im->y, x, (size_t)l->w * (size_t)l->h, n, cell % l->w, cell / l->w,
                                      im->net_w, im->net_h);
    const float strength = im->y->iou_normalizer * weight;
    *iou = dk_overlap_iou(predicted, truth);
    *giou = dk_overlap_of(predicted, truth, DK_OVERLAP_GIOU);
    if (im->y->loss == DK_OVERLAP_MSE)
        coordinate_slopes(im, n, cell, truth, strength * (2 - truth.w * truth.h), x, l->delta + first);
    else
        overlap_slopes(im, predicted, truth, strength, x, l->delta + first);
}

/* ---- the layer -------------------------------------------------------------------------------------- */

static void activate_outputs(const layer *l, const dk_yolo *y)
{
    const int cells = l->w * l->h;
    const float shift = -.5f * (y->scale_x_y - 1);
    for (int b = 0; b < l->batch; b++)
        for (int n = 0; n < l->n; n++) {
            float *x = l->output + dk_yolo_at(l, 4, b, n, 0, 0);
            if (!y->new_coords) {
                activate_array(x, 2 * cells, LOGISTIC);
                activate_array(x + 4 * cells, (1 + l->classes) * cells, LOGISTIC);
            }
            for (int i = 0; i < 2 * cells && (y->scale_x_y > 1 || y->scale_x_y < 1); i++)
                x[i] = x[i] * y->scale_x_y + shift;
        }
}

static void forward(const layer l, network net)
{
    dk_yolo *y = dk_yolo_of(&l);
    copy_cpu(l.outputs * l.batch, net.input, 1, l.output, 1);
    activate_outputs(&l, y);
    if (!net.train) return;
    dk_yolo_batch(&l, &net, box_slopes);
    dk_yolo_print(&l, net.index);
}

layer dk_parse_yolo(const dk_source *s)
{
    layer l = dk_yolo_make(s, 4);
    if (!s->extra->forks) return l;
    dk_yolo_take_options(s, &l);
    l.forward = forward;
    l.backward = dk_backward_yolo;
    return l;
}

void dk_resize_yolo(layer *l, int w, int h, int inputs, network *net)
{
    (void)inputs, (void)net;
    resize_yolo_layer(l, w, h);
}
