/* plan.h - dynacomm plan: predicts a round for a profile and a link, strategy by strategy. Private to
 * plan*.c, but for the chart. */
#ifndef DC__TOOL_PLAN_H
#define DC__TOOL_PLAN_H

#include "codec/coding.h"
#include "tool/gantt.h"

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

/* A round with a codec. */
typedef struct dc__coded {
    char codec[DC__CODING_BYTES], gives_up[192];
    bool loses_up; /* what workers send is not what they have computed */
    double up_bytes, down_bytes;
    int batches; /* of a round */
    dc_plan plan;
} dc__coded;

/* Makes the plan of a round with these costs, as dc_plan_make; it is the caller's to free, also after an error. */
typedef dc_error (*dc__plan_maker)(const void *how, const dc_profile *p, dc_strategy strategy, dc_plan *plan);

/* dc__plan_coded - of a codec, named as users write it; exact: the profile of an exact run. Its plan is the caller's to free, also after an
 * error. dc__plan_codec_list - "all" as names with commas between them. dc__plan_codecs_check - all are codecs, and the profile is one of an
 * exact run; DC_EINVAL. */
dc_error dc__plan_coded(const dc_profile *exact, const char *codec, dc_strategy strategy, dc__plan_maker make,
                        const void *how, dc__coded *coded);
const char *dc__plan_codec_list(const char *list);
dc_error dc__plan_codecs_check(const dc__forecasts *f, const char *list);

/* dc__plan_codecs - a row for each codec of list ("all", or names with commas between them), with the best plan of
 * that strategy ("all": the best there is). images: of a worker in a round, 0 = not known. */
dc_error dc__plan_codecs(FILE *out, const dc__forecasts *f, const char *list, const char *strategy,
                         int images, bool json);

/* Workers that share a link to the server. */
typedef struct dc__sites {
    int workers;    /* of a site, for the list "all"; 0 = there are none */
    double lan_Bps; /* of a relay's link within its site, in each direction */
} dc__sites;

#define DC__CODECS_BYTES 512 /* of a list of codecs, with a closing 0 */

/* dc__plan_topologies - a row for each topology of list, with each codec of codecs (NULL: exact, in a table without codecs) ("all", or names with commas between them: server, shards:N, mesh,
 * site:M, relay:M), where each server's link is the profile's server_Bps, and the profile's link a worker's, or a site's. */
dc_error dc__plan_topologies(FILE *out, const dc__forecasts *f, const dc__sites *sites, const char *list,
                             const char *codecs, const char *strategy, bool json);

/* dc__plan_mesh - plan_mesh.c: the best plan of that strategy (DC_AUTO: of any) if the workers hold the model themselves; plan's memory is
 * the caller's to free, also after an error. As dc_plan_make. */
dc_error dc__plan_mesh(const dc_profile *one, dc_strategy strategy, dc_plan *plan);

/* What a chart of a plan borrows. */
typedef struct dc__plan_bars {
    char title[200];
    dc__bar *bar; /* [n]; to be freed, after a failure too */
    int n, room;
    bool failed;
} dc__plan_bars;

/* dc__plan_group - one worker's steady-state round of plan as the simulator predicts it, called name: group
 * borrows from bars. */
dc_error dc__plan_group(const char *name, const dc_profile *profile, const dc_plan *plan, dc__plan_bars *bars,
                        dc__gantt_group *group);

/* dc__plan_of_worker - the chart of the plan that worker rank reported last, as SVG in *text, which
 * the caller frees. DC_EINVAL if it has reported none. */
dc_error dc__plan_of_worker(dc_server *server, int rank, char **text, size_t *n);

#endif
