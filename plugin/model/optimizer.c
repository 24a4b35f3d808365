/* optimizer.c - see optimizer.h. `ivdep` holds because an output is either its own input, element for
 * element, or apart from it; no loop reads what another iteration wrote. */
#include "model/optimizer.h"

#include <math.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE__
#include <immintrin.h>
#endif

#define CHUNK 1024 /* floats that stay in the nearest cache */

void dc__add(size_t n, float *restrict sum, const float *restrict addend)
{
    for (size_t i = 0; i < n; i++)
        sum[i] = sum[i] + addend[i];
}

void dc__add_to(size_t n, float *restrict sum, const float *restrict a, const float *restrict b)
{
    for (size_t i = 0; i < n; i++)
        sum[i] = a[i] + b[i];
}

void dc__add_both(size_t n, float *restrict sum, const float *restrict start, const float *restrict a,
                  const float *restrict b)
{
    for (size_t i = 0; i < n; i++)
        sum[i] = (start[i] + a[i]) + b[i];
}

static void clip_values(size_t n, float clip, float *value)
{
    for (size_t i = 0; i < n; i++)
        value[i] = fminf(clip, fmaxf(-clip, value[i]));
}

/* Past the caches: what is written only would be read into them first, and take the place of what is needed. */
static void stream(size_t n, float *to, const float *from)
{
#ifdef __SSE__
    for (; n > 0 && (uintptr_t)to % 16 != 0; n--)
        *to++ = *from++;
    for (; n >= 4; n -= 4, to += 4, from += 4)
        _mm_stream_ps(to, _mm_loadu_ps(from));
    _mm_sfence();
#endif
    if (n) memcpy(to, from, n * sizeof *to);
}

static void sgd(size_t n, const dc__step *step, const float *value, float *value_out, const float *sum,
                float *velocity)
{
    const float rate = step->rate, decay = step->decay, momentum = step->momentum;
    if (step->decays) {
#pragma GCC ivdep
        for (size_t i = 0; i < n; i++) {
            float u = sum[i] + decay * value[i];
            value_out[i] = value[i] + rate * u;
            velocity[i] = u * momentum;
        }
    } else {
#pragma GCC ivdep
        for (size_t i = 0; i < n; i++) {
            float u = sum[i];
            value_out[i] = value[i] + rate * u;
            velocity[i] = u * momentum;
        }
    }
}

void dc__sgd(size_t n, const dc__step *step, const float *value, float *value_out, const float *sum,
             float *velocity)
{
    float room[CHUNK];
    const bool apart = velocity != sum;
    for (size_t at = 0; at < n; at += CHUNK) {
        const size_t m = n - at < CHUNK ? n - at : CHUNK;
        sgd(m, step, value + at, value_out + at, sum + at, apart ? room : velocity + at);
        if (apart) stream(m, velocity + at, room);
    }
    if (step->clip > 0) clip_values(n, step->clip, value_out);
}

void dc__sgd_carry(size_t n, const dc__step *step, const float *value, float *update)
{
    const float decay = step->decay, momentum = step->momentum;
    if (step->decays) {
        for (size_t i = 0; i < n; i++)
            update[i] = (update[i] + decay * value[i]) * momentum;
    } else {
        for (size_t i = 0; i < n; i++)
            update[i] = update[i] * momentum;
    }
}

void dc__adam(size_t n, const dc__step *step, const float *value, float *value_out, const float *gradient,
              const float *m, const float *v, float *m_out, float *v_out)
{
    const float b1 = step->b1, b2 = step->b2, rate = step->rate, eps = step->eps, decay = step->decay;
    const float new1 = 1.f - b1, new2 = 1.f - b2;
#pragma GCC ivdep
    for (size_t i = 0; i < n; i++) {
        float d = gradient[i] + decay * value[i];
        float mi = m[i] * b1 + new1 * d;
        float vi = v[i] * b2 + new2 * (d * d);
        float mhat = mi / step->debias1;
        float vhat = vi / step->debias2;
        value_out[i] = value[i] + rate * mhat / (sqrtf(vhat) + eps);
        m_out[i] = mi;
        v_out[i] = vi;
    }
    if (step->clip > 0) clip_values(n, step->clip, value_out);
}
