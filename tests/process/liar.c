/* liar.c - the program darknet, but as a worker it pushes something else than what it computed. Linked with
 * --wrap around the library's calls (Makefile), it is the rest of the program unchanged.
 *
 *   LIE="scale FACTOR"        every gradient times FACTOR: -10 sends it the wrong way, ten times as strong
 *   LIE="nan ROUND [N]"       the first float of every layer's gradient is nan, in N rounds (default 1) from ROUND on,
 *                             counted from 1
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/model.h"

dc_error __real_dc_worker_join(dc_worker **worker, dc_model *model, const dc_worker_options *options);
dc_error __real_dc_worker_subdivision(dc_worker *worker, bool last);
dc_error __real_dc_worker_backward_end(dc_worker *worker, int layer);
dc_error __wrap_dc_worker_join(dc_worker **worker, dc_model *model, const dc_worker_options *options);
dc_error __wrap_dc_worker_subdivision(dc_worker *worker, bool last);
dc_error __wrap_dc_worker_backward_end(dc_worker *worker, int layer);

static dc_model *trained;
static bool whole; /* the gradient, with this subdivision */

dc_error __wrap_dc_worker_join(dc_worker **worker, dc_model *model, const dc_worker_options *options)
{
    trained = model;
    return __real_dc_worker_join(worker, model, options);
}

dc_error __wrap_dc_worker_subdivision(dc_worker *worker, bool last)
{
    whole = last;
    return __real_dc_worker_subdivision(worker, last);
}

static void change(dc_tensor *t, uint64_t round)
{
    const char *lie = getenv("LIE");
    float factor;
    unsigned long long from;
    int rounds = 1;
    if (!lie || !t->gradient) return;
    if (sscanf(lie, "scale %f", &factor) == 1)
        for (uint64_t i = 0; i < t->count; i++)
            t->gradient[i] *= factor;
    else if (sscanf(lie, "nan %llu %d", &from, &rounds) >= 1 && round + 1 >= from &&
             round + 1 < from + (unsigned)rounds)
        t->gradient[0] = NAN;
}

dc_error __wrap_dc_worker_backward_end(dc_worker *worker, int layer)
{
    for (int i = 0; whole && i < trained->n_tensors; i++)
        if (trained->tensors[i].layer == layer && trained->tensors[i].t.role == DC_TRAINED)
            change(&trained->tensors[i].t, dc_worker_info_get(worker).round);
    return __real_dc_worker_backward_end(worker, layer);
}
