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
    int servers;    /* 0: the workers hold the model */
    int site;       /* workers that share one link to the server, 0 = each has its own */
    bool relayed;   /* a relay sums them at their end of it */
    double lan_Bps; /* whose link within the site is this */
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
static dc_error predict(const void *how, const dc_profile *one, dc_strategy strategy, dc_plan *plan)
{
    const topology *t = how;
    const double lan_Bps = t->lan_Bps;
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

/* The lines of one table. */
typedef struct table {
    FILE *out;
    cJSON *rows;        /* NULL: as text */
    const char *codecs; /* NULL: without a column for them */
    bool ok;
} table;

static void print_head(FILE *out, const dc__forecasts *f, bool codecs)
{
    const dc_profile *p = &f->profile;
    (void)fprintf(out, "%s: %d layers; link: %.4g Mbit/s down, %.4g Mbit/s up, rtt %.4g ms; %d worker%s",
                  f->path, p->n_layers, p->down_Bps * 8e-6, p->up_Bps * 8e-6, p->rtt_s * 1e3, p->workers,
                  p->workers == 1 ? "" : "s");
    if (p->server_Bps > 0) (void)fprintf(out, "; each server's link: %.4g Mbit/s", p->server_Bps * 8e-6);
    (void)fprintf(out, "\n\n");
    if (codecs)
        (void)fprintf(out, "  %-10s %-16s %7s %10s %10s %9s %8s  %s\n", "topology", "codec", "batches",
                      "round s", "batch s", "floor s", "of floor", "plan");
    else
        (void)fprintf(out, "  %-10s %10s %9s %8s  %s\n", "topology", "round s", "floor s", "of floor",
                      "plan");
}

static double of_floor(const dc_plan *plan)
{
    return plan->round_s > 0 ? 100 * plan->floor_s / plan->round_s : 100;
}

static void print_row(FILE *out, const char *name, const dc_plan *plan)
{
    (void)fprintf(out, "  %-10s %10.4f %9.4f %7.1f%%  %s\n", name, plan->round_s, plan->floor_s,
                  of_floor(plan), dc_strategy_name(plan->strategy));
}

static void print_coded(FILE *out, const char *name, const dc__coded *c)
{
    (void)fprintf(out, "  %-10s %-16s %7d %10.4f %10.4f %9.4f %7.1f%%  %s\n", name, c->codec, c->batches,
                  c->plan.round_s, c->plan.round_s / c->batches, c->plan.floor_s, of_floor(&c->plan),
                  dc_strategy_name(c->plan.strategy));
}

/* coded: NULL without a codec. */
static bool add_row(cJSON *list, const char *name, const topology *t, const dc_plan *plan,
                    const dc__coded *coded)
{
    cJSON *o = cJSON_CreateObject();
    if (!cJSON_AddItemToArray(list, o)) {
        cJSON_Delete(o);
        return false;
    }
    if (coded && !(cJSON_AddStringToObject(o, "codec", coded->codec) &&
                   cJSON_AddNumberToObject(o, "batches", coded->batches)))
        return false;
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

static dc_error put_plain(table *to, const dc__forecasts *f, const char *name, const topology *t,
                          dc_strategy of)
{
    dc_plan plan = {0};
    const dc_error err = predict(t, &f->profile, of, &plan);
    if (!err && to->rows) to->ok &= add_row(to->rows, name, t, &plan, NULL);
    if (!err && !to->rows) print_row(to->out, name, &plan);
    dc_plan_free(&plan);
    return err;
}

/* A row for each codec that this topology can have: a relay's sum leaves as it is, so what comes to it must be whole, too. */
static dc_error put_coded(table *to, const dc__forecasts *f, const char *name, const topology *t,
                          dc_strategy of)
{
    char codecs[DC__CODECS_BYTES], *rest = codecs;
    dc_error err = DC_OK;
    (void)snprintf(codecs, sizeof codecs, "%s", to->codecs);
    for (char *codec; !err && (codec = strsep(&rest, ","));) {
        dc__coded c;
        err = dc__plan_coded(&f->profile, codec, of, predict, t, &c);
        const bool shown = !err && !(t->relayed && c.loses_up);
        if (shown && to->rows) to->ok &= add_row(to->rows, name, t, &c.plan, &c);
        if (shown && !to->rows) print_coded(to->out, name, &c);
        dc_plan_free(&c.plan);
    }
    return err;
}

dc_error dc__plan_topologies(FILE *out, const dc__forecasts *f, const dc__sites *sites, const char *list,
                             const char *codecs, const char *strategy, bool json)
{
    char names[LIST_BYTES], all[LIST_BYTES], *rest = names;
    dc_strategy of = DC_AUTO;
    if (sites->workers > 0)
        (void)snprintf(all, sizeof all, "%s,site:%d,relay:%d", ALL, sites->workers, sites->workers);
    else
        (void)snprintf(all, sizeof all, "%s", ALL);
    if (strcmp(list, "all") == 0) list = all;
    dc_error err = check(f, list);
    if (codecs) codecs = dc__plan_codec_list(codecs);
    if (!err && codecs) err = dc__plan_codecs_check(f, codecs);
    if (!err && strcmp(strategy, "all") != 0) err = dc_strategy_parse(strategy, &of);
    if (err) return err;
    (void)snprintf(names, sizeof names, "%s", list);
    table to = {.out = out, .rows = json ? cJSON_CreateArray() : NULL, .codecs = codecs, .ok = true};
    if (json && !to.rows) return dc__fail(DC_ENOMEM, "out of memory for the plan's JSON");
    if (!json) print_head(out, f, codecs != NULL);
    for (char *name; !err && (name = strsep(&rest, ","));) {
        topology t;
        err = parse(name, &t);
        t.lan_Bps = sites->lan_Bps;
        if (!err) err = (codecs ? put_coded : put_plain)(&to, f, name, &t, of);
    }
    if (!err) err = finish(out, to.rows, to.ok);
    cJSON_Delete(to.rows);
    return err;
}
