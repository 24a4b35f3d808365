#include "schedule/credit.h"

#include <math.h>

/* Credit must cover what is on the wire, and what waits until its acknowledgement is back. That one takes the
 * round trip (of which TCP's own queues and losses make more), time for threads to wake, and comes in a frame
 * of the other direction, which waits behind others and counts when all of it is there. Too little starves
 * the link; too much only lets a frame wait longer behind lower ones: a few per cent of a round at most, so
 * that small models are still sent in order. */
#define WAKE_UP_S 8e-3
#define WAKE_UP_SHARE 0.05

/* To one server from all workers together, and one more for each: what queues for its link is shared as their credit is. So credit must
 * hardly grow with the rate that a worker has: who has more would get more still, and sums wait for the slowest. Measured over two servers at
 * 100 Mbit/s: of four workers two slices each make 0.90 of the floor, five 0.78 to 0.80; of two workers two each make 0.64, four 0.91. Over
 * one server of 100 Mbit/s: of four workers two each make 0.96, six 0.76; of two workers four each 0.98, six 0.86. Where the server's link is
 * wide it is the same within 2 %, at 20, 100, 500 and 1000 Mbit/s, or better. */
#define SHARED_SLICES 8.0
/* Directions whose rates differ by more are so by themselves, not because others use them. */
#define ALIKE 2.0

static double shared_slices(int workers)
{
    return fmax(1, SHARED_SLICES / workers - 1);
}

uint64_t dc__credit_bytes(const dc_plan *plan, double Bps, double slower_Bps, double rtt_s,
                          double model_bytes, int workers)
{
    const double slice = plan->slice_bytes;
    if (plan->strategy != DC_DUPLEX || !(Bps > 0) || !(slower_Bps > 0)) return 0;
    const double wake_s = fmin(WAKE_UP_S, WAKE_UP_SHARE * model_bytes / slower_Bps);
    const double loop_s = 2 * (rtt_s > 0 ? rtt_s : DC__GUESS_RTT_S) + wake_s;
    if (workers > 1 && Bps < ALIKE * slower_Bps)
        return (uint64_t)(slower_Bps * loop_s + shared_slices(workers) * slice);
    return (uint64_t)(Bps * (loop_s + 4 * slice / slower_Bps) + slice);
}

/* To any one peer: with more, peers' links overflow. Measured with four workers at 100 Mbit/s: 4.74 s a round of a mesh, with 5 slices 5.11. */
#define MESH_SLICES 2.5
/* What is under way to peers whose links are full is no use to this one's; measured, with fewer it is idle at times, and with many more
 * high layers go before low ones. */
#define ACCOUNT_SLICES 10

static double loop_s(double rtt_s)
{
    return 2 * rtt_s + WAKE_UP_S;
}

uint64_t dc__mesh_credit_bytes(const dc_plan *plan, double Bps, double share, double rtt_s)
{
    return (uint64_t)(Bps * share * loop_s(rtt_s) + MESH_SLICES * plan->slice_bytes);
}

uint64_t dc__shard_credit_bytes(const dc_plan *plan, double Bps, double share, double rtt_s, int workers)
{
    if (plan->strategy != DC_DUPLEX) return 0;
    return (uint64_t)(Bps * share * loop_s(rtt_s) + shared_slices(workers) * plan->slice_bytes);
}

uint64_t dc__account_credit_bytes(const dc_plan *plan, double Bps, double rtt_s)
{
    const double slices = ACCOUNT_SLICES * (double)plan->slice_bytes;
    if (plan->strategy != DC_DUPLEX || Bps * rtt_s > slices) return 0;
    return (uint64_t)(Bps * loop_s(rtt_s) + slices);
}
