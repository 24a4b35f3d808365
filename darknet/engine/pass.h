/* pass.h - the forward half of one subdivision: alone, as a worker, and in a replay. */
#ifndef DK_PASS_H
#define DK_PASS_H

#include <darknet.h>

/* dk_pass_input - the subdivision's rows of d become the network's input; they count as seen. */
static inline void dk_pass_input(network *net, const data *d, int index)
{
    get_next_batch(*d, net->batch, index * net->batch, net->input, net->truth);
    *net->seen += (size_t)net->batch;
    net->train = 1;
}

#endif
