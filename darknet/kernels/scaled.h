/* scaled.h - layers that multiply layer l.index's output,
 * of the same shape as theirs, by the layer before. */
#ifndef DK_SCALED_H
#define DK_SCALED_H

#include <darknet.h>

/* net.input: one value per image and channel. */
void dk_forward_scale_channels(const layer l, network net);
void dk_backward_scale_channels(const layer l, network net);

/* net.input: one value per image and pixel. */
void dk_forward_scale_pixels(const layer l, network net);
void dk_backward_scale_pixels(const layer l, network net);

/* net.input: one value per value. */
void dk_forward_sam(const layer l, network net);
void dk_backward_sam(const layer l, network net);

#endif
