#include "server/versions.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "model/average.h"
#include "model/finite.h"

void dc__versions_init(dc__versions *v)
{
    pthread_mutex_init(&v->lock, NULL);
    v->ring = 2;
}

void dc__versions_destroy(dc__versions *v)
{
    dc__versions_release(v);
    pthread_mutex_destroy(&v->lock);
}

dc_error dc__versions_allocate(dc__versions *v, const dc_model *m)
{
    const uint64_t all = dc__model_floats(m), moments = dc__model_state_floats(m);
    const size_t frozen = (size_t)(m->start[DC_FIXED] - m->start[DC_FROZEN]);
    const bool adam = m->optimizer.algorithm == DC_ADAM;
    const uint64_t average = dc__averages(m) ? dc__average_floats(m) : 0;
    bool ok = true;
    v->model = m;
    for (uint32_t i = 0; i < v->ring; i++) {
        ok &= (v->values[i] = calloc(all + 1, sizeof(float))) != NULL;
        ok &= (v->first_moments[i] = calloc(moments + 1, sizeof(float))) != NULL;
        ok &= !average || (v->averages[i] = calloc(average + 1, sizeof(float))) != NULL;
        ok &= !adam || (v->second_moments[i] = calloc(moments + 1, sizeof(float))) != NULL;
    }
    ok &= !adam || (v->no_gradient = calloc(frozen + 1, sizeof(float))) != NULL;
    ok &= (v->block = calloc(m->n_blocks, sizeof *v->block)) != NULL;
    if (ok) return DC_OK;
    return dc__fail(DC_ENOMEM, "out of memory: %s needs %.1f GB here", m->name,
                    (double)(v->ring * (all + (adam ? 2 : 1) * moments + average)) * sizeof(float) / 1e9);
}

void dc__versions_release(dc__versions *v)
{
    for (uint32_t i = 0; i < v->ring; i++) {
        free(v->values[i]);
        free(v->first_moments[i]);
        free(v->second_moments[i]);
        free(v->averages[i]);
        v->averages[i] = NULL;
        v->values[i] = v->first_moments[i] = v->second_moments[i] = NULL;
        v->rates[i] = 0;
    }
    free(v->no_gradient);
    free(v->block);
    v->no_gradient = NULL;
    v->block = NULL;
    v->model = NULL;
    v->blocks_done = 0;
    v->round = v->first_round = v->first_step = v->first_average = 0;
}

void dc__versions_begin(dc__versions *v, uint64_t round, uint64_t step)
{
    v->first_round = round;
    v->round = round;
    v->first_step = step;
    v->first_average = dc__average_first(v->model, round);
    for (uint32_t b = 0; b < v->model->n_blocks; b++)
        v->block[b] = round;
}

void dc__versions_set_initial(dc__versions *v, uint64_t offset, uint64_t count, const float *values)
{
    for (uint32_t i = 0; i < v->ring; i++)
        memcpy(v->values[i] + offset, values, count * sizeof *values);
}

void dc__versions_fill(dc__versions *v, uint64_t version)
{
    const float *values = dc__versions_values(v, version);
    for (uint64_t k = 1; k < v->ring; k++)
        memcpy(dc__versions_values(v, version + k), values, dc__model_floats(v->model) * sizeof *values);
}

dc_error dc__versions_finite(const dc__versions *v, uint64_t version)
{
    const dc_model *m = v->model;
    const float *moment2 = dc__versions_moment2(v, version);
    const uint64_t moments = dc__model_state_floats(m);
    char what[64];
    (void)snprintf(what, sizeof what, "round %llu is not saved: a value", (unsigned long long)version);
    dc_error err = dc__finite_check(m, 0, dc__model_floats(m), dc__versions_values(v, version), what);
    (void)snprintf(what, sizeof what, "round %llu is not saved: a moment", (unsigned long long)version);
    if (!err) err = dc__finite_check(m, 0, moments, dc__versions_moment1(v, version), what);
    if (!err && moment2) err = dc__finite_check(m, 0, moments, moment2, what);
    return err;
}

bool dc__versions_complete(dc__versions *v, uint32_t n)
{
    return atomic_fetch_add(&v->blocks_done, n) + n == v->model->n_blocks;
}
