/* report.c - word to the server of how this worker is doing, for people who watch the run.
 *
 * The compute thread adds up what its rounds were like; the sender makes a frame of the means, at most every
 * REPORT_NS, in a moment when no gradient is waiting - or, since a link that is always full would never let
 * it go, after PATIENCE_NS all the same: it is a few hundred bytes. The plan goes along when it is new. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "worker/worker.h"

#define REPORT_NS 450000000 /* a little under half a second, so that rounds of half a second fit */
#define PATIENCE_NS 500000000

dc_error dc__report_init(dc_worker *w)
{
    w->reporter.sums.map = NAN;
    w->reporter.plan = malloc(dc__report_plan_bytes(w->model->n_layers));
    if (!w->reporter.plan) return dc__fail(DC_ENOMEM, "out of memory for a worker");
    return DC_OK;
}

void dc__report_free(dc_worker *w)
{
    free(w->reporter.plan);
}

void dc__report_round_end(dc_worker *w, const dc_round_report *round)
{
    w->reporter.round = *round;
    w->reporter.round_counts = true;
}

void dc__report_adopted(dc_worker *w)
{
    w->reporter.plan_news = true;
}

static void add(dc_worker *w, const dc_report *report)
{
    dc__reporter *r = &w->reporter;
    dc__report *sums = &r->sums;
    if (r->round_counts) {
        sums->rounds++;
        sums->round_s += r->round.round_s;
        sums->compute_s += r->round.compute_s;
        sums->wait_s += r->round.wait_s;
        r->round_counts = false;
    }
    if (isfinite(report->loss)) {
        sums->loss += report->loss;
        r->losses++;
    } else {
        sums->loss = 0; /* a loss that is no number any more is what there is to say */
        r->losses = 0;
    }
    if (report->map >= 0 && report->map <= 1) {
        sums->map = report->map;
        sums->map_round = w->info.round;
    }
    sums->last_round = report->last_round <= UINT32_MAX ? report->last_round : 0;
    sums->predicted_s = w->plan.round_s;
    sums->floor_s = w->plan.floor_s;
    sums->strategy = w->plan.strategy;
}

static void put_plan(dc_worker *w)
{
    dc__reporter *r = &w->reporter;
    dc__bytes out = dc__bytes_over(r->plan, dc__report_plan_bytes(w->model->n_layers));
    dc__report_write_plan(&out, &w->plan, &w->planned);
    dc__assert(!out.failed);
    r->plan_due = true;
    r->plan_news = false;
}

static void make_due(dc_worker *w, int64_t now)
{
    if (w->reporter.due) return;
    w->reporter.due = true;
    w->reporter.due_ns = now;
    pthread_cond_signal(&w->work);
}

void dc_worker_report(dc_worker *w, const dc_report *report)
{
    dc__reporter *r = &w->reporter;
    const int64_t now = dc__now_ns();
    pthread_mutex_lock(&w->lock);
    add(w, report);
    if (r->plan_news) put_plan(w);
    if (!isnan(r->sums.map) || now - r->told_ns >= REPORT_NS) make_due(w, now);
    pthread_mutex_unlock(&w->lock);
}

void dc__report_flush(dc_worker *w)
{
    if (w->reporter.sums.rounds > 0 || !isnan(w->reporter.sums.map)) make_due(w, dc__now_ns());
}

bool dc__report_is_due(const dc_worker *w, bool gradients_wait)
{
    const dc__reporter *r = &w->reporter;
    return r->due && (!gradients_wait || dc__now_ns() - r->due_ns > PATIENCE_NS);
}

void *dc__report_take(dc_worker *w, dc__header *header)
{
    dc__reporter *r = &w->reporter;
    dc__report told = r->sums;
    const double n = told.rounds > 0 ? (double)told.rounds : 1;
    told.loss = r->losses ? told.loss / r->losses : NAN;
    told.round_s /= n;
    told.compute_s /= n;
    told.wait_s /= n;
    told.down_Bps = w->link.in_Bps;
    told.up_Bps = w->link.out_Bps;
    told.overhead_s = fmax(w->link.cost_s, w->link.peer_cost_s);
    told.rtt_s = w->rtt_s;
    told.asked = w->options.strategy;
    const size_t plan = r->plan_due ? dc__report_plan_bytes(w->model->n_layers) : 0;
    *header = (dc__header){.type = DC__REPORT,
                           .flags = r->plan_due ? DC__REPORT_PLAN : 0,
                           .round = w->info.round,
                           .payload_bytes = DC__REPORT_BYTES + (uint32_t)plan};
    void *payload;
    void *message = dc__link_alloc(header->payload_bytes, &payload);
    if (message) {
        dc__bytes out = dc__bytes_over(payload, header->payload_bytes);
        dc__report_write(&out, &told);
        if (plan) memcpy(dc__take(&out, plan), r->plan, plan);
        dc__assert(!out.failed && out.at == out.end);
    }
    r->due = r->plan_due = false;
    r->told_ns = dc__now_ns();
    r->losses = 0;
    r->sums.rounds = 0;
    r->sums.loss = r->sums.round_s = r->sums.compute_s = r->sums.wait_s = 0;
    r->sums.map = NAN;
    return message;
}
