#include "server/apply.h"

#include "model/average.h"
#include "model/finite.h"
#include "server/robust.h"

/* One step on [offset, offset + count) from version to version + 1. sum: of the gradients; for SGD with the
 * velocity, and it may be where the new moment goes. Whether what came of it is finite: a look at what was just written costs little. */
static bool step_range(dc__versions *v, uint64_t version, uint64_t offset, uint64_t count, float rate,
                       uint64_t images, const float *sum, bool plain)
{
    const dc_model *m = v->model;
    const uint64_t end = offset + count, begin = offset, made = version + 1;
    const float *value = dc__versions_values(v, version);
    float *next = dc__versions_values(v, made), *moment = dc__versions_moment1(v, made);
    bool finite = true;
    for (int i = dc__model_find(m, offset); offset < end; i++) {
        const dc__arena_tensor *tensor = &m->tensors[m->by_offset[i]];
        const uint64_t tensor_end = tensor->offset + tensor->t.count;
        const uint64_t n = (tensor_end < end ? tensor_end : end) - offset;
        dc__step step = dc__model_step(m, tensor, rate, images, dc__versions_step(v, made));
        if (plain) {
            step.momentum = 0;
            step.decays = false;
        }
        if (step.clip > 0)
            finite &= dc__is_finite(n, sum + (offset - begin)); /* values are clipped, also infinite ones */
        if (step.adam)
            dc__adam(n, &step, value + offset, next + offset, sum + (offset - begin),
                     dc__versions_moment1(v, version) + offset, dc__versions_moment2(v, version) + offset,
                     moment + offset, dc__versions_moment2(v, made) + offset);
        else
            dc__sgd(n, &step, value + offset, next + offset, sum + (offset - begin), moment + offset);
        if (v->averages[0] && tensor->t.averaged)
            dc__average_values(&m->optimizer, made, v->first_average, n, next + offset,
                               dc__versions_average(v, version) + offset,
                               dc__versions_average(v, made) + offset);
        finite &= dc__is_finite(n, next + offset);
        offset += n;
    }
    return finite;
}

static void add_up(const dc__addends *a, int trim, size_t n, const float *start, float *sum)
{
    if (trim)
        dc__robust_sum(a, trim, n, start, sum);
    else
        dc__reduce_sum(a, n, start, sum);
}

static bool add_mean(dc__versions *v, const dc__addends *a, int trim, uint64_t offset, size_t n,
                     uint64_t version, uint64_t images)
{
    const float *value = dc__versions_values(v, version) + offset;
    float *next = dc__versions_values(v, version + 1) + offset;
    float sum[DC__BLOCK_FLOATS_MOST];
    add_up(a, trim, n, NULL, sum);
    for (size_t i = 0; i < n; i++)
        next[i] = value[i] + sum[i] / (float)images;
    return dc__is_finite(n, next);
}

bool dc__apply_block(dc__versions *v, const dc__addends *a, uint32_t b, uint64_t version, uint64_t images,
                     bool carried, int trim)
{
    /* Which members' gradients are kept differs from one coordinate to the next; each fed as many images. */
    if (trim) images = images * (uint64_t)dc__robust_kept(a->n, trim) / (uint64_t)a->n;
    const dc_model *m = v->model;
    const uint64_t offset = m->block_offset[b];
    const size_t n = (size_t)(m->block_offset[b + 1] - offset);
    const bool adam = m->optimizer.algorithm == DC_ADAM;
    dc__versions_set_rate(v, version + 1, a->rate);
    if (v->changes) return add_mean(v, a, trim, offset, n, version, images);
    const float *start = adam || carried || v->plain ? NULL : dc__versions_moment1(v, version) + offset;
    if (!start && a->n == 1 && !trim && a->codec->exact) /* it is the sum, and read where it lies */
        return step_range(v, version, offset, n, a->rate, images, a->data[0], v->plain);
    float adam_sum[DC__BLOCK_FLOATS_MOST];
    float *sum = adam ? adam_sum : dc__versions_moment1(v, version + 1) + offset;
    add_up(a, trim, n, start, sum);
    return step_range(v, version, offset, n, a->rate, images, sum, v->plain);
}

void dc__apply_frozen(dc__versions *v, uint64_t version, uint64_t images)
{
    const dc_model *m = v->model;
    const uint64_t from = m->start[DC_FROZEN], n = m->start[DC_FIXED] - from;
    if (n == 0) return;
    const bool adam = m->optimizer.algorithm == DC_ADAM;
    (void)step_range(v, version, from, n, dc__versions_rate(v, version + 1), images,
                     adam ? v->no_gradient : dc__versions_moment1(v, version) + from, false);
}
