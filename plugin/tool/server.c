/* server.c - dynacomm server: one run's server, until it ends. */
#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "secure/secret.h"
#include "base/quantity.h"
#include "net/address.h"
#include "tool/http.h"
#include "tool/command.h"

#define BACKUP_EVERY_DEFAULT         \
    {                                \
        .rounds = 100, .seconds = 60 \
    }

typedef struct options {
    dc_server_options server;
    const char *http, *http_token;
    int timeout_s;
    bool quiet, help;
} options;

static dc_error take_aggregate(void *into, const char *name, const char *value)
{
    options *o = into;
    char *end;
    const long trim = strncmp(value, "trimmed-mean:", 13) == 0 ? strtol(value + 13, &end, 10) : 0;
    if (strcmp(value, "mean") == 0)
        o->server.bounds.trim = 0;
    else if (strcmp(value, "median") == 0)
        o->server.bounds.trim = DC_TRIM_MEDIAN;
    else if (trim >= 1 && trim < DC_MAX_WORKERS && *end == '\0')
        o->server.bounds.trim = (int)trim;
    else
        return dc__fail(DC_EINVAL, "%s: '%s' is not mean, median or trimmed-mean:K with K from 1", name,
                        value);
    return DC_OK;
}

/* "wait", "wait:SECONDS" (or another time), "drop", "end". */
static dc_error take_on_loss(void *into, const char *name, const char *value)
{
    dc_server_options *o = &((options *)into)->server;
    double seconds = 0;
    if (strcmp(value, "drop") == 0 || strcmp(value, "end") == 0 || strcmp(value, "wait") == 0) {
        o->on_loss = value[0] == 'd' ? DC_ON_LOSS_DROP : value[0] == 'e' ? DC_ON_LOSS_END : DC_ON_LOSS_WAIT;
        return DC_OK;
    }
    uint64_t whole;
    const bool waits = strncmp(value, "wait:", 5) == 0;
    if (waits && dc__parse_whole(name, value + 5, 1, UINT32_MAX, &whole) == DC_OK)
        seconds = (double)whole;
    else if (!waits || dc__parse_time(name, value + 5, &seconds) != DC_OK || !(seconds > 0))
        return dc__fail(DC_EINVAL, "%s: '%s' is not wait, wait:SECONDS, drop or end", name, value);
    o->on_loss = DC_ON_LOSS_WAIT;
    o->loss_wait_s = seconds;
    return DC_OK;
}

/* A time, or a number of seconds. */
static dc_error take_start_after(void *into, const char *name, const char *value)
{
    options *o = into;
    uint64_t whole;
    if (dc__parse_whole(name, value, 0, UINT32_MAX, &whole) == DC_OK) {
        o->server.start_after_s = whole > 0 ? (double)whole : 1e-3;
        return DC_OK;
    }
    const dc_error err = dc__parse_time(name, value, &o->server.start_after_s);
    return err ? dc__fail(err, "%s: '%s' is not a time: write it like 60 or 5m", name, value) : DC_OK;
}

/* "2/3" */
static dc_error take_shard(void *into, const char *name, const char *value)
{
    dc_server_options *o = &((options *)into)->server;
    char *end;
    const long shard = strtol(value, &end, 10);
    const long shards = *end == '/' ? strtol(end + 1, &end, 10) : 0;
    if (*end || shard < 1 || shards < shard || shards > 1000)
        return dc__fail(DC_EINVAL, "%s: '%s' is not K/N, such as 1/3 for the first of three", name, value);
    o->shard = (int)shard;
    o->shards = (int)shards;
    return DC_OK;
}

