#include "schedule/credit.h"

#include <math.h>

/* Credit must cover what is on the wire, and what waits until its acknowledgement is back. That one takes the
 * round trip (of which TCP's own queues and losses make more), time for threads to wake, and comes in a frame
 * of the other direction, which waits behind others and counts when all of it is there. Too little starves
 * the link; too much only lets a frame wait longer behind lower ones: a few per cent of a round at most, so
 * that small models are still sent in order. */
#define WAKE_UP_S 8e-3
#define WAKE_UP_SHARE 0.05

uint64_t dc__credit_bytes(const dc_plan *plan, double Bps, double slower_Bps, double rtt_s,
                          double model_bytes)
{
    const double slice = plan->slice_bytes;
    if (plan->strategy != DC_DUPLEX || !(Bps > 0) || !(slower_Bps > 0)) return 0;
    const double wake_s = fmin(WAKE_UP_S, WAKE_UP_SHARE * model_bytes / slower_Bps);
    const double loop_s = 2 * (rtt_s > 0 ? rtt_s : DC__GUESS_RTT_S) + wake_s + 4 * slice / slower_Bps;
    return (uint64_t)(Bps * loop_s + slice);
}
