/* dynacomm_average.h - a moving average of parameters, for programs that train alone.
 *
 * dc_optimizer.average > 0 asks for one, of the trained tensors with `averaged`: after each round it is
 * average * itself + (1 - average) * their values. It begins as the values after round average_from (a run
 * that starts later: as those after its first round); after round average_until it takes their place, if it
 * has begun, and stays as it is (0: it never does). A server keeps the average of its run in its state and
 * saves it as NAME_ema.weights beside NAME.backup; its workers do nothing for it. */
#ifndef DYNACOMM_AVERAGE_H
#define DYNACOMM_AVERAGE_H

#include "dynacomm.h"

#ifdef __cplusplus
extern "C" {
#endif

/* dc_model_average_begin, dc_model_average_part - after the step that ended round `round` (counted from 1; one
 * after the other): the average, done in parts as dc_model_update_begin and _part do the step. *floats is 0 if
 * the model has none. DC_ENOMEM. */
DC_API dc_error dc_model_average_begin(dc_model *model, uint64_t round, uint64_t *floats);
DC_API void dc_model_average_part(dc_model *model, uint64_t offset, uint64_t count);

/* dc_model_averaged - whether the average has begun. dc_model_save_average - dc_model_save with the average in
 * the place of the values that have one; DC_EINVAL before it has begun. */
DC_API bool dc_model_averaged(const dc_model *model);
DC_API dc_error dc_model_save_average(const dc_model *model, const char *path, uint64_t seen);

#ifdef __cplusplus
}
#endif

#endif
