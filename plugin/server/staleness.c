#include "server/staleness.h"

#include <math.h>

#include "base/error.h"

static dc_error not_with(const char *what)
{
    return dc__fail(DC_EINVAL, "--staleness does not go together with %s yet: leave one of them out", what);
}

static bool loses(const dc__coding *c)
{
    return !c->up.codec->exact || !c->down.codec->exact;
}

dc_error dc__staleness_check(const dc_server_options *o)
{
    dc__coding coding;
    if (o->staleness < 0 || o->staleness > DC_STALENESS_MOST)
        return dc__fail(DC_EINVAL, "--staleness %d: a worker may be 0 to %d rounds ahead", o->staleness,
                        DC_STALENESS_MOST);
    if (o->staleness == 0) return DC_OK;
    if (o->mesh) return not_with("--mesh");
    if (o->shards > 1 || o->first_url) return not_with("--shard");
    if (o->balance) return not_with("--balance");
    if (o->bounds.clip_norm > 0) return not_with("--clip-norm");
    if (o->min_workers && o->min_workers != o->workers) return not_with("--min-workers");
    if (o->on_loss == DC_ON_LOSS_DROP || o->loss_wait_s > 0)
        return not_with("--on-loss drop or wait:S (it is end then)");
    const dc_error err = o->codec ? dc__coding_parse(o->codec, &coding) : DC_OK;
    if (err || !o->codec) return err;
    return dc__staleness_check_run((uint32_t)o->staleness, &coding, false);
}

void dc__staleness_options(dc_server_options *o)
{
    if (o->staleness == 0) return;
    o->on_loss = DC_ON_LOSS_END;
    o->bounds.on_bad_value = DC_BAD_STOP;
}

dc_error dc__staleness_check_run(uint32_t staleness, const dc__coding *coding, bool remembers)
{
    if (staleness == 0) return DC_OK;
    if (dc__coding_local(coding)) return not_with("local steps (--codec or -dynacomm-local-steps)");
    if (loses(coding)) return not_with("a --codec that loses something");
    return remembers ? not_with("layers that remember the rounds before") : DC_OK;
}

/* Of x(t+1) = x(t) + m (x(t) - x(t-1)) - k x(t-S) the roots z have z^(S-1) (z - 1) (z - m) = -k. They leave the unit circle where this has a
 * z = e^(i w) for the first time: there the angles of the left side add up to pi. They grow with w, so w is found by halving. */
double dc__staleness_limit(double m, uint32_t staleness)
{
    const double pi = acos(-1);
    double low = 0, high = pi, w = 0;
    for (int k = 0; k < 60; k++) {
        w = (low + high) / 2;
        const double angle = ((double)staleness - 1) * w + (pi + w) / 2 + atan2(sin(w), cos(w) - m);
        *(angle < pi ? &low : &high) = w;
    }
    return 2 * sin(w / 2) * hypot(cos(w) - m, sin(w));
}
