/* finite.c - see finite.h. A float is infinite or no number if all bits of its exponent are set: then what is left without
 * its sign is, as a whole number, at least that of infinity. The largest of them tells of all, needs no unit for floats, and vectorizes. */
#include "model/finite.h"

#include <math.h>
#include <string.h>

#include "base/error.h"

#define MAGNITUDE 0x7fffffff
#define INFINITE 0x7f800000

/* Several maxima side by side: with one, each step waits for the one before. 32 of them fit the registers of every processor. */
#define LANES 32

static inline __attribute__((always_inline)) int32_t larger(int32_t than, const float *x)
{
    int32_t bits;
    memcpy(&bits, x, sizeof bits);
    bits &= MAGNITUDE;
    return bits > than ? bits : than;
}

static inline __attribute__((always_inline)) bool scan(size_t n, const float *x)
{
    int32_t lane[LANES] = {0}, most = 0;
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t k = 0; k < LANES; k++)
            lane[k] = larger(lane[k], x + i + k);
    for (; i < n; i++)
        most = larger(most, x + i);
    for (size_t k = 0; k < LANES; k++)
        most = lane[k] > most ? lane[k] : most;
    return most < INFINITE;
}

#if defined(__x86_64__) && defined(__GNUC__)
static __attribute__((target("avx2"))) bool scan_avx2(size_t n, const float *x)
{
    return scan(n, x);
}

bool dc__is_finite(size_t n, const float *x)
{
    return __builtin_cpu_supports("avx2") ? scan_avx2(n, x) : scan(n, x);
}
#else
bool dc__is_finite(size_t n, const float *x)
{
    return scan(n, x);
}
#endif

static dc_error name_it(const dc_model *m, const dc__arena_tensor *tensor, float x, const char *what)
{
    return dc__fail(DC_EVALUE, "%s of layer %d (%s %s) is %s", what, tensor->layer,
                    m->layers[tensor->layer].type, tensor->name,
                    isnan(x) ? "nan"
                    : x > 0  ? "inf"
                             : "-inf");
}

static size_t first_bad(const float *x)
{
    size_t i = 0;
    while (isfinite(x[i]))
        i++;
    return i;
}

dc_error dc__finite_check(const dc_model *m, uint64_t offset, uint64_t count, const float *x,
                          const char *what)
{
    if (dc__is_finite((size_t)count, x)) return DC_OK;
    const size_t i = first_bad(x);
    return name_it(m, &m->tensors[m->by_offset[dc__model_find(m, offset + i)]], x[i], what);
}

dc_error dc__finite_model(const dc_model *m, const char *what)
{
    for (int i = 0; i < m->n_tensors; i++) {
        const dc_tensor *t = &m->tensors[i].t;
        if (!dc__is_finite((size_t)t->count, t->value))
            return name_it(m, &m->tensors[i], t->value[first_bad(t->value)], what);
    }
    return DC_OK;
}
