/* telemetry.h - what a REPORT frame carries: how a worker is doing, for people.
 *
 * header.round is the rounds done. The payload is a dc__telemetry's numbers as doubles and, with
 * DC__REPORT_PLAN, the plan in force and the costs that it was made for: 9 bytes a layer. Nothing in it acts
 * on the training, so a server refuses what makes no sense and otherwise only shows it. */
#ifndef DC__TELEMETRY_H
#define DC__TELEMETRY_H

#include "base/bytes.h"
#include "dynacomm_plan.h"

typedef struct dc__telemetry {
    uint64_t rounds;                            /* that the means are over */
    uint64_t last_round;                        /* the run is to end after it, 0 = not known */
    uint64_t map_round;                         /* rounds done when map was measured */
    double loss, map;                           /* NAN = not known */
    double round_s, compute_s, wait_s;          /* means; 0 while there is none */
    double down_Bps, up_Bps, overhead_s, rtt_s; /* of the link, 0 = not known yet */
    double predicted_s, floor_s;                /* of the plan in force, 0 = none yet */
    dc_strategy asked, strategy;
} dc__telemetry;

#define DC__TELEMETRY_BYTES (14u * 8u)

/* dc__telemetry_plan_bytes - what a plan adds. dc__telemetry_write,
 * dc__telemetry_write_plan - fill out; profile is what the plan was made for. */
size_t dc__telemetry_plan_bytes(int n_layers);
void dc__telemetry_write(dc__bytes *out, const dc__telemetry *report);
void dc__telemetry_write_plan(dc__bytes *out, const dc_plan *plan, const dc_profile *profile);

/* dc__telemetry_read - from a peer that is not trusted: DC_EPROTO unless every number is one that a worker
 * may have. dc__telemetry_read_plan - likewise, into a plan from dc_plan_init and costs[plan->n_layers],
 * whose bytes are the model's and stay; profile->layers becomes costs. The payload must end there. */
dc_error dc__telemetry_read(dc__bytes *in, dc__telemetry *report);
dc_error dc__telemetry_read_plan(dc__bytes *in, dc_plan *plan, dc_profile *profile, dc_layer_cost *costs);

#endif
