/* relay.c - dynacomm relay: stands between some of a run's workers and their server, for one run. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "dynacomm_relay.h"
#include "net/address.h"
#include "secure/invitation.h"
#include "tool/command.h"

typedef struct options {
    dc_relay_options relay;
    int timeout_s;
    bool quiet, help;
} options;

static const dc_option table[] = {
    {"parent", DC_OPTION_TEXT, DC_INTO(options, relay.parent), .value = "URL",
     .help =
         "the server, or another relay: the address that the workers would use without this one, or an invitation (dynacomm "
         "invite)"},
    {"parent-key", DC_OPTION_TEXT, DC_INTO(options, relay.own_key_path), .value = "FILE",
     .help =
         "with an invitation: where this relay's own key to its parent is, made if it is not there (default: among the "
         "user's configuration)"},
    {"listen", DC_OPTION_TEXT, DC_INTO(options, relay.url), .value = "URL",
     .help = "tcp://HOST:PORT (0.0.0.0 for all interfaces), ipc:///PATH; the workers use it"},
    {"workers", DC_OPTION_WHOLE, DC_INTO(options, relay.workers), .value = "M", .least = 1,
     .most = DC_MAX_WORKERS,
     .help =
         "workers that stand behind it, also over further relays; the server's --workers count them, too"},
    {"patience", DC_OPTION_TIME, DC_INTO(options, relay.patience_s), .value = "TIME",
     .help = "how long a parent is tried that is not there yet, such as 30s (default 0.8s)"},
    {"key", DC_OPTION_TEXT, DC_INTO(options, relay.key_path), .value = "FILE",
     .help =
         "the key that its workers know (dynacomm keygen): members alone come, and all is encrypted. The relay reads what "
         "they send, for it sums it"},
    {"members", DC_OPTION_TEXT, DC_INTO(options, relay.members_path), .value = "FILE",
     .help = "the list of members (default: members.txt beside the key)"},
    {"insecure", DC_OPTION_SWITCH, DC_INTO(options, relay.insecure),
     .help = "without --key, listen also where other machines reach it: whoever connects takes part"},
    {"timeout", DC_OPTION_WHOLE, DC_INTO(options, timeout_s), .value = "SECONDS", .least = 1, .most = 86400,
     .help =
         "a worker (default 90) or a parent (default 600) that has not been heard of for this long is lost"},
    {"quiet", DC_OPTION_SWITCH, DC_INTO(options, quiet), .help = "only errors"},
    {"help", DC_OPTION_HELP, DC_INTO(options, help), .help = "this text"},
};

static dc_error take_options(options *o, int argc, char **argv)
{
    *o = (options){0};
    int words;
    const dc_error err = dc__command_parse(&dc__relay_command, o, argc, argv, &words);
    if (err || o->help) return err;
    if (words) return dc__fail(DC_EINVAL, "'%s' is not an option; see dynacomm relay --help", argv[1]);
    if (!o->relay.parent)
        return dc__fail(DC_EINVAL, "give the address of the server as --parent, such as tcp://cloud:7700");
    if (!o->relay.url)
        return dc__fail(DC_EINVAL, "give the address to --listen on, such as tcp://0.0.0.0:7701");
    if (!o->relay.workers) return dc__fail(DC_EINVAL, "give the number of --workers behind this relay");
    if (strncmp(o->relay.url, "inproc://", 9) == 0 || strncmp(o->relay.parent, "inproc://", 9) == 0)
        return dc__fail(DC_EURL, "no other process can be reached over inproc://: use tcp:// or ipc://");
    o->relay.timeout_s = o->timeout_s;
    return DC_OK;
}

static dc_relay *running;
static volatile sig_atomic_t caught;

static void stop(int signal_number)
{
    caught = signal_number;
    dc_relay_stop(running);
}

static void print_line(void *context, const char *line)
{
    const options *o = context;
    char stamp[32];
    struct tm tm;
    const time_t now = time(NULL);
    if (o->quiet) return;
    (void)strftime(stamp, sizeof stamp, "%H:%M:%S", localtime_r(&now, &tm));
    (void)printf("%s %s\n", stamp, line);
    (void)fflush(stdout);
}

/* The option that a failure to start is about, for the end of its line. */
static const char *option_of(dc_error err, const dc_relay_options *o)
{
    if (err == DC_EKEY) return ": give --key FILE, or --insecure if it may be so";
    if (err == DC_EINVAL && o->own_key_path && !dc__invitation_is(o->parent)) return " (--parent-key)";
    if (err == DC_EINVAL && o->members_path && !o->key_path) return " (--key)";
    if (err == DC_EURL && (dc__invitation_is(o->parent) || dc__address_parse(o->parent, NULL)))
        return " (--parent)";
    return err == DC_EURL || err == DC_ENET ? " (--listen)" : "";
}

static int run_relay(int argc, char **argv)
{
    options o;
    const char *option = "";
    dc_error err = take_options(&o, argc, argv);
    if (!err && o.help) return dc__command_help(&dc__relay_command);
    o.relay.log = print_line;
    o.relay.log_context = &o;
    if (!err) dc__secret_harden();
    if (!err && (err = dc_relay_start(&running, &o.relay))) {
        char line[DC__LINE_BYTES];
        (void)snprintf(line, sizeof line, "%s", dc_last_error());
        option = option_of(err, &o.relay);
        (void)dc__fail(err, "%s", line);
    }
    if (err) {
        (void)fprintf(stderr, "dynacomm relay: %s%s\n", dc_last_error(), option);
        return 1;
    }
    const struct sigaction action = {.sa_handler = stop};
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    err = dc_relay_run(running);
    if (err) (void)fprintf(stderr, "dynacomm relay: %s\n", dc_last_error());
    dc_relay_free(running);
    if (err == DC_ESTOPPED && caught) return 128 + caught;
    return err != DC_OK;
}

const dc__command dc__relay_command = {
    .name = "relay",
    .does = "sum the gradients of a site's workers, behind one thin link to the server",
    .usage =
        "relay --parent URL --listen URL --workers M [option ...]\n"
        "Stands between workers and their server for one run: it sums the workers' gradients and sends the sum "
        "on, and passes what comes back on to all of them.",
    .notes = "",
    .options = table,
    .n_options = sizeof table / sizeof *table,
    .run = run_relay};
