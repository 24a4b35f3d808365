/* plan.c - dynacomm plan: options, and the plans they ask for. */
#include "tool/plan.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>

#include "base/error.h"
#include "base/quantity.h"
#include "tool/tool.h"

#define OVERHEAD_DEFAULT_S 100e-6
#define WORKERS_MOST 10000

static const char usage[] =
    "usage: dynacomm plan PROFILE --down RATE --up RATE [option ...]\n"
    "Predicts one training round for a profile (tab-separated: layer, type, bytes, fc_ms, bc_ms; or up_bytes\n"
    "and down_bytes for bytes) and a link.\n"
    "\n"
    "  --down RATE          goodput from the server to the worker: 100mbit, 1gbit, 12.5mb/s\n"
    "  --up RATE            goodput from the worker to the server\n"
    "  --rtt TIME           round trip: 10ms, 250us (default 0)\n"
    "  --overhead TIME      fixed cost of one transmission (default 100us)\n"
    "  --middle TIME        computation of a round's further subdivisions (default 0)\n"
    "  --workers N          identical workers of the run (default 1)\n"
    "  --server-rate RATE   the server's link in each direction, shared by all (default: no limit)\n"
    "  --strategy NAME      sequential, layerwise, ibatch, dynacomm, duplex, auto, or all (default)\n"
    "  --json               print JSON instead of a table\n"
    "  --svg FILE           draw the round of each strategy\n"
    "  --help               this text\n";

typedef struct options {
    dc__forecasts *f;
    const char *strategy, *svg;
    bool json, help;
} options;

enum { DOWN = 256, UP, RTT, OVERHEAD, MIDDLE, WORKERS, SERVER_RATE, STRATEGY, JSON, SVG, HELP };

static const struct option longs[] = {{"down", required_argument, NULL, DOWN},
                                      {"up", required_argument, NULL, UP},
                                      {"rtt", required_argument, NULL, RTT},
                                      {"overhead", required_argument, NULL, OVERHEAD},
                                      {"middle", required_argument, NULL, MIDDLE},
                                      {"workers", required_argument, NULL, WORKERS},
                                      {"server-rate", required_argument, NULL, SERVER_RATE},
                                      {"strategy", required_argument, NULL, STRATEGY},
                                      {"json", no_argument, NULL, JSON},
                                      {"svg", required_argument, NULL, SVG},
                                      {"help", no_argument, NULL, HELP},
                                      {0}};

static dc_error take_option(options *o, int option)
{
    dc_profile *p = &o->f->profile;
    switch (option) {
    case DOWN:
        return dc__parse_rate("--down", optarg, &p->down_Bps);
    case UP:
        return dc__parse_rate("--up", optarg, &p->up_Bps);
    case RTT:
        return dc__parse_time("--rtt", optarg, &p->rtt_s);
    case OVERHEAD:
        return dc__parse_time("--overhead", optarg, &p->overhead_s);
    case MIDDLE:
        return dc__parse_time("--middle", optarg, &p->middle_s);
    case WORKERS:
        return dc__parse_integer("--workers", optarg, 1, WORKERS_MOST, &p->workers);
    case SERVER_RATE:
        return dc__parse_rate("--server-rate", optarg, &p->server_Bps);
    case STRATEGY:
        o->strategy = optarg;
        return DC_OK;
    case JSON:
        o->json = true;
        return DC_OK;
    case SVG:
        o->svg = optarg;
        return DC_OK;
    case HELP:
        o->help = true;
        return DC_OK;
    default:
        return dc__fail(DC_EINVAL, "see dynacomm plan --help");
    }
}

static dc_error take_options(options *o, int argc, char **argv)
{
    dc__forecasts *f = o->f;
    f->profile = (dc_profile){.overhead_s = OVERHEAD_DEFAULT_S, .workers = 1};
    o->strategy = "all";
    optind = 1;
    opterr = 0;
    int option;
    while ((option = getopt_long(argc, argv, ":", longs, NULL)) != -1) {
        if (option == '?')
            return dc__fail(DC_EINVAL, "unknown option %s; see dynacomm plan --help", argv[optind - 1]);
        if (option == ':')
            return dc__fail(DC_EINVAL, "%s needs a value; see dynacomm plan --help", argv[optind - 1]);
        dc_error err = take_option(o, option);
        if (err || o->help) return err;
    }
    if (argc - optind != 1)
        return dc__fail(DC_EINVAL, "give one profile, not %d; see dynacomm plan --help", argc - optind);
    if (!(f->profile.down_Bps > 0) || !(f->profile.up_Bps > 0))
        return dc__fail(
            DC_EINVAL,
            "the link's rates are missing: give --down and --up, for example --down 100mbit --up 20mbit");
    f->path = argv[optind];
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

static dc_error report(const options *o)
{
    dc_error err = DC_OK;
    if (o->json)
        err = dc__plan_json(stdout, o->f);
    else
        dc__plan_table(stdout, o->f);
    if (!err && (fflush(stdout) || ferror(stdout)))
        err = dc__fail(DC_EFILE, "cannot write to standard output: %s", strerror(errno));
    if (!err && o->svg) err = dc__plan_svg(o->svg, o->f);
    return err;
}

int dc_tool_plan(int argc, char **argv)
{
    dc__forecasts f = {0};
    options o = {.f = &f};
    dc_error err = take_options(&o, argc, argv);
    if (!err && o.help) {
        (void)fputs(usage, stdout);
        return 0;
    }
    dc_profile_table table = {0};
    if (!err) err = dc_profile_read(f.path, &table);
    f.profile.n_layers = table.n_layers;
    f.profile.layers = table.layers;
    if (!err) err = make_plans(&f, o.strategy);
    if (!err) err = report(&o);
    if (err) (void)fprintf(stderr, "dynacomm plan: %s\n", dc_last_error());
    for (int k = 0; k < f.n; k++)
        dc_plan_free(&f.plans[k]);
    dc_profile_table_free(&table);
    return err ? 1 : 0;
}
