/* rates.c - what a profile allows, and what no schedule can beat.
 *
 * DESIGN: the bound
 *   floor = max(computation, bytes/up, bytes/down) counts each resource alone. But in exact synchronous
 * training they cannot always be busy together. Let U_i and V_i = bytes of layers 0..i up and down, h =
 * rtt/2, D = overhead, and look at layer i in round r, for any schedule at all: (1) gradients of layers 0..i
 * exist only after the backward of layer i of round r has ended, since backward runs downwards; (2) the
 * forward of layer i in round r+1 needs the new parameters of layers 0..i, since forward runs upwards; they
 * exist only once the server has the gradients. So between the two, all U_i bytes go up and V_i come down.
 * The last transmission up ends at the earliest D + U_i/up after (1); it takes h; what it brought must come
 * down: D, and h again. Seen from the other end, before the first transmission down there must be one up (D
 * and h), then D + V_i/down and h. Either way (2) - (1) >= 2 D + 2 h + max(U_i / up, V_i / down). From the
 * forward of layer i in round r+1 to the end of its backward lies the computation of layers i.. and the
 * middle. Together they are one round of layer i: round >= 2 D + rtt + max(U_i / up, V_i / down) + middle +
 * sum over j>=i of (fc[j] + bc[j]),    for every i with U_i > 0. A layer at the end with most of the bytes (a
 * classifier) is the case that lies far above the floor. With N workers behind one server link of rate S: the
 * N*U_i bytes upwards pass it after the first worker reached (1), and no worker reaches (2) before the last
 * of them is in; the first worker to reach (1) in round r+1 is one of those, so rounds of "the first to reach
 * (1)" obey the bound with up = S/N. Downwards the same holds for the last worker. Hence min(link, S/N) for
 * each rate. */
#include "schedule/rates.h"

#include <math.h>

#include "base/error.h"
#include "schedule/units.h"

static bool is_cost(double x)
{
    return isfinite(x) && x >= 0.0;
}

dc_error dc__profile_check(const dc_profile *p)
{
    if (p->n_layers < 1 || p->n_layers > DC_LAYERS_MAX)
        return dc__fail(DC_EINVAL, "a profile has 1 to %d layers, not %d", DC_LAYERS_MAX, p->n_layers);
    if (!(p->up_Bps > 0) || !isfinite(p->up_Bps) || !(p->down_Bps > 0) || !isfinite(p->down_Bps))
        return dc__fail(DC_EINVAL, "the link's rates must be positive: %g bytes/s down, %g bytes/s up",
                        p->down_Bps, p->up_Bps);
    if (!is_cost(p->middle_s) || !is_cost(p->overhead_s) || !is_cost(p->rtt_s) || !is_cost(p->server_Bps))
        return dc__fail(
            DC_EINVAL,
            "middle (%g s), overhead (%g s), round trip (%g s) and server rate (%g bytes/s) must be "
            "finite and not negative",
            p->middle_s, p->overhead_s, p->rtt_s, p->server_Bps);
    if (p->workers < 0) return dc__fail(DC_EINVAL, "a run cannot have %d workers", p->workers);
    uint64_t total = 0;
    for (int i = 0; i < p->n_layers; i++) {
        const dc_layer_cost *cost = &p->layers[i];
        if (!is_cost(cost->fc_s) || !is_cost(cost->bc_s))
            return dc__fail(DC_EINVAL,
                            "layer %d's forward (%g s) and backward (%g s) must be finite and not negative",
                            i, cost->fc_s, cost->bc_s);
        const uint64_t extent = dc__layer_extent(cost);
        if (extent > DC_PROFILE_BYTES_MOST || (total += extent) > DC_PROFILE_BYTES_MOST)
            return dc__fail(DC_EINVAL, "layer %d brings the model to more than 64 GiB", i);
        if ((cost->up_bytes == 0) != (cost->down_bytes == 0))
            return dc__fail(DC_EINVAL,
                            "layer %d moves %llu bytes up and %llu down: what is trained moves both ways", i,
                            (unsigned long long)cost->up_bytes, (unsigned long long)cost->down_bytes);
    }
    return DC_OK;
}

static double share_Bps(const dc_profile *p, double link_Bps)
{
    int workers = p->workers > 0 ? p->workers : 1;
    return p->server_Bps > 0 ? fmin(link_Bps, p->server_Bps / workers) : link_Bps;
}

double dc__up_Bps(const dc_profile *p)
{
    return share_Bps(p, p->up_Bps);
}

double dc__down_Bps(const dc_profile *p)
{
    return share_Bps(p, p->down_Bps);
}

double dc__compute_s(const dc_profile *p)
{
    double sum_s = p->middle_s;
    for (int i = 0; i < p->n_layers; i++)
        sum_s += p->layers[i].fc_s + p->layers[i].bc_s;
    return sum_s;
}

uint64_t dc__total_bytes(const dc_profile *p, bool push)
{
    uint64_t sum = 0;
    for (int i = 0; i < p->n_layers; i++)
        sum += dc__layer_bytes(&p->layers[i], push);
    return sum;
}

double dc__floor_s(const dc_profile *p)
{
    const double up = (double)dc__total_bytes(p, true), down = (double)dc__total_bytes(p, false);
    return fmax(dc__compute_s(p), fmax(up / dc__up_Bps(p), down / dc__down_Bps(p)));
}

double dc__bound_s(const dc_profile *p)
{
    const double up_Bps = dc__up_Bps(p), down_Bps = dc__down_Bps(p);
    double bound_s = dc__floor_s(p), above_s = dc__compute_s(p);
    uint64_t up = 0, down = 0;
    for (int i = 0; i < p->n_layers; i++) {
        up += p->layers[i].up_bytes;
        down += p->layers[i].down_bytes;
        const double moves_s = fmax((double)up / up_Bps, (double)down / down_Bps);
        if (up > 0) bound_s = fmax(bound_s, 2 * p->overhead_s + p->rtt_s + moves_s + above_s);
        above_s -= p->layers[i].fc_s + p->layers[i].bc_s;
    }
    return bound_s;
}
