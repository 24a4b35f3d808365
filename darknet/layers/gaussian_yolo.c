/* gaussian_yolo.c - [Gaussian_yolo]: each coordinate of a box comes with
 * its uncertainty (Choi et al., "Gaussian YOLOv3", ICCV 2019). Per anchor:
 * x, its uncertainty, y, its, w, its, h, its, objectness, classes. */
#include "kernels/layers.h"
#include "layers/yolo_loss.h"
#include "layers/yolo_options.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Added to a deviation, as the forks do, so that a certain box is not trained without bound. */
#define LEAST_DEVIATION .3f

/* One coordinate: its gradient and that of its uncertainty u by the likelihood of `away`, the label's
 * coordinate less the predicted one. */
static void likelihood_slopes(float away, float u, float scale, float *slope, float *u_slope)
{
    const float units = away / u, square = units * units;
    const float density =
        (float)(exp(-.5 * (double)square) / (sqrt(2 * M_PI) * (double)(u + LEAST_DEVIATION)));
    const float weight = (float)(.5 / ((double)density + 1e-9)) * density * scale;
    *slope = weight * units / u;
    *u_slope = weight * (square / u - 1 / (u + LEAST_DEVIATION));
}

static void box_slopes(const dk_yolo_image *im, int m, int n, int cell, box truth, float weight, float *iou,
                       float *giou)
{
    const layer *l = im->l;
    const dk_yolo *y = im->y;
    const size_t step = (size_t)l->w * (size_t)l->h, first = dk_yolo_at(l, 8, im->image, m, cell, 0);
    const float *x = l->output + first;
    const int column = cell % l->w, row = cell / l->w;
    box predicted = dk_yolo_box(l, y, x, step, n, column, row, im->net_w, im->net_h);
    const float wanted[4] = {truth.x * (float)l->w - (float)column, truth.y * (float)l->h - (float)row,
                             logf(truth.w * (float)im->net_w / l->biases[2 * n]),
                             logf(truth.h * (float)im->net_h / l->biases[2 * n + 1])};
    float slopes[4], u_slopes[4];
    *giou = dk_overlap_of(predicted, truth, DK_OVERLAP_GIOU);
    *iou = y->loss == DK_OVERLAP_MSE ? dk_overlap_iou(predicted, truth) : *giou; /* what the forks print */
    for (size_t k = 0; k < 4; k++)
        likelihood_slopes(wanted[k] - x[2 * k * step], x[(2 * k + 1) * step], 2 - truth.w * truth.h,
                          &slopes[k], &u_slopes[k]);
    if (y->loss != DK_OVERLAP_MSE) {
        if (!(predicted.w > 0)) predicted.w = 1;
        if (!(predicted.h > 0)) predicted.h = 1;
        const box s = dk_overlap_slope(predicted, truth, y->loss);
        slopes[0] = s.x;
        slopes[1] = s.y;
        slopes[2] = s.w * expf(x[4 * step]);
        slopes[3] = s.h * expf(x[6 * step]);
    }
    for (size_t k = 0; k < 4; k++) {
        float *d = l->delta + first + 2 * k * step;
        d[0] += dk_yolo_bounded(slopes[k] * y->iou_normalizer * weight, y->max_delta);
        d[step] += dk_yolo_bounded(u_slopes[k] * y->uc_normalizer, y->max_delta);
    }
}

static void activate_outputs(const layer *l, const dk_yolo *y)
{
    const int cells = l->w * l->h;
    const float shift = -.5f * (y->scale_x_y - 1);
    for (int b = 0; b < l->batch; b++)
        for (int n = 0; n < l->n; n++) {
            float *x = l->output + dk_yolo_at(l, 8, b, n, 0, 0);
            activate_array(x, 4 * cells, LOGISTIC);         /* x, y and their uncertainties */
            activate_array(x + 5 * cells, cells, LOGISTIC); /* w's, h's */
            activate_array(x + 7 * cells, (2 + l->classes) * cells, LOGISTIC);
            for (int i = 0; i < cells; i++) {
                x[i] = x[i] * y->scale_x_y + shift;
                x[2 * cells + i] = x[2 * cells + i] * y->scale_x_y + shift;
            }
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

layer dk_parse_gaussian_yolo(const dk_source *s)
{
    const char *point = dk_option_text(s, "yolo_point", "center");
    if (strcmp(point, "center") != 0) dk_wrong(s, "yolo_point=%s: there is center only", point);
    layer l = dk_yolo_make(s, 8);
    l.type = (LAYER_TYPE)DK_GAUSSIAN_YOLO;
    dk_yolo_take_options(s, &l);
    l.forward = forward;
    l.backward = dk_backward_yolo;
    return l;
}

void dk_resize_gaussian_yolo(layer *l, int w, int h, int inputs, network *net)
{
    (void)net;
    l->w = l->out_w = w;
    l->h = l->out_h = h;
    l->outputs = l->inputs = inputs;
    l->output = dk_resized(l->output, dk_values(l));
    l->delta = dk_resized(l->delta, dk_values(l));
}
