/* yolo_head.h - [yolo] as the forks define it: its options, its loss, its boxes. [Gaussian_yolo] shares them
 * (gaussian_yolo.c).
 *
 * DESIGN
 *   The library's layer and loss serve the packaged dialect. In the forks' dialect a dk_yolo hangs beside the
 * layer (extra.h), with all options that the library's struct lacks. Images are independent: they are split
 * over threads, and their sums added in order. */
#ifndef DK_YOLO_HEAD_H
#define DK_YOLO_HEAD_H

#include <darknet.h>
#include <stdbool.h>

#include "layers/overlap.h"

typedef enum dk_nms { DK_NMS_DEFAULT, DK_NMS_GREEDY, DK_NMS_DIOU, DK_NMS_CORNERS } dk_nms;

/* Sums over the labels of a batch, for the log: filled by forward. */
typedef struct dk_yolo_sums {
    double iou, iou_loss, giou_loss;  /* of boxes that predict a label */
    int count;                        /* such boxes */
    float class_loss, box_loss, loss; /* per image, as the forks print them */
} dk_yolo_sums;

typedef struct dk_yolo {
    dk_overlap loss;        /* what boxes are trained by; DK_OVERLAP_MSE: their coordinates */
    dk_overlap thresh_kind; /* what iou_thresh measures */
    dk_nms nms;
    float beta_nms;
    float scale_x_y;
    float iou_normalizer, obj_normalizer, cls_normalizer, delta_normalizer, uc_normalizer;
    float max_delta;  /* FLT_MAX = unbounded */
    float iou_thresh; /* 1 = only the best anchor of a label is trained */
    float label_smooth;
    float *multipliers; /* [classes] of counters_per_class, or NULL */
    float random;       /* factor of random=, 0 = none */
    float resize;
    bool new_coords, objectness_smooth, focal;
    dk_yolo_sums sums;
} dk_yolo;

/* dk_yolo_of - a layer's options, or NULL if it is no detector's layer in the forks' dialect. */
dk_yolo *dk_yolo_of(const layer *l);

/* dk_yolo_entries - values of one anchor: 4 coordinates ([Gaussian_yolo]: 8), objectness, classes. */
int dk_yolo_coords(const layer *l);

/* dk_yolo_at - index of value `entry` of anchor n at cell `cell` (row * w + column) of image b. */
static inline size_t dk_yolo_at(const layer *l, int coords, int b, int n, int cell, int entry)
{
    const size_t cells = (size_t)l->w * (size_t)l->h, values = (size_t)(coords + 1 + l->classes);
    return (size_t)b * (size_t)l->outputs + ((size_t)n * values + (size_t)entry) * cells + (size_t)cell;
}

/* dk_yolo_box - the box that anchor n (of all) predicts at column i, row j; x: its coordinates, `step` floats
 * apart. Shares of the image. */
box dk_yolo_box(const layer *l, const dk_yolo *y, const float *x, size_t step, int n, int i, int j, int net_w,
                int net_h);

#endif
