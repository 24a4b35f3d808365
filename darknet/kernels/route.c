/* route.c - see route.h. A part of an image's channels is one run of floats: it is copied, or its gradient
 * added, whole, images and inputs split over threads. */
#include "kernels/route.h"

#include "kernels/isa.h"
#include "kernels/kernels.h"

#include <string.h>

DK_CLONES static void add_run(const float *restrict from, float *restrict to, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] += from[i];
}

typedef struct run {
    size_t inside, outside, n; /* where it starts in the input and in the route, and its floats */
    int from;                  /* layer */
} run;

/* The part of input i of image b. */
static run run_of(const layer *l, int i, int b)
{
    size_t before = 0;
    for (int k = 0; k < i; k++)
        before += (size_t)(l->input_sizes[k] / l->groups);
    const size_t n = (size_t)(l->input_sizes[i] / l->groups);
    return (run){.inside = (size_t)b * (size_t)l->input_sizes[i] + n * (size_t)l->extra,
                 .outside = (size_t)b * (size_t)l->outputs + before,
                 .n = n,
                 .from = l->input_layers[i]};
}

static int threads_for(const layer *l)
{
    return (size_t)l->batch * (size_t)l->outputs < 65536 ? 1 : dk_threads();
}

void dk_forward_route_group(const layer l, network net)
{
    const int threads = threads_for(&l);
#pragma omp parallel for num_threads(threads) schedule(static) collapse(2) if (threads > 1)
    for (int b = 0; b < l.batch; b++)
        for (int i = 0; i < l.n; i++) {
            const run r = run_of(&l, i, b);
            memcpy(l.output + r.outside, net.layers[r.from].output + r.inside, r.n * sizeof(float));
        }
}

/* Images are apart; two inputs may be the same layer. */
void dk_backward_route_group(const layer l, network net)
{
    const int threads = threads_for(&l);
#pragma omp parallel for num_threads(threads) schedule(static) if (threads > 1)
    for (int b = 0; b < l.batch; b++)
        for (int i = 0; i < l.n; i++) {
            const run r = run_of(&l, i, b);
            if (net.layers[r.from].delta != NULL)
                add_run(l.delta + r.outside, net.layers[r.from].delta + r.inside, r.n);
        }
}
