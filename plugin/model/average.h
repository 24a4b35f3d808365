/* average.h - the moving average of trained tensors (dc_optimizer.average): from version average_from on it is
 * kept, a copy of the values at first; in version average_until it takes the values' place. */
#ifndef DC__AVERAGE_H
#define DC__AVERAGE_H

#include "dynacomm_average.h"
#include "model/model.h"

/* dc__averages - whether the model has an average. dc__average_floats - how many it has: the trained part. */
static inline bool dc__averages(const dc_model *model)
{
    return model->optimizer.average > 0;
}
static inline uint64_t dc__average_floats(const dc_model *model)
{
    return model->start[DC_FROZEN];
}

/* dc__average_first - the version in which an average begins, of a run that has `round` rounds behind it and
 * no average yet. */
static inline uint64_t dc__average_first(const dc_model *model, uint64_t round)
{
    return model->optimizer.average_from > round ? model->optimizer.average_from : round + 1;
}

/* dc__average_values - the average of version made, from the version's n values and the average of the
 * version before; first: dc__average_first's. average_out may be average; values are read but in version
 * average_until. */
void dc__average_values(const dc_optimizer *o, uint64_t made, uint64_t first, size_t n, float *values,
                        const float *average, float *average_out);

/* dc__model_save_with - dc_model_save with the average, [dc__average_floats], where a tensor has one; arena
 * as dc__model_save_arena, or NULL for the tensors' own values. */
dc_error dc__model_save_with(const dc_model *model, const float *arena, const float *average,
                             const char *path, uint64_t seen);

#endif
