/* extra.h - what a network has beside the library's struct. What a layer has: kernels/extra.h. */
#ifndef DK_NETWORK_EXTRA_H
#define DK_NETWORK_EXTRA_H

#include <darknet.h>
#include <stdbool.h>

#include "kernels/extra.h"

/* Learning-rate policies beyond the library's. */
enum { DK_POLICY_SGDR = RANDOM + 1 };

/* Kinds of layer beyond the library's; values of layer.type. */
enum { DK_SCALE_CHANNELS = BLANK + 1, DK_SAM, DK_GAUSSIAN_YOLO };

/* How [net] wants images changed beyond load_args; the loader carries it out. */
typedef struct dk_mixing {
    int mixup; /* 0 no, 1 blend two images, 2 cutmix, 3 mosaic, 4 cutmix or mosaic by turns */
    int blur;  /* 0 no, 1 background, more: radius */
    int noise; /* gaussian_noise */
    bool flip, mosaic_bound;
    float label_smooth; /* label_smooth_eps of a classifier */
} dk_mixing;

typedef struct dk_network_extra {
    bool forks;       /* the dialect */
    char because[96]; /* the option of the cfg that decided it, "" if none did */
    bool letter_box;  /* images keep their proportions */
    dk_mixing augment;
    float ema_alpha;   /* 0 = no average of weights */
    float resize_step; /* input sizes of random= are multiples of it */
    float max_chart_loss;
    float rate_min; /* policy=sgdr */
    int cycle, cycle_growth;
} dk_network_extra;

/* dk_network_extra_of - of a network that parse_network_cfg made; for any other, the packaged library's ways.
 * Never NULL. */
dk_network_extra *dk_network_extra_of(const network *net);

/* dk_iteration - rounds that net has done before the one it is in: while net.seen counts the images of the
 * current round, too. */
int dk_iteration(const network *net);

#endif