static const dc_option table[] = {
    {"listen", DC_OPTION_TEXT, DC_INTO(options, server.url), .value = "URL",
     .help = "tcp://HOST:PORT (0.0.0.0 for all interfaces), ipc:///PATH; all workers use it"},
    {"workers", DC_OPTION_WHOLE, DC_INTO(options, server.workers), .value = "N", .least = 1,
     .most = DC_MAX_WORKERS, .help = "workers that the run is for; it begins when all have joined"},
    {"min-workers", DC_OPTION_WHOLE, DC_INTO(options, server.min_workers), .value = "M", .least = 1,
     .most = DC_MAX_WORKERS,
     .help = "begins and goes on with so many, and waits while there are fewer (default: all)"},
    {"start-after", DC_OPTION_CALL, .value = "TIME", .call = take_start_after,
     .help = "begins with --min-workers or more when the first has been ready for so long (default 60s)"},
    {"on-loss", DC_OPTION_CALL, .value = "wait[:S]|drop|end", .call = take_on_loss,
     .help =
         "when a worker is lost: hold the round for S seconds, so that it can come back (default wait:60), "
         "then go on without it; go on at once; or end the run"},
    {"backup", DC_OPTION_TEXT, DC_INTO(options, server.backup_dir), .value = "DIR",
     .help =
         "checkpoints: NAME.backup and NAME.state while training, NAME_final.weights at the end; a run that "
         "is found there is resumed"},
    {"backup-every", DC_OPTION_EVERY, DC_INTO(options, server.backup_every), .value = "N|TIME",
     .help =
         "rounds (100) or time (30s) between checkpoints, or both, whichever is first (default 100,60s; 0 = only "
         "at the end). The last three can be gone back to"},
    {"fresh", DC_OPTION_SWITCH, DC_INTO(options, server.fresh),
     .help = "start anew, whatever is in --backup"},
    {"key", DC_OPTION_TEXT, DC_INTO(options, server.key_path), .value = "FILE",
     .help = "the server's key (dynacomm keygen): members alone take part, and all is encrypted"},
    {"members", DC_OPTION_TEXT, DC_INTO(options, server.members_path), .value = "FILE",
     .help = "the list of members (default: members.txt beside the key)"},
    {"insecure", DC_OPTION_SWITCH, DC_INTO(options, server.insecure),
     .help = "without --key, listen also where other machines reach it: whoever connects takes part"},
    {"http", DC_OPTION_TEXT, DC_INTO(options, http), .value = "HOST:PORT",
     .help = "a page to watch the run on, such as 127.0.0.1:7780; also /status (JSON) and /metrics "
             "(Prometheus)"},
    {"http-token-file", DC_OPTION_TEXT, DC_INTO(options, http_token), .value = "FILE",
     .help =
         "a line that whoever reads the page must give as password (or bearer token); needed where other machines "
         "reach --http"},
    {"timeout", DC_OPTION_WHOLE, DC_INTO(options, timeout_s), .value = "SECONDS", .least = 1, .most = 86400,
     .help =
         "a worker that has not been heard of for this long is lost (default 90; where the lost are waited for, no "
         "longer than they are)"},
    {"on-bad-value", DC_OPTION_CHOICE, DC_INTO(options, server.bounds.on_bad_value), .choices = DC_BAD_VALUES,
     .help =
         "when a worker's gradient is not finite: leave it out of that round, and expel the worker after three "
         "in a row (default); expel it at once; end the run"},
    {"codec", DC_OPTION_TEXT, DC_INTO(options, server.codec), .value = "CODEC",
     .help =
         "what gradients and changes travel as, for all workers: exact (default), bf16, int8, int4, int3, topk:SHARE, "
         "topk5:SHARE, either with :ROUNDS of warm-up; or UP/DOWN (topk:0.01/int8)"},
    {"aggregate", DC_OPTION_CALL, .call = take_aggregate, .value = "HOW",
     .help =
         "mean (default); trimmed-mean:K, in every coordinate without the K smallest and the K largest of the "
         "workers' gradients; median. For 3 workers or more, some of whom may lie"},
    {"clip-norm", DC_OPTION_NUMBER, DC_INTO(options, server.bounds.clip_norm), .value = "FACTOR", .low = 1,
     .high = 1e6,
     .help =
         "scale a worker's gradient of a layer down to at most FACTOR times the median norm of all workers' in "
         "the 16 rounds before"},
    {"balance", DC_OPTION_SWITCH, DC_INTO(options, server.balance),
     .help =
         "give more of a round's images to workers that are faster, in whole subdivisions, when that makes the round 5 % "
         "shorter"},
    {"staleness", DC_OPTION_WHOLE, DC_INTO(options, server.staleness), .value = "S", .least = 0,
     .most = DC_STALENESS_MOST,
     .help =
         "a worker may be S rounds ahead of the slowest, and computes on parameters that are up to S rounds old then (default "
         "0: all compute on the same). The run ends when a worker is lost"},
    {"shard", DC_OPTION_CALL, .call = take_shard, .value = "K/N",
     .help =
         "hold part K of the model, of N that so many servers hold together; the first one keeps roster, log and "
         "checkpoints"},
    {"mesh", DC_OPTION_SWITCH, DC_INTO(options, server.mesh),
     .help =
         "only be where the workers of a mesh meet (-dynacomm mesh://HOST:PORT), who hold the model: keep roster, log and "
         "checkpoints. A worker that is lost is waited for with --backup only, and the run ends if it is not back in time"},
    {"first", DC_OPTION_TEXT, DC_INTO(options, server.first_url), .value = "URL",
     .help = "with --shard 2/N and so on: where the first one is"},
    {"announce", DC_OPTION_TEXT, DC_INTO(options, server.announce_url), .value = "URL",
     .help = "likewise: where workers reach this one, if that is not what it listens on"},
    {"quiet", DC_OPTION_SWITCH, DC_INTO(options, quiet), .help = "only errors"},
    {"help", DC_OPTION_HELP, DC_INTO(options, help), .help = "this text"},
};

