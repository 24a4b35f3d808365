/* preflight.h - what is checked before a run starts, so that bad input costs one clear line and nothing else.
 *
 * DESIGN
 *   The packaged library reads past a labels list that is too short, trains on black squares
 * for unreadable images, loads half a weights file without a message, and writes outside its
 * buffers for a label file with a class too many. Each check below ends the program with a line
 * that names the file, the place in it and the remedy. Lists may have millions of entries: all
 * are looked at in memory; files behind them are opened for a spread sample only (dk_sample),
 * the loader reports the rest when it meets them. Call order: cfg, lists, then, with the parsed
 * network, shapes and weights, and the backup directory last: nothing is created before. */
#ifndef DK_PREFLIGHT_H
#define DK_PREFLIGHT_H

#include <darknet.h>
#include <stdbool.h>
#include <stddef.h>

#include "check/datafile.h"

/* dk_check_cfg - sections, keys, numbers, references between
 * layers, filters in front of [yolo] and [region]. */
void dk_check_cfg(const char *path);

/* What a detector's cfg says of itself. */
typedef struct dk_detector_head {
    int classes;     /* of the last layer */
    int max_batches; /* 0 = not set */
    int region;      /* line of the last layer, if it is [region], else 0 */
    bool forks;      /* it, or a flag, is what only the darknet forks know */
} dk_detector_head;

/* dk_check_detector_cfg - dk_check_cfg, and that the last layer is [yolo] or [region]. */
dk_detector_head dk_check_detector_cfg(const char *path);

/* dk_check_images - every list entry exists and starts like an image. */
void dk_check_images(const dk_lines *images);

/* dk_check_classes - each image's path holds exactly one label, as the library's classifier needs. force
 * makes mismatches a note. */
void dk_check_classes(const dk_lines *images, const dk_lines *labels, int classes, bool force);

/* How many of a detector's images may lack a label file, and are then images of nothing. */
typedef enum dk_missing {
    DK_MISSING_FEW,  /* a quarter: more are a wrong path */
    DK_MISSING_MOST, /* all but one, as in the forks */
    DK_MISSING_ALL,
} dk_missing;

/* dk_check_truths - each image's file of truth holds what type (DETECTION_DATA: see labels.h;
 * REGRESSION_DATA: `classes` numbers) asks for. Detectors' files that are not there are counted in a note,
 * or, if there are more than `allowed`, end the program like any other mistake. */
void dk_check_truths(const dk_lines *images, data_type type, int classes, dk_missing allowed);

/* dk_check_truth - the same for one image; 0 for types without such files and for a detector's that is not
 * there. Returns 0, or -1 and a message in text. Any thread. */
int dk_check_truth(const char *image, data_type type, int classes, char *text, size_t size);

/* Most files behind a list that are opened before a run starts. dk_spread - index of the k-th of `count`
 * entries spread over n. */
#define DK_MAX_OPENED 20000
int dk_spread(int k, int count, int n);

/* dk_check_weights - the file's length fits the network: all of it, or the first layers of it exactly (a
 * pretrained backbone). A longer file is refused unless force. */
void dk_check_weights(const char *path, const network *net, bool force);

/* dk_check_backup - the directory exists or can be made, and can be written to. */
void dk_check_backup(const char *directory);

#endif
