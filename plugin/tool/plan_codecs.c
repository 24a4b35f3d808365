/* plan_codecs.c - dynacomm plan --codec: what each codec would bring, and what it gives up. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "codec/coding.h"
#include "schedule/steps.h"
#include "tool/plan.h"

#define ALL                                                                                                                    \
    "exact,bf16,int8,int3,topk:0.1,topk5:0.1,topk:0.01,topk5:0.01,topk:0.01/int8,topk:0.001,topk5:0.05+local:3,exact+local:8," \
    "int8+local:8,exact+local:auto,int8+local:auto"

/* Whole numbers: the largest; 0: it has none. */
static int largest_number(const dc__codec *c)
{
    return c == &dc__codec_int8 ? 127 : c == &dc__codec_int4 ? 7 : c == &dc__codec_int3 ? 3 : 0;
}

/* What a codec alone gives up. */
static void describe_codec(const dc__coding *c, char *text, size_t n)
{
    const dc__codec *up = c->up.codec, *down = c->down.codec;
    const int ups = largest_number(up), downs = largest_number(down);
    const int numbers = ups && downs ? (ups < downs ? ups : downs) : ups + downs;
    if (up->picks)
        (void)snprintf(text, n, "each round %.3g %% of the gradients; the rest waits and adds up",
                       100 * c->up.share);
    else if (up->exact && down->exact)
        (void)snprintf(text, n, "nothing: the bits of one machine");
    else if (numbers)
        (void)snprintf(text, n, "exactness: one of %d numbers for each float; the rest waits",
                       2 * numbers + 1);
    else
        (void)snprintf(text, n, "exactness: 8 of 24 bits a round; the rest waits");
}

static void describe(const dc__coding *c, dc__coded *r)
{
    char codec[80];
    describe_codec(c, codec, sizeof codec);
    const bool lossy = !c->up.codec->exact || !c->down.codec->exact;
    if (dc__coding_local(c))
        (void)snprintf(r->gives_up, sizeof r->gives_up, "synchrony: workers agree every %d batch%s%s%s%s",
                       r->batches, r->batches > 1 ? "es" : "",
                       !c->local_auto                          ? ""
                       : r->batches < (int)DC__STEPS_AUTO_MOST ? ", the fewest that hide the network"
                                                               : ", the most",
                       lossy ? "; " : "", lossy ? codec : "");
    else
        (void)snprintf(r->gives_up, sizeof r->gives_up, "%s", codec);
}

/* costs: of a round of one batch, in the profile. */
static dc_error predict(const dc__coding *coding, dc_profile p, dc_strategy strategy, dc__plan_maker make,
                        const void *how, dc__coded *r)
{
    double batch_s = p.middle_s; /* further batches lie between the first forward and the last backward */
    r->up_bytes = r->down_bytes = 0;
    for (int i = 0; i < p.n_layers; i++) {
        batch_s += p.layers[i].fc_s + p.layers[i].bc_s;
        r->up_bytes += (double)p.layers[i].up_bytes;
        r->down_bytes += (double)p.layers[i].down_bytes;
    }
    p.middle_s += (coding->local_steps - 1) * batch_s;
    r->batches = (int)coding->local_steps;
    dc_error err = make(how, &p, strategy, &r->plan);
    const dc__step_load load = {.batch_s = batch_s, .added_s = r->plan.wait_s};
    if (!err && coding->local_auto &&
        batch_s > 0) { /* of one batch; now of as many as hide what the network adds */
        r->batches = (int)dc__steps_choose(&load, 1, 0);
        p.middle_s += (r->batches - 1) * batch_s;
        dc_plan_free(&r->plan);
        err = make(how, &p, strategy, &r->plan);
    }
    return err;
}

dc_error dc__plan_coded(const dc_profile *exact, const char *codec, dc_strategy strategy, dc__plan_maker make,
                        const void *how, dc__coded *coded)
{
    dc__coding coding;
    dc_profile p = *exact;
    dc_error err = dc__coding_parse(codec, &coding);
    dc_layer_cost *costs = err ? NULL : calloc((size_t)p.n_layers, sizeof *costs);
    *coded = (dc__coded){0};
    if (!err && !costs) err = dc__fail(DC_ENOMEM, "out of memory for %d layers", p.n_layers);
    if (err) return err;
    dc__coding_text(&coding, coded->codec);
    dc__coding_costs(&coding, exact->layers, p.n_layers, p.workers, costs);
    p.layers = costs;
    coded->loses_up = !coding.up.codec->exact || dc__coding_local(&coding);
    err = predict(&coding, p, strategy, make, how, coded);
    describe(&coding, coded);
    free(costs);
    return err;
}

static dc_error make_plan(const void *unused, const dc_profile *p, dc_strategy strategy, dc_plan *plan)
{
    (void)unused;
    const dc_error err = dc_plan_init(plan, p->n_layers);
    return err ? err : dc_plan_make(plan, p, strategy);
}

