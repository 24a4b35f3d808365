/* toy.c - the model that is trained. See plan.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/plan.h"

static float number_of(uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    uint64_t state = a * 1000003 + b * 7919 + c * 104729 + d;
    return (float)(sim_random(&state) % 20001) / 10000.f - 1.f;
}

static float *floats(size_t n)
{
    float *f = calloc(n, sizeof *f);
    if (!f) abort();
    return f;
}

static void must(dc_error err)
{
    if (err) abort();
}

static void add_layer(sim_toy *n, int i)
{
    const sim_plan *p = n->plan;
    must(dc_model_add_layer(n->model, "layer"));
    if (p->count[i] == 0) return;
    n->value[i] = floats(p->count[i]);
    n->gradient[i] = floats(p->count[i]);
    for (size_t j = 0; j < p->count[i]; j++)
        n->value[i][j] = number_of(j, (uint64_t)i, 1, 2);
    const dc_tensor weights = {.name = "weights",
                               .role = i < p->frozen ? DC_FROZEN : DC_TRAINED,
                               .is_weights = i % 2,
                               .saved = true,
                               .averaged = p->average > 0 && i >= p->frozen,
                               .count = p->count[i],
                               .value = n->value[i],
                               .gradient = n->gradient[i],
                               .rate_scale = i == 1 ? .5f : 1};
    must(dc_model_add_tensor(n->model, &weights));
    if (p->stats[i] == 0) return;
    n->stats[i] = floats(p->stats[i]);
    const dc_tensor mean = {.name = "rolling_mean",
                            .role = DC_STATISTIC,
                            .saved = true,
                            .count = p->stats[i],
                            .value = n->stats[i],
                            .rate_scale = 1};
    must(dc_model_add_tensor(n->model, &mean));
}

sim_toy *sim_toy_new(const sim_plan *p, int times)
{
    sim_toy *n = calloc(1, sizeof *n);
    if (!n) abort();
    const dc_optimizer o = {.algorithm = p->algorithm,
                            .momentum = .9f,
                            .decay = .0005f,
                            .b1 = .9f,
                            .b2 = .999f,
                            .eps = 1e-7f,
                            .average = p->average,
                            .average_until = p->average > 0 ? 1000 : 0};
    n->plan = p;
    must(dc_model_new(&n->model, "sim", &o, (uint32_t)(times * p->subdivisions * SIM_IMAGES)));
    for (int i = 0; i < p->layers; i++)
        add_layer(n, i);
    return n;
}

void sim_toy_free(sim_toy *n)
{
    for (int i = 0; i < n->plan->layers; i++) {
        free(n->value[i]);
        free(n->gradient[i]);
        free(n->stats[i]);
    }
    dc_model_free(n->model);
    free(n);
}

float sim_rate(uint64_t batch)
{
    return .05f / (float)(1 + batch / 3);
}

void sim_remember(sim_toy *n, int number, uint64_t batch, int subdivision)
{
    for (uint64_t j = 0; j < SIM_MEMORY && n->plan->remembers; j++)
        n->memory[j] = .5f * n->memory[j] + number_of(j, (uint64_t)number, batch, 7 + (uint64_t)subdivision);
}

void sim_forward(sim_toy *n, int layer, int number, uint64_t batch)
{
    const bool bad = n->plan->bad && number == 1 && batch % 8 == 2;
    for (size_t j = 0; j < n->plan->stats[layer]; j++)
        n->stats[layer][j] =
            bad ? INFINITY : .9f * n->stats[layer][j] + number_of(j, (uint64_t)number, batch, 3);
}

void sim_backward(sim_toy *n, const sim_toy *at, int layer, int number, uint64_t batch, int subdivision)
{
    const float shift = number_of((uint64_t)number, batch, (uint64_t)layer, (uint64_t)subdivision) +
                        at->memory[layer % SIM_MEMORY];
    for (size_t j = 0; layer >= n->plan->frozen && j < n->plan->count[layer]; j++)
        n->gradient[layer][j] += .1f * at->value[layer][j] + shift * (float)(1 + j % 13);
    const bool bad = n->plan->bad && number == 1 && batch % 4 == 2 && layer >= n->plan->frozen;
    if (bad && n->plan->count[layer]) n->gradient[layer][batch % n->plan->count[layer]] = NAN;
}
