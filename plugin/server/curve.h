/* curve.h - a curve over rounds in bounded memory: points a power of two of rounds wide, which are merged in
 * pairs when there are too many. Rounds may come in any order, as workers' words do. */
#ifndef DC__CURVE_H
#define DC__CURVE_H

#include "dynacomm_server.h"

typedef struct dc__curve {
    uint64_t width; /* rounds of a point; 0 = empty */
    int n;
    dc_curve_point points[DC_CURVE_POINTS]; /* by round */
    double weight[DC_CURVE_POINTS];         /* how many values are in a point's mean */
} dc__curve;

/* dc__curve_add - a point as it is known after point->round rounds. While a point is a single round's it is
 * replaced: what is known later of the same round holds more. A wider one takes the mean, the least and the
 * most of what comes. */
void dc__curve_add(dc__curve *curve, const dc_curve_point *point);

#endif
