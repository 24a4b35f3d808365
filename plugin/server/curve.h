/* curve.h - a curve over rounds in bounded memory: points a power of two of rounds wide, which are merged in
 * pairs when there are too many. What is added may come in any order, as workers' words do. */
#ifndef DC__CURVE_H
#define DC__CURVE_H

#include "dynacomm.h"

typedef struct dc__curve {
    uint64_t width; /* rounds of a point; 0 = empty */
    int n;
    dc_curve_point points[DC_CURVE_POINTS]; /* by round */
    double weight[DC_CURVE_POINTS];
} dc__curve;

/* dc__curve_add - a value of weight (> 0) known after round rounds were done. */
void dc__curve_add(dc__curve *curve, uint64_t round, double elapsed_s, double value, double weight);

#endif
