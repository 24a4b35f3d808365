/* side.h - what measure.c asks of the Darknet that it measures. side_ours.c answers for ours, side_fork.c for
 * AlexeyAB's (compiled against its header and objects; see tests/data/forks/README.md). */
#ifndef FORKS_SIDE_H
#define FORKS_SIDE_H

#include <darknet.h>
#include <stdbool.h>

/* side_parse - the network of a cfg file, ready to train. Ends the program if it cannot. */
network *side_parse(char *cfg);
void side_save(network *net, char *weights);
void side_load(network *net, char *weights);

/* side_train_forward - one forward pass as in training. x[batch][inputs], y[batch][side_truths(net)]. */
void side_train_forward(network *net, float *x, float *y);

/* side_predict - one forward pass as in inference. */
void side_predict(network *net, float *x);

/* side_step - forward and backward pass of one subdivision; the last one of a round also updates. Returns the
 * loss. */
float side_step(network *net, float *x, float *y, int subdivision);

/* side_truths - floats of truth per picture. side_stride - floats per box. */
int side_truths(const network *net);
int side_stride(const network *net);

/* side_boxes - the first picture's boxes after suppression at 0.45 in the cfg's way, in units of the picture. */
detection *side_boxes(network *net, float thresh, int *n);

/* side_is_head - true if layer i's output is the network's answer, laid out alike on both sides ([region] is not: its
 * boxes are compared). side_shares - true if another layer owns its
 * weights. */
bool side_is_head(const network *net, int i);
bool side_shares(const layer *l);

#endif
