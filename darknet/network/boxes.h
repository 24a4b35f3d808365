/* boxes.h - what a detector found: boxes of all its layers, and which of them suppress others. */
#ifndef DK_BOXES_H
#define DK_BOXES_H

#include <darknet.h>
#include <stdbool.h>

/* dk_letterbox - true if net takes images with their proportions kept (letterbox_image), false if stretched
 * (resize_image). dk_letterbox_set - whatever the cfg and the dialect say (-letter_box).
 * dk_picture_data - the same, as the kind of data to load. */
bool dk_letterbox(const network *net);
void dk_letterbox_set(bool letterbox);
data_type dk_picture_data(const network *net);

/* dk_suppress - of boxes of one class that overlap by more than thresh only the surest keeps its probability,
 * in the way of net's last layer (nms_kind). Sorts dets. The library's get_network_boxes, whose parts stand
 * here, gives the boxes. */
void dk_suppress(const network *net, detection *dets, int n, int classes, float thresh);

#endif
