#include "endpoint/telemetry.h"

#include <math.h>

#include "base/error.h"
#include "net/wire.h"

/* Wide enough for any network that trains, narrow enough that the simulator's sums stay finite. */
#define SECONDS_MOST 1e6
#define BPS_LEAST 1.0
#define BPS_MOST 1e15
#define PULL_ENDS 1u /* of a layer's flags: the last of its pull segment */
#define PUSH_ENDS 2u

size_t dc__telemetry_plan_bytes(int n_layers)
{
    return 2 * 4 + 7 * 8 + 9 * (size_t)n_layers;
}

void dc__telemetry_write(dc__bytes *out, const dc__telemetry *r)
{
    dc__put_uint(out, r->rounds, 8);
    dc__put_uint(out, r->last_round, 8);
    dc__put_uint(out, r->map_round, 8);
    const double numbers[] = {r->loss,     r->map,    r->round_s,    r->compute_s, r->wait_s,
                              r->down_Bps, r->up_Bps, r->overhead_s, r->rtt_s,     r->predicted_s};
    for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
        dc__put_double(out, numbers[k]);
    dc__put_float(out, (float)r->floor_s);
    dc__put_uint(out, (uint64_t)r->asked, 2);
    dc__put_uint(out, (uint64_t)r->strategy, 2);
}

static bool within(double number, double most)
{
    return number >= 0 && number <= most; /* so is no NAN */
}

static dc_error nonsense(void)
{
    return dc__fail(DC_EPROTO, "a REPORT says what cannot be");
}

dc_error dc__telemetry_read(dc__bytes *in, dc__telemetry *r)
{
    *r = (dc__telemetry){0};
    r->rounds = dc__get_uint(in, 8);
    r->last_round = dc__get_uint(in, 8);
    r->map_round = dc__get_uint(in, 8);
    r->loss = dc__get_double(in);
    r->map = dc__get_double(in);
    double *const seconds[] = {&r->round_s, &r->compute_s, &r->wait_s};
    double *const rates[] = {&r->down_Bps, &r->up_Bps};
    double *const costs[] = {&r->overhead_s, &r->rtt_s, &r->predicted_s};
    bool ok = true;
    for (size_t k = 0; k < 3; k++)
        ok &= within(*seconds[k] = dc__get_double(in), SECONDS_MOST);
    for (size_t k = 0; k < 2; k++)
        ok &= within(*rates[k] = dc__get_double(in), BPS_MOST);
    for (size_t k = 0; k < 3; k++)
        ok &= within(*costs[k] = dc__get_double(in), SECONDS_MOST);
    r->floor_s = (double)dc__get_float(in);
    const uint64_t asked = dc__get_uint(in, 2), strategy = dc__get_uint(in, 2);
    ok &= within(r->floor_s, SECONDS_MOST) && !isinf(r->loss) && (isnan(r->map) || within(r->map, 1)) &&
          asked < DC_STRATEGY_COUNT && strategy < DC_AUTO && r->rounds <= UINT32_MAX &&
          r->last_round <= UINT32_MAX && r->map_round <= UINT32_MAX;
    if (in->failed || !ok) return nonsense();
    r->asked = (dc_strategy)asked;
    r->strategy = (dc_strategy)strategy;
    return DC_OK;
}

void dc__telemetry_write_plan(dc__bytes *out, const dc_plan *plan, const dc_profile *p)
{
    dc__put_uint(out, (uint64_t)plan->n_layers, 4);
    dc__put_uint(out, plan->slice_bytes, 4);
    const double numbers[] = {p->middle_s, p->down_Bps,   p->up_Bps,   p->overhead_s,
                              p->rtt_s,    plan->round_s, plan->wait_s};
    for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
        dc__put_double(out, numbers[k]);
    int pull = 0, push = plan->n_push - 1; /* push segments run from the last layer down */
    for (int i = 0; i < plan->n_layers; i++) {
        unsigned flags = 0;
        if (pull < plan->n_pull && plan->pull_end[pull] == i) flags |= PULL_ENDS, pull++;
        if (push >= 0 && plan->push_end[push] == i) flags |= PUSH_ENDS, push--;
        dc__put_float(out, (float)p->layers[i].fc_s);
        dc__put_float(out, (float)p->layers[i].bc_s);
        dc__put_uint(out, flags, 1);
    }
}

dc_error dc__telemetry_read_plan(dc__bytes *in, dc_plan *plan, dc_profile *p, dc_layer_cost *costs)
{
    const int n = plan->n_layers;
    const uint64_t layers = dc__get_uint(in, 4), slice = dc__get_uint(in, 4);
    *p = (dc_profile){.n_layers = n, .layers = costs};
    double *const numbers[] = {&p->middle_s, &p->down_Bps,   &p->up_Bps,   &p->overhead_s,
                               &p->rtt_s,    &plan->round_s, &plan->wait_s};
    bool ok = layers == (uint64_t)n && slice >= sizeof(float);
    for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
        ok &= within(*numbers[k] = dc__get_double(in), k == 1 || k == 2 ? BPS_MOST : SECONDS_MOST);
    ok &= p->down_Bps >= BPS_LEAST && p->up_Bps >= BPS_LEAST;
    unsigned flags = 0;
    plan->slice_bytes = (uint32_t)slice;
    plan->n_pull = plan->n_push = 0;
    for (int i = 0; ok && i < n; i++) {
        costs[i].fc_s = (double)dc__get_float(in);
        costs[i].bc_s = (double)dc__get_float(in);
        flags = (unsigned)dc__get_uint(in, 1);
        ok = within(costs[i].fc_s, SECONDS_MOST) && within(costs[i].bc_s, SECONDS_MOST) &&
             flags <= (PULL_ENDS | PUSH_ENDS) && (i > 0 || flags & PUSH_ENDS);
        if (flags & PULL_ENDS) plan->pull_end[plan->n_pull++] = i;
        if (flags & PUSH_ENDS) plan->push_end[plan->n_push++] = i;
    }
    if (in->failed || !ok || !(flags & PULL_ENDS) || in->at != in->end) return nonsense();
    for (int a = 0, b = plan->n_push - 1; a < b; a++, b--) {
        const int end = plan->push_end[a];
        plan->push_end[a] = plan->push_end[b];
        plan->push_end[b] = end;
    }
    return DC_OK;
}
