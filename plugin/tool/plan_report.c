/* plan_report.c - dynacomm plan's table and JSON. */
#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "tool/plan.h"

static double total_bytes(const dc_profile *p, bool push)
{
    double sum = 0;
    for (int i = 0; i < p->n_layers; i++)
        sum += (double)(push ? p->layers[i].up_bytes : p->layers[i].down_bytes);
    return sum;
}

static double compute_s(const dc_plan *plan)
{
    return plan->round_s - plan->wait_s;
}

/* A part of the round as a share of 1; a round without any work counts as all of it. */
static double share(double part_s, double round_s)
{
    return round_s > 0 ? part_s / round_s : 1.0;
}

void dc__plan_table(FILE *out, const dc__forecasts *f)
{
    const dc_profile *p = &f->profile;
    const double down_MB = total_bytes(p, false) * 1e-6, up_MB = total_bytes(p, true) * 1e-6;
    (void)fprintf(out, "%s: %d layers, ", f->path, p->n_layers);
    if (down_MB == up_MB)
        (void)fprintf(out, "%.1f MB each way", down_MB);
    else
        (void)fprintf(out, "%.1f MB down and %.1f MB up", down_MB, up_MB);
    (void)fprintf(out, ", %.4g s of computation\n", compute_s(&f->plans[0]));
    (void)fprintf(out,
                  "link: %.4g Mbit/s down, %.4g Mbit/s up, rtt %.4g ms, overhead %.4g ms per transmission",
                  p->down_Bps * 8e-6, p->up_Bps * 8e-6, p->rtt_s * 1e3, p->overhead_s * 1e3);
    (void)fprintf(out, "; %d worker%s", p->workers, p->workers == 1 ? "" : "s");
    if (p->server_Bps > 0) (void)fprintf(out, " behind %.4g Mbit/s", p->server_Bps * 8e-6);
    (void)fprintf(out, "\nno schedule is faster than %.4f s (resources) or %.4f s (and dependencies)\n\n",
                  f->plans[0].floor_s, f->plans[0].bound_s);
    (void)fprintf(out, "  %-11s %7s %7s %7s %10s %8s %8s %8s\n", "strategy", "pulls", "pushes", "slice",
                  "round s", "waiting", "of floor", "of bound");
    for (int k = 0; k < f->n; k++) {
        const dc_plan *plan = &f->plans[k];
        char slice[32] = "-";
        if (plan->strategy == DC_DUPLEX) (void)snprintf(slice, sizeof slice, "%uK", plan->slice_bytes / 1024);
        (void)fprintf(out, "%c %-11s %7d %7d %7s %10.4f %7.1f%% %7.1f%% %7.1f%%",
                      k == f->best && f->n > 1 ? '*' : ' ', f->asked[k],
                      dc_plan_transmissions(plan, p, false), dc_plan_transmissions(plan, p, true), slice,
                      plan->round_s, 100 * share(plan->wait_s, plan->round_s),
                      100 * share(plan->floor_s, plan->round_s), 100 * share(plan->bound_s, plan->round_s));
        bool as_asked = strcmp(f->asked[k], dc_strategy_name(plan->strategy)) == 0;
        (void)fprintf(out, as_asked ? "\n" : "  as %s\n", dc_strategy_name(plan->strategy));
    }
}

/* Segments as [[first, last], ...] in the order they are sent, those without bytes left out. */
static cJSON *segments_json(const dc_plan *plan, const dc_profile *p, bool push)
{
    cJSON *list = cJSON_CreateArray();
    int n = push ? plan->n_push : plan->n_pull, next = push ? p->n_layers - 1 : 0;
    for (int k = 0; k < n && list; k++) {
        int end = push ? plan->push_end[k] : plan->pull_end[k];
        int first = push ? end : next, last = push ? next : end;
        next = push ? end - 1 : end + 1;
        uint64_t bytes = 0;
        for (int i = first; i <= last; i++)
            bytes += push ? p->layers[i].up_bytes : p->layers[i].down_bytes;
        int pair[] = {first, last};
        cJSON *item = bytes ? cJSON_CreateIntArray(pair, 2) : NULL;
        if (bytes && !cJSON_AddItemToArray(list, item)) {
            cJSON_Delete(item);
            cJSON_Delete(list);
            return NULL;
        }
    }
    return list;
}

