/* yolo_loss.h - the loss of [yolo] and [Gaussian_yolo] in the forks' dialect, one image at a time. */
#ifndef DK_YOLO_LOSS_H
#define DK_YOLO_LOSS_H

#include "layers/yolo_head.h"

/* One image's labels. */
typedef struct dk_truths {
    const box *boxes;   /* [n] */
    const int *classes; /* [n], through the layer's map */
    int n;
} dk_truths;

/* What the loss of one image needs and gives. */
typedef struct dk_yolo_image {
    const layer *l;
    const dk_yolo *y;
    int image;        /* of the batch */
    int net_w, net_h; /* input's pixels */
    dk_truths truths;
    dk_yolo_sums sums; /* out: iou, iou_loss, giou_loss, count */
} dk_yolo_image;

/* dk_yolo_image_loss - fills l->delta of the image (zero before). box_slopes adds the gradient of anchor n's
 * box (cell, its mask's index m) for a label to l->delta and returns their iou in *iou, giou in *giou: the
 * one part in which the two kinds of layer differ. */
typedef void dk_box_slopes(const dk_yolo_image *im, int m, int n, int cell, box truth, float weight,
                           float *iou, float *giou);
void dk_yolo_image_loss(dk_yolo_image *im, dk_box_slopes *box_slopes);

/* dk_yolo_bounded - x, but 0 for what is no number, and at most `most` in size. */
float dk_yolo_bounded(float x, float most);

/* dk_yolo_batch - the loss of a whole batch: fills l.delta, sums and *l.cost. The outputs are activated. */
void dk_yolo_batch(const layer *l, const network *net, dk_box_slopes *box_slopes);

/* dk_backward_yolo - hands l.delta to the layer before. */
void dk_backward_yolo(const layer l, network net);

#endif
