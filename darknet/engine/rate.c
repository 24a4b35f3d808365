#include "engine/rate.h"

#include "replace/random.h"

size_t dk_seen_in_round(const network *net, size_t seen, int index, int n)
{
    const size_t images = (size_t)net->batch * (size_t)net->subdivisions;
    return seen + images * (size_t)(index + 1) / (size_t)n;
}

float dk_round_rate(network *net, uint64_t seed, uint64_t round, int workers)
{
    if (net->policy == RANDOM && workers > 1) dk_random_begin(DK_STREAM_RATE, seed, 0, round, 0);
    return get_current_rate(net);
}
