/* robust.h - sums that a few workers cannot pull where they want. */
#ifndef DC__ROBUST_H
#define DC__ROBUST_H

#include "server/reduce.h"

/* dc__robust_kept - how many of n gradients count in each coordinate: all but the `trim` smallest and largest, or the
 * middle one or two (DC_TRIM_MEDIAN, and where there are too few). */
int dc__robust_kept(int n, int trim);

/* dc__robust_sum - the sum of the gradients that count, coordinate by coordinate, added in the order of their size (the
 * roster's among equals) onto start, or with start NULL onto nothing, into sum. trim is not 0. The result
 * does not depend on who came when. */
void dc__robust_sum(const dc__addends *a, int trim, size_t n, const float *start, float *sum);

/* dc__bounds_text - what of it changes sums, "aggregate=median, clip-norm=3", "" for nothing: for a run's log. */
void dc__bounds_text(const dc_bounds *bounds, char *text, size_t size);

#endif