static dc_error take_options(options *o, int argc, char **argv)
{
    *o = (options){.server = {.backup_every = BACKUP_EVERY_DEFAULT}};
    int words;
    const dc_error err = dc__command_parse(&dc__server_command, o, argc, argv, &words);
    if (err || o->help) return err;
    if (words) return dc__fail(DC_EINVAL, "'%s' is not an option; see dynacomm server --help", argv[1]);
    if (!o->server.url)
        return dc__fail(DC_EINVAL, "give the address to --listen on, such as tcp://0.0.0.0:7700");
    if (strncmp(o->server.url, "inproc://", 9) == 0)
        return dc__fail(DC_EURL, "no other process can reach %s: listen on tcp:// or ipc://", o->server.url);
    if (!o->server.workers) return dc__fail(DC_EINVAL, "give the number of --workers");
    if (o->server.min_workers > o->server.workers)
        return dc__fail(DC_EINVAL, "--min-workers %d is more than --workers %d", o->server.min_workers,
                        o->server.workers);
    o->server.timeout_s = o->timeout_s;
    return DC_OK;
}

static dc_server *running;
static dc__http *page; /* NULL: none was asked for */
static volatile sig_atomic_t caught;

static void stop(int signal_number)
{
    caught = signal_number;
    dc_server_stop(running);
}

static void print_line(void *context, const char *line)
{
    const options *o = context;
    char stamp[32], stamped[DC__LINE_BYTES + sizeof stamp];
    struct tm tm;
    const time_t now = time(NULL);
    (void)strftime(stamp, sizeof stamp, "%H:%M:%S", localtime_r(&now, &tm));
    (void)snprintf(stamped, sizeof stamped, "%s %s", stamp, line);
    if (page) dc__http_event(page, stamped);
    if (o->quiet) return;
    (void)puts(stamped);
    (void)fflush(stdout);
}

/* Messages are allocated and freed at the rate of the links. malloc would
 * give their pages back to the system and take them again, cleared: a fifth
 * of the server's processor time (measured with four workers over ipc). */
