/* hash.h - of trained values: two ends that have the same hold the same version of a run. */
#ifndef DC__HASH_H
#define DC__HASH_H

#include "model/model.h"

/* dc__hash_of_arena - of the trained floats of an arena of this model. dc__hash_of_model - of those in the model's own tensors: the
 * same number if they are the same, bit for bit. */
uint64_t dc__hash_of_arena(const dc_model *model, const float *arena);
uint64_t dc__hash_of_model(const dc_model *model);

#endif
