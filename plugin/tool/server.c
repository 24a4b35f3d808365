/* server.c - dynacomm server: one run's server, until it ends. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "tool/http.h"
#include "base/quantity.h"
#include "tool/tool.h"

#define BACKUP_EVERY_DEFAULT 100

static const char usage[] =
    "usage: dynacomm server --listen URL --workers N [option ...]\n"
    "Holds a model's parameters, sums its workers' gradients and updates, round by round, until all workers "
    "are done.\n"
    "\n"
    "  --listen URL        tcp://HOST:PORT (0.0.0.0 for all interfaces), ipc:///PATH; worker r uses PORT + 1 "
    "+ r\n"
    "  --workers N         edges that make up the run; it starts when all are here\n"
    "  --backup DIR        checkpoints: NAME.backup and NAME.state while training, NAME_final.weights at the "
    "end;\n"
    "                      a run that is found there is resumed\n"
    "  --backup-every N    rounds between checkpoints (default 100, 0 = only at the end)\n"
    "  --fresh             start anew, whatever is in --backup\n"
    "  --http HOST:PORT    a page to watch the run on, such as 127.0.0.1:7780; also /status (JSON) and "
    "/metrics\n"
    "                      (Prometheus). Whoever reaches the address may read it\n"
    "  --timeout SECONDS   give up a silent worker after this long (default 15)\n"
    "  --quiet             only errors\n"
    "  --help              this text\n";

enum { LISTEN = 256, WORKERS, BACKUP, BACKUP_EVERY, FRESH, HTTP, TIMEOUT, QUIET, HELP };

static const struct option longs[] = {{"listen", required_argument, NULL, LISTEN},
                                      {"workers", required_argument, NULL, WORKERS},
                                      {"backup", required_argument, NULL, BACKUP},
                                      {"backup-every", required_argument, NULL, BACKUP_EVERY},
                                      {"fresh", no_argument, NULL, FRESH},
                                      {"http", required_argument, NULL, HTTP},
                                      {"timeout", required_argument, NULL, TIMEOUT},
                                      {"quiet", no_argument, NULL, QUIET},
                                      {"help", no_argument, NULL, HELP},
                                      {0}};

typedef struct options {
    dc_server_options server;
    const char *http;
    bool quiet, help;
} options;

static dc_error take_option(options *o, int option)
{
    int n = 0;
    dc_error err = DC_OK;
    switch (option) {
    case LISTEN:
        o->server.url = optarg;
        return DC_OK;
    case WORKERS:
        return dc__parse_integer("--workers", optarg, 1, DC_MAX_WORKERS, &o->server.workers);
    case BACKUP:
        o->server.backup_dir = optarg;
        return DC_OK;
    case BACKUP_EVERY:
        err = dc__parse_integer("--backup-every", optarg, 0, INT_MAX, &n);
        o->server.backup_every = (uint64_t)n;
        return err;
    case FRESH:
        o->server.fresh = true;
        return DC_OK;
    case HTTP:
        o->http = optarg;
        return DC_OK;
    case TIMEOUT:
        err = dc__parse_integer("--timeout", optarg, 1, 86400, &n);
        o->server.timeout_s = n;
        return err;
    case QUIET:
        o->quiet = true;
        return DC_OK;
    case HELP:
        o->help = true;
        return DC_OK;
    default:
        return dc__fail(DC_EINVAL, "see dynacomm server --help");
    }
}

static dc_error take_options(options *o, int argc, char **argv)
{
    *o = (options){.server = {.backup_every = BACKUP_EVERY_DEFAULT}};
    optind = 1;
    opterr = 0;
    int option;
    while ((option = getopt_long(argc, argv, ":", longs, NULL)) != -1) {
        if (option == '?')
            return dc__fail(DC_EINVAL, "unknown option %s; see dynacomm server --help", argv[optind - 1]);
        if (option == ':')
            return dc__fail(DC_EINVAL, "%s needs a value; see dynacomm server --help", argv[optind - 1]);
        dc_error err = take_option(o, option);
        if (err || o->help) return err;
    }
    if (optind < argc)
        return dc__fail(DC_EINVAL, "'%s' is not an option; see dynacomm server --help", argv[optind]);
    if (!o->server.url)
        return dc__fail(DC_EINVAL, "give the address to --listen on, such as tcp://0.0.0.0:7700");
    if (strncmp(o->server.url, "inproc://", 9) == 0)
        return dc__fail(DC_EURL, "no other process can reach %s: listen on tcp:// or ipc://", o->server.url);
    if (!o->server.workers) return dc__fail(DC_EINVAL, "give the number of --workers");
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

/* Messages are allocated and freed at the rate of the links. malloc would give their pages back to the system
 * and take them again, cleared: a fifth of the server's processor time (measured with four workers over ipc).
 */
#define KEEP_BYTES (256 << 20)
#define MAP_BYTES (8 << 20)
static void keep_memory(void)
{
#ifdef M_TRIM_THRESHOLD
    (void)mallopt(M_TRIM_THRESHOLD, KEEP_BYTES);
    (void)mallopt(M_MMAP_THRESHOLD, MAP_BYTES);
#endif
}

int dc_tool_server(int argc, char **argv)
{
    options o;
    dc_error err = take_options(&o, argc, argv);
    if (!err && o.help) {
        (void)fputs(usage, stdout);
        return 0;
    }
    o.server.log = print_line;
    o.server.log_context = &o;
    keep_memory();
    if (!err) err = dc_server_start(&running, &o.server);
    if (!err && o.http) err = dc__http_start(&page, o.http, running);
    if (err) {
        (void)fprintf(stderr, "dynacomm server: %s\n", dc_last_error());
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
        (void)snprintf(line, sizeof line, "to be watched at %s", dc__http_url(page));
        print_line(&o, line);
    }
    err = dc_server_run(running);
    if (err) (void)fprintf(stderr, "dynacomm server: %s\n", dc_last_error());
    if (page) dc__http_last_word(page, &caught);
    dc__http_stop(page);
    dc_server_free(running);
    if (err == DC_ESTOPPED && caught) return 128 + caught;
    return err != DC_OK;
}
