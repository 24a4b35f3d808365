/* yolo_options.h - how [yolo] and [Gaussian_yolo] are made, and what they print. */
#ifndef DK_YOLO_OPTIONS_H
#define DK_YOLO_OPTIONS_H

#include "layers/make.h"
#include "layers/yolo_head.h"
#include "layers/extra.h"

/* dk_yolo_make - the library's layer, with `coords` values of a box per anchor and the options that the
 * packaged library reads. */
layer dk_yolo_make(const dk_source *s, int coords);

/* dk_yolo_take_options - hangs the forks' options beside l. */
void dk_yolo_take_options(const dk_source *s, layer *l);

/* dk_yolo_lines - whether forward prints the forks' line of each layer and subdivision (default: yes).
 * dk_yolo_print - prints layer index's. */
void dk_yolo_lines(bool print);
void dk_yolo_print(const layer *l, int index);

#endif