#define KEEP_BYTES (256 << 20)
#define MAP_BYTES (8 << 20)
static void keep_memory(void)
{
#ifdef M_TRIM_THRESHOLD
    (void)mallopt(M_TRIM_THRESHOLD, KEEP_BYTES);
    (void)mallopt(M_MMAP_THRESHOLD, MAP_BYTES);
#endif
}

/* The option that a failure to start is about, for the end of its line. */
static const char *option_of(dc_error err, const dc_server_options *o)
{
    const bool key = o->key_path != NULL;
    if (strstr(dc_last_error(), "--staleness")) return ""; /* it names the options */
    if (err == DC_EKEY && !key) return ": give --key FILE, or --insecure if it may be so";
    if (err == DC_EINVAL && o->members_path && o->shard > 1) return " (--members)";
    if (err == DC_EINVAL && !key && o->members_path) return " (--key)";
    /* a bound that has too few workers is looked at before what it may not go together with */
    if (err == DC_EINVAL && o->bounds.trim && (o->workers < 3 || 2 * o->bounds.trim >= o->workers))
        return " (--aggregate)";
    if (err == DC_EINVAL && o->bounds.clip_norm > 0 && o->workers < 2) return " (--clip-norm)";
    if (err == DC_EINVAL && o->balance) return " (--balance)";
    if (err == DC_EINVAL && o->bounds.trim) return " (--aggregate)";
    if (err == DC_EINVAL && o->bounds.clip_norm > 0) return " (--clip-norm)";
    if (err == DC_EINVAL && o->mesh && (o->shards || o->first_url))
        return o->shards ? " (--shard)" : " (--first)";
    if (err == DC_EINVAL && o->shard > 1 && !o->first_url) return " (--first)";
    if (err == DC_EURL && o->first_url && dc__address_parse(o->first_url, NULL)) return " (--first)";
    if (err == DC_EURL && o->announce_url && dc__address_parse(o->announce_url, NULL)) return " (--announce)";
    if (err == DC_ENET || err == DC_EURL) return " (--listen)";
    return err == DC_EFILE && !key ? " (--backup)" : ""; /* the key's files name themselves */
}

static int run_server(int argc, char **argv)
{
    options o;
    dc_error err = take_options(&o, argc, argv);
    if (!err && o.help) return dc__command_help(&dc__server_command);
    o.server.log = print_line;
    o.server.log_context = &o;
    keep_memory();
    if (!err) dc__secret_harden();
    const char *option = "";
    if (!err) option = option_of(err = dc_server_start(&running, &o.server), &o.server);
    if (!err && o.http) err = dc__http_start(&page, o.http, o.http_token, o.server.key_path, running);
    if (err) {
        (void)fprintf(stderr, "dynacomm server: %s%s\n", dc_last_error(), option);
        dc_server_free(running);
        return 1;
    }
    const struct sigaction action = {.sa_handler = stop};
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); /* a file-size limit is an error of the write, like a full disk */
    if (page) {
        char line[DC__LINE_BYTES];
        (void)snprintf(line, sizeof line, "watch this run at %s", dc__http_url(page));
        print_line(&o, line);
    }
    err = dc_server_run(running);
    if (err) (void)fprintf(stderr, "dynacomm server: %s\n", dc_last_error());
    if (page) dc__http_linger(page, &caught);
    dc__http_stop(page);
    dc_server_free(running);
    if (err == DC_ESTOPPED && caught) return 128 + caught;
    return err != DC_OK;
}

const dc__command dc__server_command = {
    .name = "server",
    .does = "hold the parameters of a run and serve its workers",
    .usage = "server --listen URL --workers N [option ...]\n"
             "Holds a model's parameters, sums its workers' gradients and updates, round by round, until all "
             "workers are done.",
    .notes = "",
    .options = table,
    .n_options = sizeof table / sizeof *table,
    .run = run_server};
