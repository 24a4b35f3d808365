/* model_ranges.c - work on a range of the arena where it lies in the caller's tensors. */
#include <string.h>
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "model/model.h"

/* The part of a range that lies in one tensor. */
typedef struct part {
    dc__arena_tensor *tensor;
    uint64_t from; /* first float, counted in the tensor */
    uint64_t count;
    uint64_t done; /* floats of the range before this part */
} part;

/* Walks [offset, offset + count): next_part sets *p to the following part, false at the end. */
typedef struct walk {
    dc_model *model;
    int at;
    uint64_t offset, left, done;
} walk;

static walk walk_range(const dc_model *model, uint64_t offset, uint64_t count)
{
    dc__assert(offset + count <= dc__model_floats(model));
    walk w = {.model = (dc_model *)model,
              .at = count ? dc__model_find(model, offset) : 0,
              .offset = offset,
              .left = count};
    return w;
}

static bool next_part(walk *w, part *p)
{
    if (w->left == 0) return false;
    dc__arena_tensor *tensor = &w->model->tensors[w->model->by_offset[w->at++]];
    p->tensor = tensor;
    p->from = w->offset - tensor->offset;
    p->count = tensor->t.count - p->from < w->left ? tensor->t.count - p->from : w->left;
    p->done = w->done;
    w->offset += p->count;
    w->left -= p->count;
    w->done += p->count;
    return true;
}

void dc__model_gather(const dc_model *model, bool gradients, uint64_t offset, uint64_t count, float *to)
{
    walk w = walk_range(model, offset, count);
    for (part p; next_part(&w, &p);) {
        const float *from = gradients ? p.tensor->t.gradient : p.tensor->t.value;
        memcpy(to + p.done, from + p.from, p.count * sizeof(float));
    }
}

void dc__model_scatter(dc_model *model, uint64_t offset, uint64_t count, const float *from)
{
    walk w = walk_range(model, offset, count);
    for (part p; next_part(&w, &p);)
        memcpy(p.tensor->t.value + p.from, from + p.done, p.count * sizeof(float));
}

void dc__model_zero_gradients(dc_model *model, uint64_t offset, uint64_t count)
{
    walk w = walk_range(model, offset, count);
    for (part p; next_part(&w, &p);)
        memset(p.tensor->t.gradient + p.from, 0, p.count * sizeof(float));
}

void dc__model_set_moment(dc_model *model, int which, uint64_t offset, uint64_t count, const float *from)
{
    if (model->optimizer.algorithm == DC_ADAM) {
        float *moment = which == 2 ? model->adam_v : model->adam_m;
        if (moment) memcpy(moment + offset, from, count * sizeof(float));
        return;
    }
    walk w = walk_range(model, offset, count);
    for (part p; next_part(&w, &p);)
        memcpy(p.tensor->t.gradient + p.from, from + p.done, p.count * sizeof(float));
}

dc_error dc__model_adam_allocate(dc_model *model)
{
    const uint64_t n = dc__model_state_floats(model);
    if (model->optimizer.algorithm != DC_ADAM || model->adam_m) return DC_OK;
    model->adam_m = calloc(n + 1, sizeof(float));
    model->adam_v = calloc(n + 1, sizeof(float));
    if (!model->adam_m || !model->adam_v)
        return dc__fail(DC_ENOMEM, "out of memory for Adam's two moments of %llu parameters",
                        (unsigned long long)n);
    return DC_OK;
}

dc__step dc__model_step(const dc_model *model, const dc__arena_tensor *tensor, float rate, uint64_t images,
                        uint64_t step_number)
{
    const dc_optimizer *o = &model->optimizer;
    const float scaled = rate * tensor->t.rate_scale;
    const int batch = (int)images; /* Darknet's type: it is converted to float where it is used */
    dc__step step = {
        .adam = o->algorithm == DC_ADAM,
        .decays = tensor->t.is_weights || o->algorithm == DC_ADAM,
        .rate = o->algorithm == DC_ADAM ? scaled : scaled / (float)batch,
        .decay = -o->decay * (float)batch,
        .momentum = o->momentum,
        .b1 = o->b1,
        .b2 = o->b2,
        .eps = o->eps,
        .clip = tensor->t.is_weights ? tensor->t.clip : 0,
    };
    /* All of the arithmetic is odd in the gradient, its momentum and decay: with these two turned round, every
     * intermediate value is the other sign's, negated, and the weights are the same bits. */
    if (o->gradient_sign == DC_ASCENT) {
        step.rate = -step.rate;
        step.decay = -step.decay;
    }
    if (step.adam) {
        step.debias1 = 1.f - powf(o->b1, (float)step_number);
        step.debias2 = 1.f - powf(o->b2, (float)step_number);
    }
    return step;
}

void dc__model_update_range(dc_model *model, uint64_t offset, uint64_t count, float rate, uint64_t images,
                            uint64_t step_number)
{
    walk w = walk_range(model, offset, count);
    for (part p; next_part(&w, &p);) {
        const dc__step step = dc__model_step(model, p.tensor, rate, images, step_number);
        float *value = p.tensor->t.value + p.from, *gradient = p.tensor->t.gradient + p.from;
        if (!step.adam) {
            dc__sgd(p.count, &step, value, value, gradient, gradient);
            continue;
        }
        float *m = model->adam_m + p.tensor->offset + p.from, *v = model->adam_v + p.tensor->offset + p.from;
        dc__adam(p.count, &step, value, value, gradient, m, v, m, v);
        memset(gradient, 0, p.count * sizeof(float));
    }
}

void dc__model_velocity(const dc_model *model, uint64_t offset, uint64_t count, const float *gradient,
                        const float *velocity, float *next)
{
    walk w = walk_range(model, offset, count);
    for (part p; next_part(&w, &p);) {
        const dc__step step = dc__model_step(model, p.tensor, 1, model->images_per_round, 1);
        const float *value = p.tensor->t.value + p.from, *g = gradient + p.done, *v = velocity + p.done;
        const float decay = step.decays ? step.decay : 0, momentum = step.momentum;
        float *to = next + p.done;
        for (uint64_t i = 0; i < p.count; i++)
            to[i] = momentum * v[i] + (g[i] + decay * value[i]);
    }
}

dc_error dc_model_update_begin(dc_model *model, uint64_t *floats)
{
    *floats = 0;
    dc_error err = dc__model_seal(model);
    if (!err) err = dc__model_adam_allocate(model);
    if (!err) *floats = dc__model_state_floats(model);
    return err;
}

void dc_model_update_part(dc_model *model, uint64_t offset, uint64_t count, float rate, uint64_t step_number)
{
    dc__model_update_range(model, offset, count, rate, model->images_per_round, step_number);
}

dc_error dc_model_update(dc_model *model, float rate, uint64_t step_number)
{
    uint64_t floats;
    const dc_error err = dc_model_update_begin(model, &floats);
    if (!err) dc_model_update_part(model, 0, floats, rate, step_number);
    return err;
}

void dc__model_carry(dc_model *model, uint64_t offset, uint64_t count, float rate, uint64_t images)
{
    walk w = walk_range(model, offset, count);
    for (part p; next_part(&w, &p);) {
        const dc__step step = dc__model_step(model, p.tensor, rate, images, 1);
        dc__sgd_carry(p.count, &step, p.tensor->t.value + p.from, p.tensor->t.gradient + p.from);
    }
}
