/* plan.c - dynacomm plan: options, and the plans they ask for. */
#include "tool/plan.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "tool/command.h"

#define OVERHEAD_DEFAULT_S 100e-6
#define WORKERS_MOST 10000
#define LAN_DEFAULT_BPS 125e6

typedef struct options {
    dc_profile profile;
    const char *strategy, *svg, *codec, *topology;
    dc__sites sites;
    int images;
    bool json, help;
} options;

static const dc_option table[] = {
    {"down", DC_OPTION_RATE, DC_INTO(options, profile.down_Bps), .value = "RATE",
     .help = "goodput from the server to the worker: 100mbit, 1gbit, 12.5mb/s"},
    {"up", DC_OPTION_RATE, DC_INTO(options, profile.up_Bps), .value = "RATE",
     .help = "goodput from the worker to the server"},
    {"rtt", DC_OPTION_TIME, DC_INTO(options, profile.rtt_s), .value = "TIME",
     .help = "round trip: 10ms, 250us (default 0)"},
    {"overhead", DC_OPTION_TIME, DC_INTO(options, profile.overhead_s), .value = "TIME",
     .help = "fixed cost of one transmission (default 100us)"},
    {"middle", DC_OPTION_TIME, DC_INTO(options, profile.middle_s), .value = "TIME",
     .help = "computation of a round's further subdivisions (default 0)"},
    {"workers", DC_OPTION_WHOLE, DC_INTO(options, profile.workers), .value = "N", .least = 1,
     .most = WORKERS_MOST, .help = "identical workers of the run (default 1)"},
    {"server-rate", DC_OPTION_RATE, DC_INTO(options, profile.server_Bps), .value = "RATE",
     .help = "the server's link in each direction, shared by all (default: no limit)"},
    {"strategy", DC_OPTION_TEXT, DC_INTO(options, strategy), .value = "NAME",
     .help = "sequential, layerwise, ibatch, dynacomm, duplex, auto, or all (default)"},
    {"codec", DC_OPTION_TEXT, DC_INTO(options, codec), .value = "CODEC",
     .help =
         "instead, a row for each of these codecs, commas between them: exact, bf16, int8, int4, int3, topk:0.01, topk5:0.01, "
         "topk:0.01/int8 (up/down); or all; with --topology for each of those"},
    {"topology", DC_OPTION_TEXT, DC_INTO(options, topology), .value = "LIST",
     .help =
         "instead, a row for each of these, commas between them: server, shards:N (so many servers that hold the model "
         "together, each with a link of --server-rate), mesh (the workers hold it), site:M (sites of M workers with one "
         "link), relay:M (and with a relay); or all"},
    {"site", DC_OPTION_WHOLE, DC_INTO(options, sites.workers), .value = "M", .least = 1, .most = WORKERS_MOST,
     .help = "for --topology all: workers of a site that share its link, so many at each"},
    {"lan", DC_OPTION_RATE, DC_INTO(options, sites.lan_Bps), .value = "RATE",
     .help = "a relay's link within its site (default 1gbit)"},
    {"images", DC_OPTION_WHOLE, DC_INTO(options, images), .value = "N", .least = 1, .most = 1000000,
     .help = "images that a worker feeds in a round, for --codec's images per second"},
    {"json", DC_OPTION_SWITCH, DC_INTO(options, json), .help = "print JSON instead of a table"},
    {"svg", DC_OPTION_TEXT, DC_INTO(options, svg), .value = "FILE",
     .help = "draw the round of each strategy"},
    {"help", DC_OPTION_HELP, DC_INTO(options, help), .help = "this text"},
};

