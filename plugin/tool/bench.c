/* bench.c - dynacomm bench: options, joining, leaving. See bench.h. */
#include "tool/bench.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/quantity.h"
#include "tool/tool.h"

#define ROUNDS_MOST 1000000
#define WARM_UP_DEFAULT 3
#define FACTOR_MOST 1e6

static const char usage[] =
    "usage: dynacomm bench PROFILE --connect URL --rounds N [option ...]\n"
    "A worker whose computation is waiting: real engine, server, sockets and bytes, each layer's forward and\n"
    "backward replaced by a wait of its profiled length. Prints a line per round and a summary.\n"
    "\n"
    "  --connect URL      the server's address\n"
    "  --rounds N         rounds to measure\n"
    "  --warm-up N        rounds before them (default 3)\n"
    "  --rank R           the worker's number (default: any free one)\n"
    "  --strategy NAME    sequential, layerwise, ibatch, dynacomm, duplex or auto (default)\n"
    "  --scale X          divide bytes and computation by X\n"
    "  --speed X          divide computation by X: a device X times as fast\n"
    "  --down RATE        the link's goodput as measured by other means, for floor and bound (default: the\n"
    "  --up RATE            engine's own figures); likewise --rtt TIME\n"
    "  --rtt TIME\n"
    "  --hold             after joining, print 'ready' and wait for a line on standard input; after the\n"
    "                       rounds, wait for its end\n"
    "  --trace FILE       write a Chrome/Perfetto trace\n"
    "  --timeout S        give up a silent server after S seconds (default 15)\n"
    "  --help             this text\n";

enum {
    CONNECT = 256,
    ROUNDS,
    WARM_UP,
    RANK,
    STRATEGY,
    SCALE,
    SPEED,
    DOWN,
    UP,
    RTT,
    HOLD,
    TRACE,
    TIMEOUT,
    HELP
};

static const struct option longs[] = {{"connect", required_argument, NULL, CONNECT},
                                      {"rounds", required_argument, NULL, ROUNDS},
                                      {"warm-up", required_argument, NULL, WARM_UP},
                                      {"rank", required_argument, NULL, RANK},
                                      {"strategy", required_argument, NULL, STRATEGY},
                                      {"scale", required_argument, NULL, SCALE},
                                      {"speed", required_argument, NULL, SPEED},
                                      {"down", required_argument, NULL, DOWN},
                                      {"up", required_argument, NULL, UP},
                                      {"rtt", required_argument, NULL, RTT},
                                      {"hold", no_argument, NULL, HOLD},
                                      {"trace", required_argument, NULL, TRACE},
                                      {"timeout", required_argument, NULL, TIMEOUT},
                                      {"help", no_argument, NULL, HELP},
                                      {0}};

static dc_error parse_factor(const char *option, const char *text, double *factor)
{
    char *end;
    const bool number = text[0] != '\0' && text[strspn(text, "0123456789.")] == '\0';
    *factor = number ? strtod(text, &end) : 0;
    if (!number || *end != '\0' || !(*factor >= 1 / FACTOR_MOST) || *factor > FACTOR_MOST)
        return dc__fail(DC_EINVAL, "%s: '%s' is not a factor; write it like 4 or 0.5", option, text);
    return DC_OK;
}

static dc_error take_option(dc__bench_options *o, int option, bool *help)
{
    dc_error err;
    int n = 0;
    switch (option) {
    case CONNECT:
        o->worker.url = optarg;
        return DC_OK;
    case ROUNDS:
        return dc__parse_integer("--rounds", optarg, 1, ROUNDS_MOST, &o->rounds);
    case WARM_UP:
        return dc__parse_integer("--warm-up", optarg, 0, ROUNDS_MOST, &o->warm_up);
    case RANK:
        return dc__parse_integer("--rank", optarg, 0, DC_MAX_WORKERS - 1, &o->worker.rank);
    case STRATEGY:
        return dc_strategy_parse(optarg, &o->worker.strategy);
    case SCALE:
        return parse_factor("--scale", optarg, &o->scale);
    case SPEED:
        return parse_factor("--speed", optarg, &o->speed);
    case DOWN:
        return dc__parse_rate("--down", optarg, &o->down_Bps);
    case UP:
        return dc__parse_rate("--up", optarg, &o->up_Bps);
    case RTT:
        return dc__parse_time("--rtt", optarg, &o->rtt_s);
    case HOLD:
        o->hold = true;
        return DC_OK;
    case TRACE:
        o->worker.trace_path = optarg;
        return DC_OK;
    case TIMEOUT:
        err = dc__parse_integer("--timeout", optarg, 1, 86400, &n);
        o->worker.timeout_s = n;
        return err;
    case HELP:
        *help = true;
        return DC_OK;
    default:
        return dc__fail(DC_EINVAL, "see dynacomm bench --help");
    }
}

