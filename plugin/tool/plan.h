/* plan.h - dynacomm plan: predicts a round for a profile and a link, strategy by strategy. Private to
 * plan*.c. */
#ifndef DC__TOOL_PLAN_H
#define DC__TOOL_PLAN_H

#include "dynacomm.h"

/* What the command was asked, and what it found. */
typedef struct dc__forecasts {
    const char *path; /* of the profile */
    dc_profile profile;
    int n;
    dc_plan plans[DC_STRATEGY_COUNT];
    const char
        *asked[DC_STRATEGY_COUNT]; /* the strategy each plan was asked for; "auto" may have become another */
    int best;                      /* index of the fastest; the simpler one among equals */
} dc__forecasts;

/* dc__plan_table, dc__plan_json - to out. dc__plan_svg - to the file at path, whole or not at all. */
void dc__plan_table(FILE *out, const dc__forecasts *f);
dc_error dc__plan_json(FILE *out, const dc__forecasts *f);
dc_error dc__plan_svg(const char *path, const dc__forecasts *f);

#endif
