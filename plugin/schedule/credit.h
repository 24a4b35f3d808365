/* credit.h - how far a sender may be ahead of what its peer has received. */
#ifndef DC__CREDIT_H
#define DC__CREDIT_H

#include "dynacomm_plan.h"

#define DC__GUESS_RTT_S 1e-3 /* until it is measured */

/* dc__credit_bytes - how many bytes may be on their way in one direction for this plan; 0 = no bound. Bps: of
 * the direction and of the slower one, 0 = not known; model_bytes: what a round moves; workers: that may share the
 * other end's link, 1 = nobody else does. Pure. */
uint64_t dc__credit_bytes(const dc_plan *plan, double Bps, double slower_Bps, double rtt_s,
                          double model_bytes, int workers);

/* dc__mesh_credit_bytes, dc__shard_credit_bytes - likewise for one connection of many over a link of Bps, of whose bytes it moves this share: to
 * a peer in a mesh, to one of several servers, whose link so many workers share. dc__account_credit_bytes -
 * for all of them together; 0 = no bound: on a long link most of what is under way travels, and does not queue, and bounds measured to be
 * good for queues starve it. Pure. */
uint64_t dc__mesh_credit_bytes(const dc_plan *plan, double Bps, double share, double rtt_s);
uint64_t dc__shard_credit_bytes(const dc_plan *plan, double Bps, double share, double rtt_s, int workers);
uint64_t dc__account_credit_bytes(const dc_plan *plan, double Bps, double rtt_s);

#endif
