/* plan_worker.c - the chart of a plan that a worker of a running server works by. */
#include <stdlib.h>

#include "base/error.h"
#include "tool/plan.h"

static const char *rate_text(char text[32], double Bps)
{
    const bool giga = Bps * 8 >= 1e9;
    (void)snprintf(text, 32, "%.3g %s", Bps * 8 * (giga ? 1e-9 : 1e-6), giga ? "Gbit/s" : "Mbit/s");
    return text;
}

/* The chart into *text, from malloc. */
static dc_error draw(int rank, const dc_plan *plan, const dc_profile *profile, char **text, size_t *n)
{
    char name[64], title[160], down[32], up[32];
    dc__plan_bars bars;
    dc__gantt_group group;
    (void)snprintf(name, sizeof name, "Worker %d, %s", rank, dc_strategy_name(plan->strategy));
    (void)snprintf(title, sizeof title, "A round as planned for %s down, %s up, rtt %.3g ms, %d worker%s",
                   rate_text(down, profile->down_Bps), rate_text(up, profile->up_Bps), profile->rtt_s * 1e3,
                   profile->workers, profile->workers == 1 ? "" : "s");
    dc_error err = dc__plan_group(name, profile, plan, &bars, &group);
    FILE *out = err ? NULL : open_memstream(text, n);
    if (!err && !out) err = dc__fail(DC_ENOMEM, "out of memory for the chart");
    if (!err) err = dc__gantt_svg(out, title, &group, 1);
    if (out && fclose(out) != 0 && !err) err = dc__fail(DC_ENOMEM, "out of memory for the chart");
    free(bars.bar);
    return err;
}

dc_error dc__plan_of_worker(dc_server *server, int rank, char **text, size_t *n)
{
    dc_plan plan;
    dc_profile profile;
    dc_layer_cost *layers;
    *text = NULL;
    dc_error err = dc_server_plan(server, rank, &plan, &profile, &layers);
    if (err) return err;
    err = draw(rank, &plan, &profile, text, n);
    dc_plan_free(&plan);
    free(layers);
    if (!err) return DC_OK;
    free(*text);
    *text = NULL;
    return err;
}
