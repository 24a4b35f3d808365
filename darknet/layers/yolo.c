/* yolo.c - see yolo.h. */
#include "layers/yolo.h"

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

dk_yolo *dk_yolo_of(const layer *l)
{
    const dk_extra *e = dk_extra_of(l);
    const bool yolo = l->type == YOLO || (int)l->type == DK_GAUSSIAN_YOLO;
    return yolo && e != NULL ? e->own : NULL;
}

int dk_yolo_coords(const layer *l)
{
    return (int)l->type == DK_GAUSSIAN_YOLO ? 8 : 4;
}

box dk_yolo_box(const layer *l, const dk_yolo *y, const float *x, size_t step, int n, int i, int j, int net_w,
                int net_h)
{
    const size_t apart = dk_yolo_coords(l) == 8 ? 2 * step : step; /* each coordinate is followed
                                                                    * by its uncertainty */
    const float w = x[2 * apart], h = x[3 * apart];
    return (box){.x = ((float)i + x[0]) / (float)l->w,
                 .y = ((float)j + x[apart]) / (float)l->h,
                 .w = (y->new_coords ? w * w * 4 : expf(w)) * l->biases[2 * n] / (float)net_w,
                 .h = (y->new_coords ? h * h * 4 : expf(h)) * l->biases[2 * n + 1] / (float)net_h};
}

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

void dk_forward_yolo(const layer l, network net)
{
    dk_yolo *y = dk_yolo_of(&l);
    memcpy(l.output, net.input, dk_values(&l) * sizeof(float));
    activate_outputs(&l, y);
    if (!net.train) return;
    dk_yolo_batch(&l, &net, box_slopes);
    dk_yolo_print(&l, net.index);
}

void dk_backward_yolo(const layer l, network net)
{
    axpy_cpu(l.batch * l.inputs, dk_yolo_of(&l)->delta_normalizer, l.delta, 1, net.delta, 1);
}

layer dk_parse_yolo(const dk_source *s)
{
    layer l = dk_yolo_make(s, 4);
    if (!s->extra->forks) return l;
    dk_yolo_take_options(s, &l);
    l.forward = dk_forward_yolo;
    l.backward = dk_backward_yolo;
    return l;
}

void dk_resize_yolo(layer *l, int w, int h, int inputs, network *net)
{
    (void)inputs, (void)net;
    resize_yolo_layer(l, w, h);
}
