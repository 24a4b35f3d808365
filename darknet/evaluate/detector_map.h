/* detector_map.h - mean average precision of a detector over a list of images. */
#ifndef DK_DETECTOR_MAP_H
#define DK_DETECTOR_MAP_H

#include <darknet.h>
#include <stdbool.h>
#include <stdio.h>

#include "check/datafile.h"

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
 * *false_positives: over all n. A pure function. */
double dk_average_precision(dk_scored *scored, int n, int objects, bool *found, int points,
                            int *true_positives, int *false_positives);

typedef struct dk_map_settings {
    float iou;                 /* least overlap of a match */
    float thresh;              /* least score of what counts for precision, recall and mean IoU */
    int points;                /* as in dk_average_precision */
    const dk_lines *difficult; /* of as many lines as there are images: their label files have objects that
                                * need not be found, but are no mistake if they are; NULL: there are none */
    volatile int *stop;        /* non-zero ends the measurement early; may be NULL */
} dk_map_settings;

typedef struct dk_map_class {
    double ap;        /* 0..1 */
    int hits, misses; /* true and false positives above the threshold */
} dk_map_class;

typedef struct dk_map {
    double mean;         /* of the classes' average precisions, 0..1 */
    dk_map_class *class; /* [n] */
    int n;
    int objects, detections; /* in all images; of all scores and classes */
    int hits, misses;        /* detections above the threshold */
    double iou_sum;          /* of these hits */
} dk_map;

/* dk_map_measure - runs net (batch 1) over the images, whose label files must have been checked. Returns
 * false if it was stopped; the caller frees map with dk_map_free in both cases. One caller at a time. */
bool dk_map_measure(network *net, const dk_lines *images, const dk_map_settings *settings, dk_map *map);
void dk_map_free(dk_map *map);

/* dk_map_print - the measurement in the words of the darknet
 * forks; without names (NULL) classes are numbers. */
void dk_map_print(FILE *out, const dk_map *map, const dk_map_settings *settings, char **names);

#endif
