/* memory.h - what recurrent layers carry from one forward pass to the next, over subdivisions and rounds: a worker's own, as
 * its rolling statistics are, but of no interest to others. */
#ifndef DK_MEMORY_H
#define DK_MEMORY_H

#include <darknet.h>

/* dk_memory_floats - how many floats the network's layers carry; 0 without [lstm] and [gru]. dk_memory_save and
 * dk_memory_load - copy them out of the layers, and into them: [dk_memory_floats]. */
size_t dk_memory_floats(const network *net);
void dk_memory_save(const network *net, float *to);
void dk_memory_load(network *net, const float *from);

#endif
