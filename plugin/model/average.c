/* average.c - see average.h. */
#include "model/average.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

void dc__average_values(const dc_optimizer *o, uint64_t made, uint64_t first, size_t n, float *values,
                        const float *average, float *average_out)
{
    if (made < first) return;
    if (made == first) average = values;
    const float keep = o->average, take = 1 - keep;
    if (made >= o->average_until) {
        if (average != average_out) memcpy(average_out, average, n * sizeof *average);
        if (made == o->average_until && average != values) memcpy(values, average, n * sizeof *average);
        return;
    }
#pragma GCC ivdep
    for (size_t i = 0; i < n; i++)
        average_out[i] = keep * average[i] + take * values[i];
}

dc_error dc_model_average_begin(dc_model *model, uint64_t round, uint64_t *floats)
{
    *floats = 0;
    dc_error err = dc__model_seal(model);
    if (err || !dc__averages(model)) return err;
    if (!model->average) {
        model->average = calloc(dc__average_floats(model) + 1, sizeof(float));
        if (!model->average) return dc__fail(DC_ENOMEM, "out of memory for the average of the parameters");
        model->average_first = dc__average_first(model, round - 1);
    }
    model->average_made = round;
    *floats = dc__average_floats(model);
    return DC_OK;
}

void dc_model_average_part(dc_model *model, uint64_t offset, uint64_t count)
{
    for (int i = count ? dc__model_find(model, offset) : 0; count > 0; i++) {
        const dc__arena_tensor *tensor = &model->tensors[model->by_offset[i]];
        const uint64_t from = offset - tensor->offset, left = tensor->t.count - from;
        const uint64_t n = left < count ? left : count;
        float *average = model->average + offset;
        if (tensor->t.averaged)
            dc__average_values(&model->optimizer, model->average_made, model->average_first, n,
                               tensor->t.value + from, average, average);
        offset += n;
        count -= n;
    }
}

bool dc_model_averaged(const dc_model *model)
{
    return model->average && model->average_made >= model->average_first;
}

dc_error dc_model_save_average(const dc_model *model, const char *path, uint64_t seen)
{
    if (!dc_model_averaged(model))
        return dc__fail(DC_EINVAL, "%s has no average of its parameters yet", model->name);
    return dc__model_save_with(model, NULL, model->average, path, seen);
}
