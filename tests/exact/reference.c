/* reference.c - see reference.h. */
#include "exact/reference.h"

#include <math.h>
#include <stdlib.h>

#include "kernels/kernels.h"

ex_reference ex_reference_begin(const network *net, const ex_tensors *list)
{
    ex_reference reference = {.wanted = dk_kernels_fast() && (net->adam || net->clip > 0)};
    if (!reference.wanted) return reference;
    reference.m = calloc(list->floats + 1, sizeof(float));
    reference.v = calloc(list->floats + 1, sizeof(float));
    if (!reference.m || !reference.v) abort();
    return reference;
}

void ex_reference_end(ex_reference *reference)
{
    free(reference->m);
    free(reference->v);
}

static void adam(const network *net, const ex_tensor *t, float rate, int images, int step, float *m, float *v)
{
    const float m_bias = 1.f - powf(net->B1, (float)step), v_bias = 1.f - powf(net->B2, (float)step);
    for (size_t i = 0; i < t->count; i++) {
        const float d = t->velocity[i] + -net->decay * (float)images * t->value[i];
        m[i] = m[i] * net->B1 + (1.f - net->B1) * d;
        v[i] = v[i] * net->B2 + (1.f - net->B2) * (d * d);
        t->value[i] = t->value[i] + rate * (m[i] / m_bias) / (sqrtf(v[i] / v_bias) + net->eps);
        t->velocity[i] = 0;
    }
}

static void sgd(const network *net, const ex_tensor *t, float rate, int images)
{
    for (size_t i = 0; i < t->count; i++) {
        float u = t->velocity[i];
        if (t->kind == EX_WEIGHTS) u += -net->decay * (float)images * t->value[i];
        t->value[i] += rate / (float)images * u;
        t->velocity[i] = u * net->momentum;
    }
}

void ex_reference_update(ex_reference *reference, network *net, const ex_tensors *list)
{
    const int images = net->batch * net->subdivisions;
    const float rate = get_current_rate(net);
    size_t at = 0;
    reference->step = ++*net->t;
    for (int i = 0; i < list->n; i++) {
        const ex_tensor *t = &list->tensor[i];
        const float scaled = rate * t->rate_scale;
        if (t->updated && net->adam && t->adam)
            adam(net, t, scaled, images, reference->step, reference->m + at, reference->v + at);
        else if (t->updated)
            sgd(net, t, scaled, images);
        for (size_t j = 0; t->clipped && net->clip > 0 && j < t->count; j++)
            t->value[j] = fminf(net->clip, fmaxf(-net->clip, t->value[j]));
        at += t->count;
    }
}
