#include "worker/reporter.h"

#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"

dc_error dc__reporter_init(dc__reporter *r, int n_layers)
{
    r->sums.map = NAN;
    r->plan_bytes = dc__telemetry_plan_bytes(n_layers);
    r->plan = malloc(r->plan_bytes);
    return r->plan ? DC_OK : dc__fail(DC_ENOMEM, "out of memory for a worker");
}

void dc__reporter_free(dc__reporter *r)
{
    free(r->plan);
}

void dc__reporter_round_end(dc__reporter *r, const dc_round_report *round)
{
    r->round = *round;
    r->round_counts = true;
}

static void add_round(dc__reporter *r)
{
    if (!r->round_counts) return;
    r->sums.rounds++;
    r->sums.round_s += r->round.round_s;
    r->sums.compute_s += r->round.compute_s;
    r->sums.wait_s += r->round.wait_s;
    r->round_counts = false;
}

static void add_figures(dc__reporter *r, const dc_report *figures, uint64_t rounds)
{
    dc__telemetry *sums = &r->sums;
    if (isfinite(figures->loss)) {
        sums->loss += figures->loss;
        r->losses++;
    } else {
        sums->loss = 0; /* a loss that is no number any more is what there is to say */
        r->losses = 0;
    }
    if (figures->map >= 0 && figures->map <= 1) {
        sums->map = figures->map;
        sums->map_round = rounds;
    }
    sums->last_round = figures->last_round <= UINT32_MAX ? figures->last_round : 0;
}

static void put_plan(dc__reporter *r, const dc__planner *planner)
{
    dc__bytes out = dc__bytes_over(r->plan, r->plan_bytes);
    dc__telemetry_write_plan(&out, &planner->plan, &planner->planned);
    dc__assert(!out.failed);
    r->plan_due = true;
    r->plan_news = false;
}

static bool make_due(dc__reporter *r, int64_t now)
{
    if (r->due) return false;
    r->due = true;
    r->due_ns = now;
    return true;
}

bool dc__reporter_add(dc__reporter *r, const dc_report *figures, uint64_t rounds, const dc__planner *planner)
{
    const int64_t now = dc__now_ns();
    add_round(r);
    add_figures(r, figures, rounds);
    r->sums.predicted_s = planner->plan.round_s;
    r->sums.floor_s = planner->plan.floor_s;
    r->sums.strategy = planner->plan.strategy;
    if (r->plan_news) put_plan(r, planner);
    return (!isnan(r->sums.map) || now - r->reported_ns >= DC__REPORT_NS) && make_due(r, now);
}

void dc__reporter_flush(dc__reporter *r)
{
    if (r->sums.rounds > 0 || !isnan(r->sums.map)) (void)make_due(r, dc__now_ns());
}

void dc__reporter_restart(dc__reporter *r, bool has_plan)
{
    r->sums = (dc__telemetry){.map = NAN};
    r->losses = 0;
    r->round_counts = r->due = r->plan_due = false;
    r->plan_news = has_plan;
}

bool dc__reporter_is_due(const dc__reporter *r, bool gradients_wait)
{
    return r->due && (!gradients_wait || dc__now_ns() - r->due_ns > DC__REPORT_PATIENCE_NS);
}

dc__telemetry dc__reporter_take(dc__reporter *r, size_t *plan_bytes)
{
    dc__telemetry report = r->sums;
    const double n = report.rounds > 0 ? (double)report.rounds : 1;
    report.loss = r->losses ? report.loss / r->losses : NAN;
    report.round_s /= n;
    report.compute_s /= n;
    report.wait_s /= n;
    *plan_bytes = r->plan_due ? r->plan_bytes : 0;
    r->due = r->plan_due = false;
    r->reported_ns = dc__now_ns();
    r->losses = 0;
    r->sums.rounds = 0;
    r->sums.loss = r->sums.round_s = r->sums.compute_s = r->sums.wait_s = 0;
    r->sums.map = NAN;
    return report;
}
