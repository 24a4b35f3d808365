/* feed.h - made-up images and truth that are valid for a network's first and last layer. */
#ifndef EXACT_FEED_H
#define EXACT_FEED_H

#include <darknet.h>
#include <stdint.h>

/* ex_feed - net->batch * net->subdivisions rows for one round of one worker: the same for the same numbers,
 * whatever was drawn before (rand() is left alone). The caller frees it with free_data. */
data ex_feed(const network *net, uint64_t seed, int rank, int round);

#endif
