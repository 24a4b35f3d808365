/* plan_mesh.c - dynacomm plan --topology mesh: the workers hold the model, a shard each. */
#include <math.h>

#include "schedule/rates.h"
#include "tool/plan.h"

/* A worker's link carries (N - 1) / N of the gradients up and of the others' down to its shard, and of parameters the other way: in each
 * direction of both as many bytes.
 * Where pushing and pulling take turns, the link has one of the two at a time: both its directions are as fast as the slower one, of the
 * worker or of a shard. In duplex it has both at once. No server's link is in the way. */
static dc_profile link_of(const dc_profile *one, bool duplex)
{
    dc_profile p = *one;
    const double workers = one->workers > 1 ? one->workers : 1;
    const double share = fmax((workers - 1) / workers, 1e-6); /* alone, nothing travels */
    const double slower_Bps = fmin(one->up_Bps, one->down_Bps);
    const double up = (double)dc__total_bytes(one, true), down = (double)dc__total_bytes(one, false);
    const double of_up = up + down > 0 ? up / (up + down) : 0.5;
    p.server_Bps = 0;
    p.up_Bps = duplex ? one->up_Bps * of_up / share : slower_Bps / share;
    p.down_Bps = duplex ? one->down_Bps * (1 - of_up) / share : slower_Bps / share;
    return p;
}

static dc_error predict(const dc_profile *one, dc_strategy strategy, dc_plan *plan)
{
    const dc_profile p = link_of(one, strategy == DC_DUPLEX);
    const dc_error err = dc_plan_init(plan, p.n_layers);
    return err ? err : dc_plan_make(plan, &p, strategy);
}

dc_error dc__plan_mesh(const dc_profile *one, dc_strategy strategy, dc_plan *plan)
{
    dc_error err = predict(one, DC_DUPLEX, plan);
    const double floor_s = plan->floor_s; /* of the links, however they are used */
    for (int s = DC_SEQUENTIAL; !err && s < DC_AUTO; s++) {
        dc_plan other = {0};
        if (s == DC_DUPLEX || (strategy != DC_AUTO && (int)strategy != s)) continue;
        err = predict(one, (dc_strategy)s, &other);
        const bool better = !err && (strategy != DC_AUTO || other.round_s < plan->round_s);
        dc_plan_free(better ? plan : &other);
        if (better) *plan = other;
    }
    plan->floor_s = floor_s;
    return err;
}
