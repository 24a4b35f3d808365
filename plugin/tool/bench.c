/* bench.c - dynacomm bench: options, joining, leaving. See bench.h. */
#include "tool/bench.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/error.h"
#include "tool/command.h"

#define ROUNDS_MOST 1000000
#define WARM_UP_DEFAULT 3
#define FACTOR_MOST 1e6

typedef struct options {
    dc__bench_options bench;
    int timeout_s;
    bool help;
} options;

static dc_error take_strategy(void *into, const char *name, const char *value)
{
    (void)name;
    options *o = into;
    return dc_strategy_parse(value, &o->bench.worker.strategy);
}

static const dc_option table[] = {
    {"connect", DC_OPTION_TEXT, DC_INTO(options, bench.worker.url), .value = "URL",
     .help = "the server's address"},
    {"rounds", DC_OPTION_WHOLE, DC_INTO(options, bench.rounds), .value = "N", .least = 1, .most = ROUNDS_MOST,
     .help = "rounds to measure"},
    {"warm-up", DC_OPTION_WHOLE, DC_INTO(options, bench.warm_up), .value = "N", .most = ROUNDS_MOST,
     .help = "rounds before them (default 3)"},
    {"rank", DC_OPTION_WHOLE, DC_INTO(options, bench.worker.rank), .value = "R", .most = DC_MAX_WORKERS - 1,
     .help = "the worker's number (default: any free one)"},
    {"strategy", DC_OPTION_CALL, .call = take_strategy, .value = "NAME",
     .help = "sequential, layerwise, ibatch, dynacomm, duplex or auto (default)"},
    {"scale", DC_OPTION_NUMBER, DC_INTO(options, bench.scale), .value = "X", .low = 1 / FACTOR_MOST,
     .high = FACTOR_MOST, .help = "divide bytes and computation by X"},
    {"speed", DC_OPTION_NUMBER, DC_INTO(options, bench.speed), .value = "X", .low = 1 / FACTOR_MOST,
     .high = FACTOR_MOST, .help = "divide computation by X: a device X times as fast"},
    {"jitter", DC_OPTION_NUMBER, DC_INTO(options, bench.jitter), .value = "X", .low = 0, .high = 100,
     .help =
         "each round's computation takes longer by a random share, X in the mean (exponential; drawn from the worker's "
         "number and the round)"},
    {"down", DC_OPTION_RATE, DC_INTO(options, bench.down_Bps), .value = "RATE",
     .help = "the link's goodput as measured by other means, for floor and bound (default: the engine's own "
             "figures)"},
    {"up", DC_OPTION_RATE, DC_INTO(options, bench.up_Bps), .value = "RATE", .help = "likewise"},
    {"rtt", DC_OPTION_TIME, DC_INTO(options, bench.rtt_s), .value = "TIME",
     .help = "likewise, the link's round trip"},
    {"hold", DC_OPTION_SWITCH, DC_INTO(options, bench.hold),
     .help = "after joining, print 'ready' and wait for a line on standard input; after the rounds, wait for "
             "its end"},
    {"trace", DC_OPTION_TEXT, DC_INTO(options, bench.worker.trace_path), .value = "FILE",
     .help = "write a Chrome/Perfetto trace"},
    {"timeout", DC_OPTION_WHOLE, DC_INTO(options, timeout_s), .value = "S", .least = 1, .most = 86400,
     .help = "give up a server that cannot be reached for S seconds (default: 15 at the start, later 600)"},
    {"help", DC_OPTION_HELP, DC_INTO(options, help), .help = "this text"},
};

static dc_error take_options(dc__bench_options *b, int argc, char **argv, bool *help)
{
    options o = {.bench = {.scale = 1, .speed = 1, .warm_up = WARM_UP_DEFAULT, .rtt_s = -1}};
    o.bench.worker.rank = -1;
    o.bench.worker.strategy = DC_AUTO;
    int words;
    const dc_error err = dc__command_parse(&dc__bench_command, &o, argc, argv, &words);
    *help = o.help;
    if (err || o.help) return err;
    if (words != 1) return dc__fail(DC_EINVAL, "give one profile, not %d; see dynacomm bench --help", words);
    if (!o.bench.worker.url)
        return dc__fail(DC_EINVAL, "give the server to --connect to, such as tcp://server0:7700");
    if (o.bench.rounds == 0) return dc__fail(DC_EINVAL, "give the number of --rounds");
    *b = o.bench;
    b->worker.timeout_s = o.timeout_s;
    b->profile = argv[1];
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

static dc_error hold_until_released(void)
{
    (void)puts("ready");
    if (fflush(stdout)) return dc__fail(DC_EFILE, "cannot write to standard output: %s", strerror(errno));
    return wait_for_input(false);
}

/* Joined; leaves in every case. */
static dc_error take_part(dc__bench *b)
{
    dc_error err = b->options.hold ? hold_until_released() : DC_OK;
    if (!err) err = dc__bench_run(b, &caught);
    if (!err) err = dc_worker_sync(b->worker);
    if (!err) err = dc__bench_summary(b);
    if (!err && b->options.hold) err = wait_for_input(true);
    char line[DC__LINE_BYTES];
    (void)snprintf(line, sizeof line, "%s", err ? dc_last_error() : "");
    const dc_error goodbye = dc_worker_leave(b->worker, err == DC_OK, line);
    return err ? dc__fail(err, "%s", line) : goodbye;
}

static int run_bench(int argc, char **argv)
{
    dc__bench bench = {0};
    bool help = false;
    dc_error err = take_options(&bench.options, argc, argv, &help);
    if (help) return dc__command_help(&dc__bench_command);
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

const dc__command dc__bench_command = {
    .name = "bench",
    .does = "be a worker whose computation is emulated from a profile",
    .usage =
        "bench PROFILE --connect URL --rounds N [option ...]\n"
        "A worker that waits instead of computing: real engine, server, sockets and bytes, each layer's forward "
        "and\n"
        "backward replaced by a wait of its profiled length. Prints a line per round and a summary.",
    .notes = "",
    .options = table,
    .n_options = sizeof table / sizeof *table,
    .run = run_bench};
