/* overlap.h - how well two boxes overlap, and how that changes with the first. */
#ifndef DK_OVERLAP_H
#define DK_OVERLAP_H

#include <darknet.h>

typedef enum dk_overlap {
    DK_OVERLAP_MSE,  /* no overlap: squared differences of coordinates */
    DK_OVERLAP_IOU,  /* intersection over union */
    DK_OVERLAP_GIOU, /* less what their hull has beside them (Rezatofighi et al., arXiv 1902.09630) */
    DK_OVERLAP_DIOU, /* less their centres' distance (Zheng et al., arXiv 1911.08287) */
    DK_OVERLAP_CIOU  /* less the difference of their proportions, too (same paper) */
} dk_overlap;

/* dk_overlap_parse - mse, iou, giou, diou or ciou; -1 for another name. */
int dk_overlap_parse(const char *name);

/* dk_overlap_of - the measure of a and b; for MSE that of IOU. The forks' DIOU raises its distance term to
 * the power 0.6; dk_overlap_diou takes any power. */
float dk_overlap_of(box a, box b, dk_overlap kind);
float dk_overlap_iou(box a, box b);
float dk_overlap_diou(box a, box b, float power);

/* dk_overlap_slope - how the measure grows with a's x, y, w and h, as the forks take it: for w and h twice
 * the derivative of the intersection over union and of giou's term (they do not halve what an edge moves),
 * and the distance and proportion terms with the signs that their code has. Where the boxes do not meet, only
 * the terms beyond the intersection count; of iou, which has none, that of the direction in which they miss each
 * other, and 0 if they do in both. */
box dk_overlap_slope(box a, box b, dk_overlap kind);

#endif
