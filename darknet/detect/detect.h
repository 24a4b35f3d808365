/* detect.h - commands of a detector's user beside training and measuring: boxes of images and videos,
 * anchors, the first layers of a weights file. Each returns the exit status. */
#ifndef DK_DETECT_H
#define DK_DETECT_H

/* darknet detector test DATA CFG WEIGHTS [IMAGE], detect
 * CFG WEIGHTS [IMAGE], yolo test CFG WEIGHTS [IMAGE]. */
int dk_cmd_detector_test(int argc, char **argv);
int dk_cmd_detect(int argc, char **argv);
int dk_cmd_yolo_test(int argc, char **argv);
/* darknet detector demo DATA CFG WEIGHTS [VIDEO] */
int dk_cmd_detector_demo(int argc, char **argv);
/* darknet detector calc_anchors DATA -num_of_clusters N -width W -height H */
int dk_cmd_detector_calc_anchors(int argc, char **argv);
/* darknet partial CFG WEIGHTS OUT LAYERS */
int dk_cmd_partial(int argc, char **argv);

#endif
