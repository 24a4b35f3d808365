/* plan_svg.c - dynacomm plan's chart: one steady-state round of each strategy, as the simulator predicts it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "tool/plan.h"

static void keep(void *context, const dc_event *event)
{
    dc__plan_bars *b = context;
    if (b->n == b->room) {
        int room = b->room ? 2 * b->room : 1024;
        dc__bar *more = realloc(b->bar, (size_t)room * sizeof *more);
        if (!more) {
            b->failed = true;
            return;
        }
        b->bar = more;
        b->room = room;
    }
    b->bar[b->n++] = (dc__bar){.lane = (int)event->lane,
                               .kind = event->kind,
                               .start_s = event->start_s,
                               .end_s = event->end_s,
                               .first_layer = event->first_layer,
                               .last_layer = event->last_layer,
                               .bytes = event->bytes};
}

dc_error dc__plan_group(const char *name, const dc_profile *p, const dc_plan *plan, dc__plan_bars *bars,
                        dc__gantt_group *group)
{
    static const char *const lanes[] = {
        [DC_LANE_COMPUTE] = "compute", [DC_LANE_UP] = "up", [DC_LANE_DOWN] = "down"};
    const dc_sim_worker worker = {p, plan, p->workers};
    dc_forecast f;
    *bars = (dc__plan_bars){0};
    dc_error err = dc_simulate(&worker, 1, keep, bars, &f);
    if (!err && bars->failed) err = dc__fail(DC_ENOMEM, "out of memory for the chart");
    if (err) return err;
    (void)snprintf(bars->title, sizeof bars->title,
                   "%.60s: %.4g s a round, %.1f %% of it waiting; floor %.4g s (%.1f %%)", name, f.round_s,
                   f.round_s > 0 ? 100 * f.wait_s / f.round_s : 0.0, f.floor_s,
                   f.round_s > 0 ? 100 * f.floor_s / f.round_s : 100.0);
    *group = (dc__gantt_group){bars->title, lanes, DC_LANE_COUNT, bars->bar, bars->n, f.round_s};
    return DC_OK;
}

static dc_error chart(FILE *out, const dc__forecasts *f)
{
    dc__plan_bars bars[DC_STRATEGY_COUNT] = {{.n = 0}};
    dc__gantt_group groups[DC_STRATEGY_COUNT];
    char title[256];
    const dc_profile *p = &f->profile;
    dc_error err = DC_OK;
    for (int k = 0; k < f->n && !err; k++)
        err = dc__plan_group(f->asked[k], p, &f->plans[k], &bars[k], &groups[k]);
    const char *name = strrchr(f->path, '/');
    (void)snprintf(title, sizeof title,
                   "One round of %.80s: %.4g Mbit/s down, %.4g Mbit/s up, rtt %.4g ms, %d worker%s",
                   name ? name + 1 : f->path, p->down_Bps * 8e-6, p->up_Bps * 8e-6, p->rtt_s * 1e3,
                   p->workers, p->workers == 1 ? "" : "s");
    if (!err) err = dc__gantt_svg(out, title, groups, f->n);
    for (int k = 0; k < f->n; k++)
        free(bars[k].bar);
    return err;
}

dc_error dc__plan_svg(const char *path, const dc__forecasts *f)
{
    dc__file file;
    dc_error err = dc__file_begin(&file, path);
    if (err) return err;
    err = chart(file.stream, f);
    if (!err) return dc__file_commit(&file);
    dc__file_abandon(&file);
    return err;
}
