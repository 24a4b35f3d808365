/* operations.h - how much arithmetic a layer is. */
#ifndef DK_OPERATIONS_H
#define DK_OPERATIONS_H

#include <darknet.h>

/* dk_operations - multiplications and additions (each counts) of one image's forward pass through a layer, by
 * the textbook definition; what a layer does per element besides its products is counted as one operation per
 * element it touches. */
double dk_operations(const layer *l);

/* dk_backward_ratio - the backward pass in units of the forward: 2 where there are weights (their gradient
 * and the input's), 1 where there is only the input's. */
double dk_backward_ratio(const layer *l);

#endif
