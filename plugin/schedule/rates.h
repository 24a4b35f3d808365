/* rates.h - what a profile allows: its validity, a worker's share of the rates, and the bounds on a round. */
#ifndef DC__RATES_H
#define DC__RATES_H

#include "dynacomm_plan.h"

/* dc__profile_check - DC_EINVAL with a line that names what is out of range. */
dc_error dc__profile_check(const dc_profile *profile);

/* dc__up_Bps, dc__down_Bps - one worker's rate while all workers of the run move data: its own link's, or its
 * share of the server's if that is less. */
double dc__up_Bps(const dc_profile *profile);
double dc__down_Bps(const dc_profile *profile);

/* dc__compute_s - computation of a round. dc__total_bytes - bytes of a round in one direction. */
double dc__compute_s(const dc_profile *profile);
uint64_t dc__total_bytes(const dc_profile *profile, bool push);

/* dc__floor_s, dc__bound_s - see rates.c. */
double dc__floor_s(const dc_profile *profile);
double dc__bound_s(const dc_profile *profile);

#endif
