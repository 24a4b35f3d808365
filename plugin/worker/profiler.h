/* profiler.h - where a round's time goes, layer by layer. Compute thread only. */
#ifndef DC__PROFILER_H
#define DC__PROFILER_H

#include "dynacomm_plan.h"
#include "model/model.h"

#define DC__COST_KEEP 0.7 /* weight of the past in a layer's measured cost */

/* What computation was measured to cost; the link's figures are the link's. */
typedef struct dc__profiler {
    dc_layer_cost *cost; /* [layers] running estimates */
    double *fc, *bc;     /* [layers] of this round */
    double middle_s, middle_now_s;
    uint64_t rounds;  /* measured */
    uint32_t batches; /* that the estimates are of, in a round */
    /* of the round under way */
    int64_t mark_ns; /* until here, time is accounted for */
    double compute_s, wait_s;
} dc__profiler;

dc_error dc__profiler_init(dc__profiler *p, const dc_model *model);
void dc__profiler_free(dc__profiler *p);

/* dc__profiler_round_begin, _round_end - around a round, of so many batches. dc__profiler_waited - a wait inside it. */
void dc__profiler_round_begin(dc__profiler *p);
void dc__profiler_waited(dc__profiler *p, int64_t from_ns, int64_t to_ns);
void dc__profiler_round_end(dc__profiler *p, int layers, uint32_t batches);

/* dc__profiler_layer_end - a layer's pass has ended; returns where its time began. */
int64_t dc__profiler_layer_end(dc__profiler *p, int layer, bool forward, bool first_pass, bool last_pass);

#endif