static bool add_plan(cJSON *list, const dc_plan *plan, const char *asked, const dc_profile *p)
{
    cJSON *o = cJSON_CreateObject();
    if (!cJSON_AddItemToArray(list, o)) {
        cJSON_Delete(o);
        return false;
    }
    bool ok = cJSON_AddStringToObject(o, "asked", asked) &&
              cJSON_AddStringToObject(o, "strategy", dc_strategy_name(plan->strategy)) &&
              cJSON_AddNumberToObject(o, "round_s", plan->round_s) &&
              cJSON_AddNumberToObject(o, "floor_s", plan->floor_s) &&
              cJSON_AddNumberToObject(o, "bound_s", plan->bound_s) &&
              cJSON_AddNumberToObject(o, "wait_s", plan->wait_s) &&
              cJSON_AddNumberToObject(o, "efficiency", share(plan->floor_s, plan->round_s)) &&
              cJSON_AddNumberToObject(o, "slice_bytes", plan->slice_bytes) &&
              cJSON_AddNumberToObject(o, "pulls", dc_plan_transmissions(plan, p, false)) &&
              cJSON_AddNumberToObject(o, "pushes", dc_plan_transmissions(plan, p, true));
    if (!ok) return false;
    const bool duplex = plan->strategy == DC_DUPLEX;
    for (int push = duplex; push < 2; push++) {
        cJSON *segments = segments_json(plan, p, push);
        const char *name = duplex ? "push_groups" : push ? "push_segments" : "pull_segments";
        if (!segments || !cJSON_AddItemToObject(o, name, segments)) return false;
    }
    return true;
}

static bool add_profile(cJSON *root, const dc__forecasts *f)
{
    const dc_profile *p = &f->profile;
    cJSON *o = cJSON_AddObjectToObject(root, "profile");
    return o && cJSON_AddStringToObject(o, "path", f->path) &&
           cJSON_AddNumberToObject(o, "layers", p->n_layers) &&
           cJSON_AddNumberToObject(o, "bytes", fmax(total_bytes(p, true), total_bytes(p, false))) &&
           cJSON_AddNumberToObject(o, "up_bytes", total_bytes(p, true)) &&
           cJSON_AddNumberToObject(o, "down_bytes", total_bytes(p, false)) &&
           cJSON_AddNumberToObject(o, "compute_s", compute_s(&f->plans[0])) &&
           cJSON_AddNumberToObject(o, "middle_s", p->middle_s) &&
           cJSON_AddNumberToObject(o, "down_Bps", p->down_Bps) &&
           cJSON_AddNumberToObject(o, "up_Bps", p->up_Bps) && cJSON_AddNumberToObject(o, "rtt_s", p->rtt_s) &&
           cJSON_AddNumberToObject(o, "overhead_s", p->overhead_s) &&
           cJSON_AddNumberToObject(o, "workers", p->workers) &&
           cJSON_AddNumberToObject(o, "server_Bps", p->server_Bps);
}

dc_error dc__plan_json(FILE *out, const dc__forecasts *f)
{
    cJSON *root = cJSON_CreateObject();
    cJSON *plans = NULL;
    bool ok = root && add_profile(root, f) && (plans = cJSON_AddArrayToObject(root, "plans")) &&
              cJSON_AddStringToObject(root, "best", f->asked[f->best]);
    for (int k = 0; ok && k < f->n; k++)
        ok = add_plan(plans, &f->plans[k], f->asked[k], &f->profile);
    char *text = ok ? cJSON_Print(root) : NULL;
    if (text) (void)fprintf(out, "%s\n", text);
    cJSON_free(text);
    cJSON_Delete(root);
    return text ? DC_OK : dc__fail(DC_ENOMEM, "out of memory for the plan's JSON");
}
