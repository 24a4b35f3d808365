/* rate.h - the learning rate of a round. */
#ifndef DK_RATE_H
#define DK_RATE_H

#include <darknet.h>
#include <stdint.h>

/* dk_round_rate - for a round of so many workers, rounds counted from 0. Asked for where the library would, after all of the
 * round's other random numbers are drawn: policy=random draws its rates, several workers all the same one, a lone one
 * what the library would. net->seen is that of the round's end. */
float dk_round_rate(network *net, uint64_t seed, uint64_t round, int workers);

#endif
