/* detect.h - commands of a detector's user beside training and measuring: boxes of images and videos,
 * anchors, the first layers of a weights file. Each returns the exit status. */
#ifndef DK_DETECT_H
#define DK_DETECT_H

int dk_cmd_detector_calc_anchors(int argc, char **argv);

#endif
