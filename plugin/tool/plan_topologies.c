/* plan_topologies.c - dynacomm plan --topology: one server, or several shards, each with a link of its own. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "model/shard.h"
#include "tool/plan.h"

#define ALL "server,shards:2,shards:4,shards:8"
#define LIST_BYTES 256

/* How many servers a name stands for. */
static dc_error parse(const char *name, int *servers)
{
    char *end = NULL;
    const bool shards = strncmp(name, "shards:", 7) == 0;
    const long n = shards ? strtol(name + 7, &end, 10) : 1;
    if (strcmp(name, "server") != 0 && (!shards || *end || n < 2 || n > DC__SHARDS_MOST))
        return dc__fail(DC_EINVAL, "--topology: '%s' is not server, shards:N with N from 2 to %d, or all",
                        name, DC__SHARDS_MOST);
    *servers = (int)n;
    return DC_OK;
}

/* Every layer is spread evenly over all shards, so that their links together are one that is as wide. */
static dc_error predict(const dc_profile *one, int servers, dc_strategy strategy, dc_plan *plan)
{
    dc_profile p = *one;
    p.server_Bps *= servers;
    const dc_error err = dc_plan_init(plan, p.n_layers);
    return err ? err : dc_plan_make(plan, &p, strategy);
}

static void print_head(FILE *out, const dc__forecasts *f)
{
    const dc_profile *p = &f->profile;
    (void)fprintf(
        out,
        "%s: %d layers; link: %.4g Mbit/s down, %.4g Mbit/s up, rtt %.4g ms; %d worker%s; each server's link: "
        "%.4g Mbit/s\n\n",
        f->path, p->n_layers, p->down_Bps * 8e-6, p->up_Bps * 8e-6, p->rtt_s * 1e3, p->workers,
        p->workers == 1 ? "" : "s", p->server_Bps * 8e-6);
    (void)fprintf(out, "  %-10s %10s %9s %8s  %s\n", "topology", "round s", "floor s", "of floor", "plan");
}

static bool add_row(cJSON *list, const char *name, int servers, const dc_plan *plan)
{
    cJSON *o = cJSON_CreateObject();
    if (!cJSON_AddItemToArray(list, o)) {
        cJSON_Delete(o);
        return false;
    }
    return cJSON_AddStringToObject(o, "topology", name) && cJSON_AddNumberToObject(o, "servers", servers) &&
           cJSON_AddNumberToObject(o, "round_s", plan->round_s) &&
           cJSON_AddNumberToObject(o, "floor_s", plan->floor_s) &&
           cJSON_AddStringToObject(o, "strategy", dc_strategy_name(plan->strategy));
}

static dc_error check(const dc__forecasts *f, const char *list)
{
    char names[LIST_BYTES], *rest = names;
    int servers;
    if (!(f->profile.server_Bps > 0))
        return dc__fail(DC_EINVAL,
                        "--topology needs the link of a server: give --server-rate, such as 1gbit");
    if (strlen(list) >= sizeof names) return dc__fail(DC_EINVAL, "--topology: the list is too long");
    (void)snprintf(names, sizeof names, "%s", list);
    dc_error err = DC_OK;
    for (char *name; !err && (name = strsep(&rest, ","));)
        err = parse(name, &servers);
    return err;
}

static dc_error finish(FILE *out, const cJSON *rows, bool ok)
{
    char *text = rows && ok ? cJSON_Print(rows) : NULL;
    if (rows && !text) return dc__fail(DC_ENOMEM, "out of memory for the plan's JSON");
    if (text) (void)fprintf(out, "%s\n", text);
    cJSON_free(text);
    if (fflush(out) || ferror(out))
        return dc__fail(DC_EFILE, "cannot write to standard output: %s", strerror(errno));
    return DC_OK;
}

dc_error dc__plan_topologies(FILE *out, const dc__forecasts *f, const char *list, const char *strategy,
                             bool json)
{
    char names[LIST_BYTES], *rest = names;
    dc_strategy of = DC_AUTO;
    if (strcmp(list, "all") == 0) list = ALL;
    dc_error err = check(f, list);
    if (!err && strcmp(strategy, "all") != 0) err = dc_strategy_parse(strategy, &of);
    if (err) return err;
    (void)snprintf(names, sizeof names, "%s", list);
    cJSON *rows = json ? cJSON_CreateArray() : NULL;
    if (json && !rows) return dc__fail(DC_ENOMEM, "out of memory for the plan's JSON");
    if (!json) print_head(out, f);
    bool ok = true;
    for (char *name; !err && (name = strsep(&rest, ","));) {
        dc_plan plan = {0};
        int servers = 1;
        err = parse(name, &servers);
        if (!err) err = predict(&f->profile, servers, of, &plan);
        if (!err && json) ok &= add_row(rows, name, servers, &plan);
        if (!err && !json)
            (void)fprintf(out, "  %-10s %10.4f %9.4f %7.1f%%  %s\n", name, plan.round_s, plan.floor_s,
                          plan.round_s > 0 ? 100 * plan.floor_s / plan.round_s : 100,
                          dc_strategy_name(plan.strategy));
        dc_plan_free(&plan);
    }
    if (!err) err = finish(out, rows, ok);
    cJSON_Delete(rows);
    return err;
}
