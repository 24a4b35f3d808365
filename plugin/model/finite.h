/* finite.h - are these numbers? A gradient that is not finite would fill the whole model within a round. */
#ifndef DC__FINITE_H
#define DC__FINITE_H

#include "model/model.h"

/* dc__is_finite - none of the n floats is infinite or not a number. Reads memory about as fast as it comes from a
 * cache: meant for data that was just received or is about to be summed. Any thread. */
bool dc__is_finite(size_t n, const float *x);

/* dc__finite_check - DC_EVALUE if one of the arena's floats [offset, offset + count), which are at x, is not finite. The
 * line begins with `what` and names layer, tensor and value: "WHAT of layer 3 (convolutional weights) is nan". */
dc_error dc__finite_check(const dc_model *model, uint64_t offset, uint64_t count, const float *x,
                          const char *what);

/* dc__finite_model - the same for all of a model's own values. */
dc_error dc__finite_model(const dc_model *model, const char *what);

#endif