static dc_error take_options(dc__bench_options *o, int argc, char **argv, bool *help)
{
    *o = (dc__bench_options){.scale = 1, .speed = 1, .warm_up = WARM_UP_DEFAULT, .rtt_s = -1};
    o->worker.rank = -1;
    o->worker.strategy = DC_AUTO;
    optind = 1;
    opterr = 0;
    int option;
    while ((option = getopt_long(argc, argv, ":", longs, NULL)) != -1) {
        if (option == '?')
            return dc__fail(DC_EINVAL, "unknown option %s; see dynacomm bench --help", argv[optind - 1]);
        if (option == ':')
            return dc__fail(DC_EINVAL, "%s needs a value; see dynacomm bench --help", argv[optind - 1]);
        dc_error err = take_option(o, option, help);
        if (err || *help) return err;
    }
    if (argc - optind != 1)
        return dc__fail(DC_EINVAL, "give one profile, not %d; see dynacomm bench --help", argc - optind);
    if (!o->worker.url)
        return dc__fail(DC_EINVAL, "give the server to --connect to, such as tcp://server0:7700");
    if (o->rounds == 0) return dc__fail(DC_EINVAL, "give the number of --rounds");
    o->profile = argv[optind];
    return DC_OK;
}

static volatile sig_atomic_t caught;
static volatile int stopping; /* the same, as the library takes it */

static void stop(int signal_number)
{
    caught = signal_number;
    stopping = 1;
}

static void print_line(void *context, const char *line)
{
    (void)context;
    (void)fprintf(stderr, "%s\n", line);
}

/* Reads up to the next line's end, or with all set up to the input's. */
static dc_error wait_for_input(bool all)
{
    char c = '\0';
    ssize_t n = 1;
    while (n != 0 && (all || c != '\n')) {
        n = read(STDIN_FILENO, &c, 1);
        if (n < 0 && errno != EINTR) return dc__fail(DC_EFILE, "cannot read the input: %s", strerror(errno));
        if (caught) return dc__fail(DC_ESTOPPED, "stopped on request");
        if (n < 0) n = 1;
    }
    return DC_OK;
}

static dc_error hold_until_told(void)
{
    (void)puts("ready");
    if (fflush(stdout)) return dc__fail(DC_EFILE, "cannot write to standard output: %s", strerror(errno));
    return wait_for_input(false);
}

/* Joined; leaves in every case. */
static dc_error take_part(dc__bench *b)
{
    dc_error err = b->options.hold ? hold_until_told() : DC_OK;
    if (!err) err = dc__bench_run(b, &caught);
    if (!err) err = dc_worker_sync(b->worker);
    if (!err) err = dc__bench_summary(b);
    if (!err && b->options.hold) err = wait_for_input(true);
    char line[DC__LINE_BYTES];
    (void)snprintf(line, sizeof line, "%s", err ? dc_last_error() : "");
    const dc_error goodbye = dc_worker_leave(b->worker, err == DC_OK, line);
    return err ? dc__fail(err, "%s", line) : goodbye;
}

int dc_tool_bench(int argc, char **argv)
{
    dc__bench bench = {0};
    bool help = false;
    dc_error err = take_options(&bench.options, argc, argv, &help);
    if (help) {
        (void)fputs(usage, stdout);
        return 0;
    }
    const struct sigaction action = {.sa_handler = stop};
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)prctl(PR_SET_TIMERSLACK, 1UL); /* waits of the right length */
    bench.options.worker.stop = &stopping;
    bench.options.worker.log = print_line;
    if (!err) err = dc__bench_load(&bench);
    if (!err) err = dc_worker_join(&bench.worker, bench.model, &bench.options.worker);
    if (!err) err = take_part(&bench);
    if (err) (void)fprintf(stderr, "dynacomm bench: %s\n", dc_last_error());
    dc__bench_unload(&bench);
    if (err == DC_ESTOPPED && caught) return 128 + caught;
    return err ? 1 : 0;
}
