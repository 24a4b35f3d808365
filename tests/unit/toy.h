/* toy.h - a model whose "computation" is arithmetic that any error would change: each gradient depends on the
 * layer's current values, the worker, the round and the subdivision. */
#ifndef TOY_H
#define TOY_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dynacomm.h"

#define TOY_LAYERS 9

typedef struct toy {
    dc_model *model;
    float *value[TOY_LAYERS][3], *gradient[TOY_LAYERS][3];
    size_t count[TOY_LAYERS][3];
    dc_role role[TOY_LAYERS];
    size_t images;
} toy;

/* Sizes that cross blocks, share frames and leave layers empty. Layer 6 is large; 3 and 7 have nothing. */
static const size_t toy_weights[TOY_LAYERS] = {300, 5000, 40000, 0, 17, 16384, 150000, 0, 2000};

static uint32_t toy_hash(uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
    uint32_t h = a * 2654435761u ^ b * 2246822519u ^ c * 3266489917u ^ d * 668265263u;
    h ^= h >> 15;
    h *= 2246822519u;
    h ^= h >> 13;
    return h;
}

static float toy_number(uint32_t hash)
{
    return (float)(hash % 20001u) / 10000.f - 1.f;
}

static inline toy *toy_make(const char *name, dc_algorithm algorithm, int frozen_layers, float decay)
{
    toy *t = calloc(1, sizeof *t);
    dc_optimizer o = {
        .algorithm = algorithm, .momentum = 0.9f, .decay = decay, .b1 = 0.9f, .b2 = 0.999f, .eps = 1e-7f};
    t->images = 8;
    if (dc_model_new(&t->model, name, &o, 8)) abort();
    for (int i = 0; i < TOY_LAYERS; i++) {
        if (dc_model_add_layer(t->model, toy_weights[i] ? "convolutional" : "maxpool")) abort();
        t->role[i] = i < frozen_layers ? DC_FROZEN : DC_TRAINED;
        const size_t counts[3] = {toy_weights[i], toy_weights[i] ? 31 : 0,
                                  toy_weights[i] && i % 2 == 0 ? 62 : 0};
        const char *names[3] = {"weights", "biases", "rolling_mean"};
        for (int k = 0; k < 3; k++) {
            const size_t n = t->count[i][k] = counts[k];
            if (n == 0) continue;
            t->value[i][k] = calloc(n, sizeof(float));
            t->gradient[i][k] = k < 2 ? calloc(n, sizeof(float)) : NULL;
            for (size_t j = 0; j < n; j++)
                t->value[i][k][j] = toy_number(toy_hash((uint32_t)i, (uint32_t)k, (uint32_t)j, 7));
            dc_tensor tensor = {.name = names[k],
                                .role = k == 2 ? DC_STATISTIC : t->role[i],
                                .is_weights = k == 0,
                                .saved = true,
                                .count = n,
                                .value = t->value[i][k],
                                .gradient = t->gradient[i][k],
                                .rate_scale = i == 4 ? 0.5f : 1.f,
                                .clip = i == 5 ? 0.9f : 0};
            if (dc_model_add_tensor(t->model, &tensor)) abort();
        }
    }
    return t;
}

static inline void toy_free(toy *t)
{
    for (int i = 0; i < TOY_LAYERS; i++)
        for (int k = 0; k < 3; k++) {
            free(t->value[i][k]);
            free(t->gradient[i][k]);
        }
    dc_model_free(t->model);
    free(t);
}

static inline float toy_rate(uint64_t round)
{
    return 0.01f / (float)(1 + round);
}

/* What a layer's backward adds to its gradients, and its forward to its statistics. */
static inline void toy_backward(toy *t, int i, int rank, uint64_t round, int subdivision)
{
    for (int k = 0; k < 2 && t->role[i] == DC_TRAINED; k++)
        for (size_t j = 0; j < t->count[i][k]; j++)
            t->gradient[i][k][j] +=
                0.1f * t->value[i][k][j] +
                toy_number(toy_hash((uint32_t)j, (uint32_t)rank, (uint32_t)round, (uint32_t)subdivision));
}

static inline void toy_forward(toy *t, int i, int rank, uint64_t round)
{
    for (size_t j = 0; j < t->count[i][2]; j++)
        t->value[i][2][j] = .99f * t->value[i][2][j] +
                            .01f * toy_number(toy_hash((uint32_t)j, (uint32_t)rank, (uint32_t)round, 3));
}

static inline int toy_same(const toy *a, const toy *b, int statistics)
{
    for (int i = 0; i < TOY_LAYERS; i++)
        for (int k = 0; k < (statistics ? 3 : 2); k++)
            if (a->count[i][k] && memcmp(a->value[i][k], b->value[i][k], a->count[i][k] * sizeof(float)) != 0)
                return 0;
    return 1;
}

/* One round as a worker. */
static inline dc_error toy_round(toy *t, dc_worker *w, int subdivisions, dc_round_report *report)
{
    const dc_worker_info info = dc_worker_info_get(w);
    dc_error err = dc_worker_round_begin(w);
    for (int s = 0; !err && s < subdivisions; s++) {
        err = dc_worker_subdivision(w, s == subdivisions - 1);
        for (int i = 0; !err && i < TOY_LAYERS; i++) {
            err = dc_worker_forward_begin(w, i);
            if (!err) toy_forward(t, i, info.rank, info.round);
            if (!err) err = dc_worker_forward_end(w, i);
        }
        if (!err && s == subdivisions - 1) err = dc_worker_rate(w, toy_rate(info.round));
        for (int i = TOY_LAYERS - 1; !err && i >= 0 && (t->role[i] == DC_TRAINED || !t->count[i][0]); i--) {
            err = dc_worker_backward_begin(w, i);
            if (!err) toy_backward(t, i, info.rank, info.round, s);
            if (!err) err = dc_worker_backward_end(w, i);
        }
    }
    dc_error end = dc_worker_round_end(w, report);
    return err ? err : end;
}

#endif
