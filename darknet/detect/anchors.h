/* anchors.h - anchor boxes for a set of labelled boxes: k-means with 1 - IoU as distance, boxes compared as
 * if they had one centre (Redmon and Farhadi, arXiv 1612.08242). Pure functions. */
#ifndef DK_ANCHORS_H
#define DK_ANCHORS_H

#include <stdint.h>

typedef struct dk_size {
    float w, h; /* pixels */
} dk_size;

/* dk_anchors_find - sets anchor[0..k) to the centres of the best of several runs over size[0..n), smallest
 * area first; n >= k >= 1, sizes above 0. The same seed gives the same anchors. Returns how many iterations
 * that run took, or -1 if there are fewer than k different sizes (anchors are then not set) or no memory. */
int dk_anchors_find(const dk_size *size, int n, dk_size *anchor, int k, uint64_t seed);

/* dk_anchors_fit - the mean over sizes of the IoU with the anchor that fits best, 0 to 1. */
double dk_anchors_fit(const dk_size *size, int n, const dk_size *anchor, int k);

#endif
