/* reference.h - the update step of Darknet's GPU path, for the settings that its CPU path ignores: Adam and
 * clip. Ours follows it with the fast kernels, and the CPU path with the stock ones. Written from its
 * formulas, one element at a time, apart from the plugin's optimizer. */
#ifndef EXACT_REFERENCE_H
#define EXACT_REFERENCE_H

#include <stdbool.h>

#include "exact/tensors.h"

typedef struct ex_reference {
    bool wanted;  /* this network has such a setting */
    float *m, *v; /* [snapshot floats] Adam's moments */
    int step;
} ex_reference;

/* ex_reference_begin - for one run of net. ex_reference_end frees. */
ex_reference ex_reference_begin(const network *net, const ex_tensors *list);
void ex_reference_end(ex_reference *reference);

/* ex_reference_update - in place of update_network, after all subdivisions of a round. */
void ex_reference_update(ex_reference *reference, network *net, const ex_tensors *list);

#endif
