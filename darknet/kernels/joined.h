/* joined.h - [shortcut] of several layers, with weights, of layers with other numbers of channels, or with an
 * activation beyond the library's.
 *
 * Input 0 is the layer before, inputs 1 to l.n are l.input_layers; all have the output's width and height. An
 * input adds to the channels that it has; those beyond the output's are left out. */
#ifndef DK_JOINED_H
#define DK_JOINED_H

#include <darknet.h>

typedef enum dk_join_norm { DK_JOIN_PLAIN, DK_JOIN_RELU, DK_JOIN_SOFTMAX } dk_join_norm;

/* What such a layer keeps (extra.h: own). */
typedef struct dk_join {
    int steps;         /* weights per input: 0 = none, 1 = one, or one per channel */
    dk_join_norm norm; /* how weights are normalized over inputs before they weigh */
    float *share;      /* [l.n + 1][steps] what they weigh then */
    float *slope;      /* [l.n + 1][steps] gradient of share, while backward runs */
} dk_join;

/* l.weights: [l.n + 1][steps]. */
void dk_forward_join(const layer l, network net);
void dk_backward_join(const layer l, network net);
void dk_update_join(layer l, update_args a);

#endif
