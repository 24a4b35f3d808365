/* mix.h - examples for a classifier made of several, in the darknet forks' way: mixup, cutmix, mosaic, smooth
 * labels, blur. An example is made so with even chances. Numbers come from the calling thread's generator. */
#ifndef DK_MIX_H
#define DK_MIX_H

#include <darknet.h>

typedef enum dk_mix_kind { DK_BLEND = 1, DK_CUT, DK_MOSAIC, DK_CUT_OR_MOSAIC } dk_mix_kind;

enum { DK_MIX_MOST = 4 }; /* images of one example */

typedef struct dk_class_mix {
    int kind;     /* dk_mix_kind, 0 = none */
    int blur;     /* 0 = none, 1 = a usual one, more: pixels; of every fourth example */
    float smooth; /* share of a label that goes to the other classes */
} dk_class_mix;

/* dk_mix_draw - draws what the next example is: DK_BLEND, DK_CUT, DK_MOSAIC, or 0 for one image. dk_mix_images - how
 * many images that takes. */
int dk_mix_draw(const dk_class_mix *mixing);
int dk_mix_images(int kind);

/* dk_mix_rows - makes row[0] of row[0..dk_mix_images(kind)): each one image of w x h x c and its classes. */
void dk_mix_rows(const dk_class_mix *mixing, int kind, int w, int h, int c, data *row);

#endif
