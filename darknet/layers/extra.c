/* extra.c - see extra.h. */
#include "layers/extra.h"

dk_network_extra *dk_network_extra_of(const network *net)
{
    static dk_network_extra packaged = {.letter_box = true,
                                        .augment = {.flip = true},
                                        .resize_step = 32,
                                        .max_chart_loss = 20,
                                        .rate_min = .00001f,
                                        .cycle = 1,
                                        .cycle_growth = 2};
    const dk_extra *e = net->n > 0 ? dk_extra_of(&net->layers[0]) : NULL;
    return e ? e->network : &packaged;
}

int dk_iteration(const network *net)
{
    const size_t images = (size_t)net->batch * (size_t)net->subdivisions;
    return *net->seen > 0 ? (int)((*net->seen - 1) / images) : 0;
}
