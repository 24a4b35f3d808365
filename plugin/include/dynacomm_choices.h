/* dynacomm_choices.h - what a run's user chooses: strategies and codecs. A part of dynacomm.h, which includes it. */
#ifndef DYNACOMM_CHOICES_H
#define DYNACOMM_CHOICES_H

#include "dynacomm_error.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- strategies ---- */

/* How a round's transmissions are cut and ordered (DESIGN: "The scheduling problem").
 *   sequential  one segment each way: pull all, compute, push all (the default parameter server)
 *   layerwise   one segment per layer (wait-free backpropagation; Zhang et al., Poseidon, USENIX ATC 2017)
 *   ibatch      greedy batching (Wang et al., iBatch, AAAI 2019)
 *   dynacomm    the optimum of both halves (Cai et al., arXiv 2101.07968)
 *   duplex      both directions at once, slice by slice, across the round boundary
 *   auto        whichever of them the simulator predicts to be fastest
 *               (within 0.1 %: the one with fewer transmissions) */
/* clang-format off */
#define DC_STRATEGIES(X)                                                                                     \
    X(SEQUENTIAL, "sequential") X(LAYERWISE, "layerwise") X(IBATCH, "ibatch") X(DYNACOMM, "dynacomm")         \
    X(DUPLEX, "duplex") X(AUTO, "auto")
/* clang-format on */

typedef enum dc_strategy {
#define DC_X(name, text) DC_##name,
    DC_STRATEGIES(DC_X)
#undef DC_X
        DC_STRATEGY_COUNT
} dc_strategy;

/* dc_strategy_name - "dynacomm" for DC_DYNACOMM; "?" for a value out of range. */
DC_API const char *dc_strategy_name(dc_strategy strategy);

/* dc_strategy_parse - the strategy of that name, or DC_EINVAL with a line that lists them. */
DC_API dc_error dc_strategy_parse(const char *name, dc_strategy *strategy);

/* ---- codecs ---- */

/* Codecs, as users write them: exact (the default), bf16, int8, int4, int3, topk:SHARE, topk5:SHARE, either with :ROUNDS of warm-up, or one for
 * each direction, UP/DOWN. All workers of a run and its server have the same (plugin/codec/coding.h). */
#define DC_CODECS "exact|bf16|int8|int4|int3|topk:SHARE[:ROUNDS]|topk5:SHARE[:ROUNDS][/DOWN]"

/* ---- staleness ---- */

#define DC_STALENESS_MOST \
    15 /* rounds that a worker may be ahead of the slowest (dc_server_options.staleness) */

#ifdef __cplusplus
}
#endif
#endif
