#include "server/statistics.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "model/optimizer.h"

void dc__statistics_init(dc__statistics *s)
{
    pthread_mutex_init(&s->lock, NULL);
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
    for (int i = 0; i < 2; i++) {
        s->values[i] = calloc((size_t)floats * (size_t)members + 1, sizeof(float));
        s->made[i] = calloc((size_t)members, sizeof *s->made[i]);
        if (!s->values[i] || !s->made[i])
            return dc__fail(DC_ENOMEM, "out of memory for the statistics of %d workers", members);
        for (int k = 0; k < members; k++)
            s->made[i][k] = UINT64_MAX;
    }
    return DC_OK;
}

void dc__statistics_release(dc__statistics *s)
{
    for (int i = 0; i < 2; i++) {
        free(s->values[i]);
        free(s->made[i]);
        s->values[i] = NULL;
        s->made[i] = NULL;
    }
}

static float *at(const dc__statistics *s, int member, uint64_t version)
{
    return s->values[version & 1] + (size_t)member * s->floats;
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
    if (last) s->made[version & 1][member] = version;
    pthread_mutex_unlock(&s->lock);
}

void dc__statistics_set_all(dc__statistics *s, uint64_t version, const float *values, bool own)
{
    pthread_mutex_lock(&s->lock);
    s->mixed = false;
    for (int i = 0; i < s->members; i++) {
        memcpy(at(s, i, version), values + (own ? (size_t)i * s->floats : 0), s->floats * sizeof *values);
        s->made[version & 1][i] = version;
    }
    pthread_mutex_unlock(&s->lock);
}

bool dc__statistics_copy(dc__statistics *s, uint64_t version, float *to)
{
    bool all = true;
    pthread_mutex_lock(&s->lock);
    for (int i = 0; i < s->members; i++)
        all &= s->made[version & 1][i] == version;
    if (all && to) memcpy(to, at(s, 0, version), s->floats * (size_t)s->members * sizeof *to);
    pthread_mutex_unlock(&s->lock);
    return all;
}

void dc__statistics_copy_last(dc__statistics *s, uint64_t version, float *to)
{
    pthread_mutex_lock(&s->lock);
    for (int i = 0; i < s->members; i++) {
        const bool here = s->made[version & 1][i] == version;
        memcpy(to + (size_t)i * s->floats, at(s, i, here ? version : version + 1), s->floats * sizeof *to);
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
