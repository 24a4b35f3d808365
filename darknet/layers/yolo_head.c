/* yolo_head.c - see yolo_head.h. */
#include "layers/yolo_head.h"

#include "kernels/extra.h"
#include "layers/extra.h"

#include <math.h>

dk_yolo *dk_yolo_of(const layer *l)
{
    const dk_extra *e = dk_extra_of(l);
    const bool yolo = l->type == YOLO || (int)l->type == DK_GAUSSIAN_YOLO;
    return yolo && e != NULL ? e->own : NULL;
}

int dk_yolo_coords(const layer *l)
{
    return (int)l->type == DK_GAUSSIAN_YOLO ? 8 : 4;
}

box dk_yolo_box(const layer *l, const dk_yolo *y, const float *x, size_t step, int n, int i, int j, int net_w,
                int net_h)
{
    const size_t apart = dk_yolo_coords(l) == 8 ? 2 * step : step; /* each coordinate is followed
                                                                    * by its uncertainty */
    const float w = x[2 * apart], h = x[3 * apart];
    return (box){.x = ((float)i + x[0]) / (float)l->w,
                 .y = ((float)j + x[apart]) / (float)l->h,
                 .w = (y->new_coords ? w * w * 4 : expf(w)) * l->biases[2 * n] / (float)net_w,
                 .h = (y->new_coords ? h * h * 4 : expf(h)) * l->biases[2 * n + 1] / (float)net_h};
}
