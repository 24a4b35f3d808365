/* tensors.h - a Darknet network as libdynacomm sees it: which arrays of which layer are trained, in the order
 * that a .weights file has them. */
#ifndef DK_TENSORS_H
#define DK_TENSORS_H

#include <darknet.h>
#include <stdbool.h>

#include "dynacomm.h"

/* dk_model_of - describes net under name. The model borrows net's arrays: it
 * must be freed before net. exact_gpu: do what Darknet's GPU path does where
 * its CPU path ignores the cfg (adam, clip). Returns 0 or a dc_error. */
int dk_model_of(network *net, const char *name, bool exact_gpu, dc_model **model);

/* dk_refuse_untrainable - DC_EMODEL with a line if a layer
 * cannot be trained over a server exactly (binary, xnor). */
int dk_refuse_untrainable(const network *net);

/* dk_layer_type_name - "convolutional" and so on, as cfgs call them. */
const char *dk_layer_type_name(LAYER_TYPE type);

#endif