static void print_head(FILE *out, const dc__forecasts *f, int images)
{
    const dc_profile *p = &f->profile;
    (void)fprintf(out, "%s: %d layers; link: %.4g Mbit/s down, %.4g Mbit/s up, rtt %.4g ms; %d worker%s\n\n",
                  f->path, p->n_layers, p->down_Bps * 8e-6, p->up_Bps * 8e-6, p->rtt_s * 1e3, p->workers,
                  p->workers == 1 ? "" : "s");
    (void)fprintf(out, "  %-16s %9s %9s %10s %9s  %-10s %s\n", "codec", "MB up", "MB down", "round s",
                  images ? "images/s" : "batches/s", "plan", "gives up");
}

static void print_row(FILE *out, const dc__coded *r, double images_s)
{
    (void)fprintf(out, "  %-16s %9.3f %9.3f %10.4f %9.3g  %-10s %s\n", r->codec, r->up_bytes * 1e-6,
                  r->down_bytes * 1e-6, r->plan.round_s, images_s, dc_strategy_name(r->plan.strategy),
                  r->gives_up);
}

static bool add_row(cJSON *list, const dc__coded *r, double images_s, int images)
{
    cJSON *o = cJSON_CreateObject();
    if (!cJSON_AddItemToArray(list, o)) {
        cJSON_Delete(o);
        return false;
    }
    return cJSON_AddStringToObject(o, "codec", r->codec) &&
           cJSON_AddNumberToObject(o, "up_bytes", r->up_bytes) &&
           cJSON_AddNumberToObject(o, "down_bytes", r->down_bytes) &&
           cJSON_AddNumberToObject(o, "batches", r->batches) &&
           cJSON_AddNumberToObject(o, "round_s", r->plan.round_s) &&
           cJSON_AddNumberToObject(o, "floor_s", r->plan.floor_s) &&
           cJSON_AddNumberToObject(o, images ? "images_per_s" : "batches_per_s", images_s) &&
           cJSON_AddStringToObject(o, "strategy", dc_strategy_name(r->plan.strategy)) &&
           cJSON_AddStringToObject(o, "gives_up", r->gives_up);
}

/* The profile's bytes are those of floats. */
static dc_error check_exact(const dc__forecasts *f)
{
    for (int i = 0; i < f->profile.n_layers; i++)
        if (f->profile.layers[i].up_bytes != f->profile.layers[i].down_bytes)
            return dc__fail(
                DC_EINVAL,
                "%s: layer %d moves other bytes up than down: --codec needs a profile of an exact run",
                f->path, i);
    return DC_OK;
}

const char *dc__plan_codec_list(const char *list)
{
    return strcmp(list, "all") == 0 ? ALL : list;
}

dc_error dc__plan_codecs_check(const dc__forecasts *f, const char *list)
{
    char names[DC__CODECS_BYTES], *rest = names;
    dc_error err = check_exact(f);
    if (err) return err;
    if (strlen(list) >= sizeof names) return dc__fail(DC_EINVAL, "--codec: the list is too long");
    (void)snprintf(names, sizeof names, "%s", list);
    for (char *name; !err && (name = strsep(&rest, ","));)
        err = dc__coding_parse(name, &(dc__coding){0});
    return err;
}

static dc_error finish(FILE *out, cJSON *list, bool ok)
{
    char *text = ok ? cJSON_Print(list) : NULL;
    if (text) (void)fprintf(out, "%s\n", text);
    cJSON_free(text);
    cJSON_Delete(list);
    return text ? DC_OK : dc__fail(DC_ENOMEM, "out of memory for the plan's JSON");
}

dc_error dc__plan_codecs(FILE *out, const dc__forecasts *f, const char *list, const char *strategy,
                         int images, bool json)
{
    char names[DC__CODECS_BYTES], *rest = names;
    dc_strategy of = DC_AUTO;
    dc_error err = DC_OK;
    if (strcmp(strategy, "all") != 0) err = dc_strategy_parse(strategy, &of);
    list = dc__plan_codec_list(list);
    if (!err) err = dc__plan_codecs_check(f, list);
    if (err) return err;
    (void)snprintf(names, sizeof names, "%s", list);
    cJSON *rows = json ? cJSON_CreateArray() : NULL;
    if (json && !rows) err = dc__fail(DC_ENOMEM, "out of memory for the plan's JSON");
    if (!err && !json) print_head(out, f, images);
    bool ok = true;
    for (char *name; !err && (name = strsep(&rest, ","));) {
        dc__coded r;
        err = dc__plan_coded(&f->profile, name, of, make_plan, NULL, &r);
        const double images_s =
            r.plan.round_s > 0 ? r.batches * (images ? images * f->profile.workers : 1) / r.plan.round_s : 0;
        if (!err && json) ok &= add_row(rows, &r, images_s, images);
        if (!err && !json) print_row(out, &r, images_s);
        dc_plan_free(&r.plan);
    }
    if (json && !err) return finish(out, rows, ok);
    cJSON_Delete(rows);
    if (!err && (fflush(out) || ferror(out)))
        err = dc__fail(DC_EFILE, "cannot write to standard output: %s", strerror(errno));
    return err;
}