static dc_error take_options(options *o, dc__forecasts *f, int argc, char **argv)
{
    *o = (options){.profile = {.overhead_s = OVERHEAD_DEFAULT_S, .workers = 1},
                   .sites = {.lan_Bps = LAN_DEFAULT_BPS},
                   .strategy = "all"};
    int words;
    const dc_error err = dc__command_parse(&dc__plan_command, o, argc, argv, &words);
    if (err || o->help) return err;
    if (o->codec && o->svg)
        return dc__fail(DC_EINVAL, "--svg draws strategies, not codecs: leave out --codec");
    if (o->topology && (o->svg || o->images))
        return dc__fail(DC_EINVAL, "--topology has a table of its own: leave out --svg and --images");
    if (o->sites.workers && !o->topology) return dc__fail(DC_EINVAL, "--site is for --topology");
    if (o->images && !o->codec) return dc__fail(DC_EINVAL, "--images is for --codec");
    if (words != 1) return dc__fail(DC_EINVAL, "give one profile, not %d; see dynacomm plan --help", words);
    if (!(o->profile.down_Bps > 0) || !(o->profile.up_Bps > 0))
        return dc__fail(
            DC_EINVAL,
            "the link's rates are missing: give --down and --up, for example --down 100mbit --up 20mbit");
    f->profile = o->profile;
    f->path = argv[1];
    return DC_OK;
}

static dc_error make_plans(dc__forecasts *f, const char *name)
{
    dc_strategy first = DC_SEQUENTIAL, last = DC_DUPLEX;
    if (strcmp(name, "all") != 0) {
        dc_error err = dc_strategy_parse(name, &first);
        if (err) return err;
        last = first;
    }
    for (int s = (int)first; s <= (int)last; s++) {
        dc_plan *plan = &f->plans[f->n];
        dc_error err = dc_plan_init(plan, f->profile.n_layers);
        if (err) return err;
        f->asked[f->n++] = dc_strategy_name((dc_strategy)s);
        err = dc_plan_make(plan, &f->profile, (dc_strategy)s);
        if (err) return err;
        if (plan->round_s < f->plans[f->best].round_s * (1 - 1e-9)) f->best = f->n - 1;
    }
    return DC_OK;
}

static dc_error report(const options *o, const dc__forecasts *f)
{
    dc_error err = DC_OK;
    if (o->json)
        err = dc__plan_json(stdout, f);
    else
        dc__plan_table(stdout, f);
    if (!err && (fflush(stdout) || ferror(stdout)))
        err = dc__fail(DC_EFILE, "cannot write to standard output: %s", strerror(errno));
    if (!err && o->svg) err = dc__plan_svg(o->svg, f);
    return err;
}

static int run_plan(int argc, char **argv)
{
    dc__forecasts f = {0};
    options o;
    dc_error err = take_options(&o, &f, argc, argv);
    if (!err && o.help) return dc__command_help(&dc__plan_command);
    dc_profile_table costs = {0};
    if (!err) err = dc_profile_read(f.path, &costs);
    f.profile.n_layers = costs.n_layers;
    f.profile.layers = costs.layers;
    if (!err && o.topology) {
        err = dc__plan_topologies(stdout, &f, &o.sites, o.topology, o.codec, o.strategy, o.json);
    } else if (!err && o.codec) {
        err = dc__plan_codecs(stdout, &f, o.codec, o.strategy, o.images, o.json);
    } else {
        if (!err) err = make_plans(&f, o.strategy);
        if (!err) err = report(&o, &f);
    }
    if (err) (void)fprintf(stderr, "dynacomm plan: %s\n", dc_last_error());
    for (int k = 0; k < f.n; k++)
        dc_plan_free(&f.plans[k]);
    dc_profile_table_free(&costs);
    return err ? 1 : 0;
}

const dc__command dc__plan_command = {
    .name = "plan",
    .does = "predict a round for a profile and a link, strategy by strategy",
    .usage =
        "plan PROFILE --down RATE --up RATE [option ...]\n"
        "Predicts one training round for a profile (tab-separated: layer, type, bytes, fc_ms, bc_ms; or up_bytes\n"
        "and down_bytes for bytes) and a link.",
    .notes = "",
    .options = table,
    .n_options = sizeof table / sizeof *table,
    .run = run_plan};
