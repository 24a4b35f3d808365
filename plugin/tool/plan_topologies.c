/* plan_topologies.c - dynacomm plan --topology: one server, or several shards, each with a link of its own; workers that
 * share a site's link, with a relay and without. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "model/shard.h"
#include "schedule/rates.h"
#include "tool/plan.h"

#define ALL "server,shards:2,shards:4,shards:8,mesh"
#define LIST_BYTES 256
#define SITE_MOST 10000
#define RELAY_SLICES 64 /* of a round, in one direction: plugin/relay/leaves.c */

/* What a name stands for. */
typedef struct topology {
    int servers;  /* 0: the workers hold the model */
    int site;     /* workers that share one link to the server, 0 = each has its own */
    bool relayed; /* a relay sums them at their end of it */
} topology;

static dc_error parse(const char *name, topology *t)
{
    char *end = NULL;
    const char *colon = strchr(name, ':');
    const size_t kind = colon ? (size_t)(colon - name) : strlen(name);
    const long n = colon ? strtol(colon + 1, &end, 10) : 1;
    const bool whole = colon && colon[1] && !*end;
    *t = (topology){.servers = 1};
    if (strcmp(name, "mesh") == 0) t->servers = 0;
    if (strcmp(name, "server") == 0 || t->servers == 0) return DC_OK;
    if (whole && kind == 6 && strncmp(name, "shards", kind) == 0 && n >= 2 && n <= DC__SHARDS_MOST) {
        t->servers = (int)n;
        return DC_OK;
    }
    t->relayed = kind == 5 && strncmp(name, "relay", kind) == 0;
    const bool shares = kind == 4 && strncmp(name, "site", kind) == 0;
    if (!whole || !(t->relayed || shares) || n < 1 || n > SITE_MOST)
        return dc__fail(
            DC_EINVAL,
            "--topology: '%s' is not server, shards:N with N from 2 to %d, mesh, site:M or relay:M with M workers "
            "at a site, or all",
            name, DC__SHARDS_MOST);
    t->site = (int)n;
    return DC_OK;
}

/* What a relay's slices take within the site, there and back: the next ones are on their way meanwhile. */
static double hops_s(const dc_profile *p, double lan_Bps)
{
    const double slice = (double)dc__total_bytes(p, true) / RELAY_SLICES;
    return 2 * (p->overhead_s + slice / lan_Bps);
}

/* Every layer is spread evenly over all shards, so that their links together are one that is as wide. Workers at a site
 * each have a share of its link; behind a relay they are one worker, and share the relay's link within the site. */
static dc_error predict(const dc_profile *one, const topology *t, double lan_Bps, dc_strategy strategy,
                        dc_plan *plan)
{
    dc_profile p = *one;
    if (t->servers == 0) return dc__plan_mesh(one, strategy, plan);
    const int workers = p.workers > 0 ? p.workers : 1, site = t->site < workers ? t->site : workers;
    p.server_Bps *= t->servers;
    if (t->relayed) {
        p.workers = (workers + site - 1) / site;
        p.up_Bps = fmin(p.up_Bps, lan_Bps / site);
        p.down_Bps = fmin(p.down_Bps, lan_Bps / site);
        p.rtt_s += hops_s(one, lan_Bps / site);
    } else if (site > 0) {
        p.up_Bps /= site;
        p.down_Bps /= site;
    }
    const dc_error err = dc_plan_init(plan, p.n_layers);
    return err ? err : dc_plan_make(plan, &p, strategy);
}

static void print_head(FILE *out, const dc__forecasts *f)
{
    const dc_profile *p = &f->profile;
    (void)fprintf(out, "%s: %d layers; link: %.4g Mbit/s down, %.4g Mbit/s up, rtt %.4g ms; %d worker%s",
                  f->path, p->n_layers, p->down_Bps * 8e-6, p->up_Bps * 8e-6, p->rtt_s * 1e3, p->workers,
                  p->workers == 1 ? "" : "s");
    if (p->server_Bps > 0) (void)fprintf(out, "; each server's link: %.4g Mbit/s", p->server_Bps * 8e-6);
    (void)fprintf(out, "\n\n");
    (void)fprintf(out, "  %-10s %10s %9s %8s  %s\n", "topology", "round s", "floor s", "of floor", "plan");
}

static bool add_row(cJSON *list, const char *name, const topology *t, const dc_plan *plan)
{
    cJSON *o = cJSON_CreateObject();
    if (!cJSON_AddItemToArray(list, o)) {
        cJSON_Delete(o);
        return false;
    }
    return cJSON_AddStringToObject(o, "topology", name) &&
           cJSON_AddNumberToObject(o, "servers", t->servers) &&
           cJSON_AddNumberToObject(o, "round_s", plan->round_s) &&
           cJSON_AddNumberToObject(o, "floor_s", plan->floor_s) &&
           cJSON_AddStringToObject(o, "strategy", dc_strategy_name(plan->strategy));
}

static dc_error check(const dc__forecasts *f, const char *list)
{
    char names[LIST_BYTES], *rest = names;
    topology t;
    if (strlen(list) >= sizeof names) return dc__fail(DC_EINVAL, "--topology: the list is too long");
    (void)snprintf(names, sizeof names, "%s", list);
    dc_error err = DC_OK;
    for (char *name; !err && (name = strsep(&rest, ","));) {
        err = parse(name, &t);
        if (!err && t.servers > 1 && !(f->profile.server_Bps > 0))
            err = dc__fail(DC_EINVAL,
                           "--topology: shards need the link of a server: give --server-rate, such as 1gbit");
    }
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

dc_error dc__plan_topologies(FILE *out, const dc__forecasts *f, const dc__sites *sites, const char *list,
                             const char *strategy, bool json)
{
    char names[LIST_BYTES], all[LIST_BYTES], *rest = names;
    dc_strategy of = DC_AUTO;
    if (sites->workers > 0)
        (void)snprintf(all, sizeof all, "%s,site:%d,relay:%d", ALL, sites->workers, sites->workers);
    else
        (void)snprintf(all, sizeof all, "%s", ALL);
    if (strcmp(list, "all") == 0) list = all;
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
        topology t;
        err = parse(name, &t);
        if (!err) err = predict(&f->profile, &t, sites->lan_Bps, of, &plan);
        if (!err && json) ok &= add_row(rows, name, &t, &plan);
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
