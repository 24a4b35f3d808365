/* rate.c - get_current_rate, in the place of the library's, which does not know policy=sgdr and takes no
 * negative step. */
#include "layers/extra.h"

#include "kernels/stock.h"

#include <math.h>

#define LIBRARY_ENTRY __attribute__((visibility("default")))

DK_STOCK_SLOT(get_current_rate);

/* Cosine from learning_rate to learning_rate_min, again and again, each cycle sgdr_mult times as long as the
 * one before (Loshchilov, Hutter, "SGDR", ICLR 2017). */
static float sgdr(const network *net, const dk_network_extra *e, size_t round)
{
    size_t begin = 0, cycle = (size_t)(e->cycle > 0 ? e->cycle : 1);
    while (begin + cycle < round) {
        begin += cycle;
        cycle *= (size_t)e->cycle_growth;
    }
    const double turn = (double)(float)(round - begin) * 3.14159265 / (double)cycle;
    return (float)((double)e->rate_min + .5 * (double)(net->learning_rate - e->rate_min) * (1 + cos(turn)));
}

/* The library compares rounds without a sign, so that a first step of -1 (a scale from the start on, as in
 * yolov2-tiny-voc.cfg) ends its list of steps. */
static float steps(const network *net, size_t round)
{
    float rate = net->learning_rate;
    for (int i = 0; i < net->num_steps && (long long)net->steps[i] <= (long long)round; i++)
        rate *= net->scales[i];
    return rate;
}

LIBRARY_ENTRY float get_current_rate(network *net)
{
    const size_t round = get_current_batch(net);
    if (net->policy == STEPS && round >= (size_t)net->burn_in && dk_network_extra_of(net)->forks)
        return steps(net, round);
    if ((int)net->policy != DK_POLICY_SGDR || round < (size_t)net->burn_in)
        return DK_STOCK(get_current_rate)(net);
    return sgdr(net, dk_network_extra_of(net), round);
}
