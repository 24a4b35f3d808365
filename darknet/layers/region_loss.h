/* region_loss.h - the loss of [region] (Redmon and Farhadi, "YOLO9000", CVPR 2017) as the forks train it. */
#ifndef DK_REGION_LOSS_H
#define DK_REGION_LOSS_H

#include <darknet.h>

/* dk_region_loss - after the library's forward pass of l in inference: fills l.delta (the direction of descent of
 * what came in) and l.cost from net.truth, and prints the library's line. l.coords is 4. */
void dk_region_loss(const layer *l, const network *net);

#endif
