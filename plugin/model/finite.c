/* finite.c - see finite.h. A float is infinite or no number if all bits of its exponent are set: adding one to them
 * carries into the sign's place. That vectorizes everywhere and, unlike x - x, needs no unit for floats. */
#include "model/finite.h"

#include <math.h>
#include <string.h>

#include "base/error.h"

#define EXPONENT 0x7f800000u
#define ONE 0x00800000u

static inline __attribute__((always_inline)) bool scan(size_t n, const float *x)
{
    uint32_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        bad |= (bits & EXPONENT) + ONE;
    }
    return bad >> 31 == 0;
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
