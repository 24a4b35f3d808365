/* repair.h - what the packaged library's parser forgets: room, and one backward. */
#ifndef DK_REPAIR_H
#define DK_REPAIR_H

#include <darknet.h>

/* dk_repair_network - right after parse_network_cfg, before the first forward. The library's CPU path writes
 * beyond these otherwise, as soon as it trains:
 *   [rnn]        state holds one step where training keeps steps + 1
 *   [lstm]       has no delta, neither its output's nor its cell's, and its backward is not set
 *   [batchnorm]  has no copy of its input and no deltas of mean and variance
 *   [local]      asks for a workspace of floats counted as bytes; [crnn] for none
 *   [deconvolutional]  has no groups, by which load_weights divides
 * Ends the program with a line when memory is out. */
void dk_repair_network(network *net);

#endif
