/* route.h - [route] with groups: one part of the channels of each input. */
#ifndef DK_ROUTE_H
#define DK_ROUTE_H

#include <darknet.h>

/* l.groups parts, of which part l.extra (from 0) is taken;
 * l.input_sizes are whole inputs' values per image. */
void dk_forward_route_group(const layer l, network net);
void dk_backward_route_group(const layer l, network net);

#endif
