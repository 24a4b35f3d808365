/* augment.h - a training example for a detector in the darknet forks' way: one image, two blended, or four
 * put together, each cut, scaled, mirrored and recoloured at random, and its boxes.
 *
 * DESIGN
 *   What the forks' users tune is theirs: jitter, resize, letter_box, mosaic, mosaic_bound, mixup, blur,
 * gaussian_noise, flip, hue, saturation, exposure. Numbers come from the calling thread's generator alone
 * (replace/random.h): an example is a function of seed, worker, round and its place in the round. Mosaic and
 * mixup are tossed for with even chances, for each example on its own. */
#ifndef DK_AUGMENT_H
#define DK_AUGMENT_H

#include <darknet.h>
#include <stdbool.h>
#include <stddef.h>

enum { DK_MIX_NONE = 0, DK_MIX_TWO = 1, DK_MIX_FOUR = 3 };

typedef struct dk_augmentation {
    int w, h, c;  /* the network's input */
    int boxes;    /* rows of truth an example has room for, 5 floats each */
    int classes;  /* of labels */
    float jitter; /* share of the image's size that each edge moves by at most */
    float resize; /* factor of its size, and 1 / factor; below 1 it is made smaller only; 1 = neither */
    float hue, saturation, exposure;
    int mix;           /* DK_MIX_ */
    int blur, noise;   /* 0 = none; blur above 1: of that many pixels */
    bool flip;         /* half of the images are mirrored */
    bool letter_box;   /* proportions stay */
    bool mosaic_bound; /* boxes end where their quarter of a mosaic does */
} dk_augmentation;

/* dk_augment_draw - one example from paths[0..m), drawn at random: x has w * h * c floats, y 5 * boxes, all
 * 0. Returns 0, or -1 and a line in text that names the image. Any thread. */
int dk_augment_draw(const dk_augmentation *a, char **paths, int m, float *x, float *y, char *text,
                    size_t size);

#endif
