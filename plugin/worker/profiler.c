/* profiler.c - where a round's time goes.
 *
 * Everything between two marks belongs to the layer that ends at the second, so that what happens between
 * layers (clearing deltas, copying a batch) is accounted for; waits are taken out and counted apart. The
 * planner wants the first subdivision's forward and the last one's backward by layer, the rest as one number.
 * Two clock reads a layer. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "worker/profiler.h"

dc_error dc__profiler_init(dc__profiler *p, const dc_model *model)
{
    const size_t n = (size_t)model->n_layers;
    p->cost = calloc(n, sizeof *p->cost);
    p->fc = calloc(n, sizeof *p->fc);
    p->bc = calloc(n, sizeof *p->bc);
    if (!p->cost || !p->fc || !p->bc)
        return dc__fail(DC_ENOMEM, "out of memory for a profile of %zu layers", n);
    for (size_t i = 0; i < n; i++)
        p->cost[i].up_bytes = p->cost[i].down_bytes = model->layers[i].count * sizeof(float);
    return DC_OK;
}

void dc__profiler_free(dc__profiler *p)
{
    free(p->cost);
    free(p->fc);
    free(p->bc);
}

void dc__profiler_round_begin(dc__profiler *p)
{
    p->mark_ns = dc__now_ns();
    p->compute_s = p->wait_s = p->middle_now_s = 0;
}

void dc__profiler_waited(dc__profiler *p, int64_t from_ns, int64_t to_ns)
{
    p->wait_s += dc__seconds(to_ns - from_ns);
    p->mark_ns += to_ns - from_ns;
}

int64_t dc__profiler_layer_end(dc__profiler *p, int layer, bool forward, bool first_pass, bool last_pass)
{
    const int64_t now = dc__now_ns();
    const int64_t before = p->mark_ns;
    const double seconds = dc__seconds(now - before);
    p->mark_ns = now;
    p->compute_s += seconds;
    if (forward && first_pass)
        p->fc[layer] = seconds;
    else if (!forward && last_pass)
        p->bc[layer] = seconds;
    else
        p->middle_now_s += seconds;
    return before;
}

static double blend(double old, double now, bool first)
{
    return first ? now : DC__COST_KEEP * old + (1 - DC__COST_KEEP) * now;
}

/* As if the rounds so far had had as many batches: the others lie between the first forward and the last backward pass. */
static void scale(dc__profiler *p, int layers, uint32_t batches)
{
    double layers_s = 0;
    for (int i = 0; i < layers; i++)
        layers_s += p->cost[i].fc_s + p->cost[i].bc_s;
    if (p->rounds > 0) p->middle_s = (p->middle_s + layers_s) / p->batches * batches - layers_s;
    p->batches = batches;
}

void dc__profiler_round_end(dc__profiler *p, int layers, uint32_t batches)
{
    if (batches != p->batches) scale(p, layers, batches);
    /* The first round pays for page faults and cold caches: it counts only until there is a second. */
    const bool first = p->rounds < 2;
    for (int i = 0; i < layers; i++) {
        p->cost[i].fc_s = blend(p->cost[i].fc_s, p->fc[i], first);
        p->cost[i].bc_s = blend(p->cost[i].bc_s, p->bc[i], first);
    }
    p->middle_s = blend(p->middle_s, p->middle_now_s, first);
    p->rounds++;
}
