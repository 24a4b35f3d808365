#include "engine/rate.h"

#include "replace/random.h"

float dk_round_rate(network *net, uint64_t seed, uint64_t round, int workers)
{
    if (net->policy == RANDOM && workers > 1) dk_random_begin(DK_STREAM_RATE, seed, 0, round, 0);
    return get_current_rate(net);
}
