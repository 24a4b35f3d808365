#include "server/statistics.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "model/optimizer.h"

void dc__statistics_init(dc__statistics *s)
{
    pthread_mutex_init(&s->lock, NULL);
    s->ring = 2;
}

void dc__statistics_destroy(dc__statistics *s)
{
    dc__statistics_release(s);
    pthread_mutex_destroy(&s->lock);
}

dc_error dc__statistics_allocate(dc__statistics *s, int members, uint64_t floats)
{
    s->members = members;
    s->floats = floats;
    s->mean = calloc((size_t)floats + 1, sizeof *s->mean);
    for (uint32_t i = 0; i < s->ring; i++) {
        s->values[i] = calloc((size_t)floats * (size_t)members + 1, sizeof(float));
        s->made[i] = calloc((size_t)members, sizeof *s->made[i]);
        if (!s->mean || !s->values[i] || !s->made[i])
            return dc__fail(DC_ENOMEM, "out of memory for the statistics of %d workers", members);
        for (int k = 0; k < members; k++)
            s->made[i][k] = UINT64_MAX;
    }
    return DC_OK;
}

void dc__statistics_release(dc__statistics *s)
{
    free(s->mean);
    s->mean = NULL;
    for (uint32_t i = 0; i < s->ring; i++) {
        free(s->values[i]);
        free(s->made[i]);
        s->values[i] = NULL;
        s->made[i] = NULL;
    }
}

static float *at(const dc__statistics *s, int member, uint64_t version)
{
    return s->values[version % s->ring] + (size_t)member * s->floats;
}

const float *dc__statistics_of(const dc__statistics *s, int member, uint64_t version)
{
    return at(s, member, version);
}

void dc__statistics_put(dc__statistics *s, int member, uint64_t version, uint64_t offset, uint64_t count,
                        const float *values, bool last)
{
    pthread_mutex_lock(&s->lock);
    memcpy(at(s, member, version) + offset, values, count * sizeof *values);
    if (last) s->made[version % s->ring][member] = version;
    pthread_mutex_unlock(&s->lock);
}

/* With the lock held. */
static void set(dc__statistics *s, int member, uint64_t version, const float *values)
{
    memcpy(at(s, member, version), values, s->floats * sizeof *values);
    s->made[version % s->ring][member] = version;
}

void dc__statistics_set(dc__statistics *s, int member, uint64_t version, const float *values)
{
    pthread_mutex_lock(&s->lock);
    set(s, member, version, values);
    pthread_mutex_unlock(&s->lock);
}

void dc__statistics_set_all(dc__statistics *s, uint64_t version, const float *values)
{
    pthread_mutex_lock(&s->lock);
    for (int i = 0; i < s->members; i++)
        set(s, i, version, values);
    pthread_mutex_unlock(&s->lock);
}

static bool is_here(const dc__statistics *s, int member, uint64_t version)
{
    return s->floats == 0 || s->made[version % s->ring][member] == version;
}

/* Whose statistics of the version are here: all of the crew's but the fresh ones', or where there are none the makers'. */
static void find_sources(const dc__statistics *s, const dc__crew *crew, const dc__crew *makers,
                         uint64_t version, dc__crew *sources)
{
    sources->n = 0;
    for (int k = 0; k < crew->n; k++)
        if (!crew->member[k].fresh && is_here(s, crew->member[k].slot, version))
            sources->member[sources->n++] = crew->member[k];
    if (sources->n > 0) return;
    for (int k = 0; k < makers->n; k++)
        if (is_here(s, makers->member[k].slot, version)) sources->member[sources->n++] = makers->member[k];
}

void dc__statistics_begin(dc__statistics *s, const dc__crew *crew, const dc__crew *makers, uint64_t version,
                          dc__crew *sources)
{
    pthread_mutex_lock(&s->lock);
    find_sources(s, crew, makers, version, sources);
    const int n = sources->n;
    memset(s->mean, 0, s->floats * sizeof *s->mean);
    for (int k = 0; k < n; k++)
        if (k == 0)
            memcpy(s->mean, at(s, sources->member[k].slot, version), s->floats * sizeof *s->mean);
        else
            dc__add(s->floats, s->mean, at(s, sources->member[k].slot, version));
    for (uint64_t i = 0; n > 1 && i < s->floats; i++)
        s->mean[i] = s->mean[i] / (float)n;
    for (int k = 0; k < crew->n; k++)
        if (crew->member[k].fresh) set(s, crew->member[k].slot, version, s->mean);
    pthread_mutex_unlock(&s->lock);
}

bool dc__statistics_copy(dc__statistics *s, const dc__crew *crew, uint64_t version, float *to)
{
    bool all = true;
    pthread_mutex_lock(&s->lock);
    for (int k = 0; k < crew->n; k++)
        all &= s->made[version % s->ring][crew->member[k].slot] == version;
    for (int k = 0; all && to && k < crew->n; k++)
        memcpy(to + (size_t)k * s->floats, at(s, crew->member[k].slot, version), s->floats * sizeof *to);
    pthread_mutex_unlock(&s->lock);
    return all;
}

void dc__statistics_copy_last(dc__statistics *s, const dc__crew *crew, uint64_t version, float *to)
{
    pthread_mutex_lock(&s->lock);
    for (int k = 0; k < crew->n; k++) {
        const int slot = crew->member[k].slot;
        const bool here = s->made[version % s->ring][slot] == version;
        memcpy(to + (size_t)k * s->floats, at(s, slot, here ? version : version + s->ring - 1),
               s->floats * sizeof *to);
    }
    pthread_mutex_unlock(&s->lock);
}

void dc__statistics_mean(const float *values, int members, uint64_t floats, float *mean)
{
    memcpy(mean, values, floats * sizeof *mean);
    for (int i = 1; i < members; i++)
        dc__add(floats, mean, values + (size_t)i * floats);
    if (members > 1)
        for (uint64_t i = 0; i < floats; i++)
            mean[i] = mean[i] / (float)members;
}
