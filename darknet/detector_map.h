/* detector_map.h - average precision: a pure function, apart from the command that prints it. */
#ifndef DK_DETECTOR_MAP_H
#define DK_DETECTOR_MAP_H

#include <stdbool.h>

/* One detection of one class. */
typedef struct dk_scored {
    float score;
    int truth; /* which object it matches, unique over all images; -1 = none */
    float iou; /* with it */
} dk_scored;

/* dk_average_precision - area under precision over recall for one class that has `objects` objects. Sorts
 * scored[0..n) by score, best first (ties in the order given); the first detection of an object counts,
 * further ones are false. found: flags indexed by truth, all false on entry; true for every object found on
 * return. points: 0 takes the area under the curve made non-increasing (PASCAL VOC from 2010 on), 11 or 101
 * the mean precision at that many evenly spaced recalls (VOC 2007, COCO). *true_positives and
 * *false_positives: over all n. */
double dk_average_precision(dk_scored *scored, int n, int objects, bool *found, int points,
                            int *true_positives, int *false_positives);

#endif
