/* gantt.h - a chart of what happened when, as SVG: for planned rounds and for measured ones. */
#ifndef DC__GANTT_H
#define DC__GANTT_H

#include "dynacomm_plan.h"

/* One stretch of time in one lane. Labels are the layers' numbers unless label says otherwise. */
typedef struct dc__bar {
    int lane; /* index into the group's lanes */
    dc_event_kind kind;
    double start_s, end_s; /* what lies outside [0, span_s] of the group is cut off */
    int first_layer, last_layer;
    uint64_t bytes;    /* of a transmission, for its tool tip */
    const char *label; /* NULL = the layers; borrowed */
} dc__bar;

/* Lanes under one title: a strategy, or a worker. All borrowed. */
typedef struct dc__gantt_group {
    const char *title;
    const char *const *lanes;
    int n_lanes;
    const dc__bar *bars; /* of each lane, in the order of time */
    int n_bars;
    double span_s; /* the round's length: a line is drawn at its end */
} dc__gantt_group;

/* dc__gantt_svg - writes a whole SVG document to out: groups below each other on one time axis, with legend,
 * labels where they fit, and tool tips. Bars too thin to see are drawn together. DC_EFILE when out refuses,
 * so flushes it. */
dc_error dc__gantt_svg(FILE *out, const char *title, const dc__gantt_group *groups, int n_groups);

#endif
