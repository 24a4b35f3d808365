/* rate.h - the learning rate of a round. */
#ifndef DK_RATE_H
#define DK_RATE_H

#include <darknet.h>
#include <stdint.h>

/* dk_round_rate - for a round of so many workers, rounds counted from 0. Asked for where the library would, after all of the
 * round's other random numbers are drawn: policy=random draws its rates, several workers all the same one, a lone one
 * what the library would. net->seen is that of the round's end. */
/* dk_seen_in_round - Darknet's count of images with subdivision `index` of n of a round before which it was seen: a round counts
 * as the cfg's images, whatever this worker feeds in it, so that what goes by images goes by rounds. */
size_t dk_seen_in_round(const network *net, size_t seen, int index, int n);

float dk_round_rate(network *net, uint64_t seed, uint64_t round, int workers);

#endif
