/* launch.c - dynacomm launch: a server, and the same command as a worker on each host of a list.
 *
 * DESIGN
 *   Every worker gets the server's address and its number by the environment (DYNACOMM, DYNACOMM_RANK,
 * DYNACOMM_SIZE), so any command will do: darknet itself or a script that runs it. A server that is started here has a
 * key made for this run, and DYNACOMM is an invitation, which reaches the host by the command's standard input. Hosts are reached by ssh
 * without a terminal and without questions (BatchMode). */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "dynacomm_keys.h"
#include "net/address.h"
#include "secure/secret.h"
#include "tool/command.h"
#include "tool/launch.h"

#define DEFAULT_SSH "ssh -o BatchMode=yes -o ConnectTimeout=10"
#define DEFAULT_PORT 7700
enum { SSH_WORDS = 32, VARIABLES = 32 };

typedef struct options {
    const char *hosts_path, *server, *address, *backup, *directory, *ssh_command;
    dc_every backup_every;
    int per_host, port;
    bool fresh, help;
    char *variables[VARIABLES + 4]; /* NAME=VALUE; the first `given` are the user's */
    int given;
    char ssh_text[1024], *ssh[SSH_WORDS + 4]; /* words, then host and command */
    int ssh_words;
    char **command;
    int words;
    char url[DC__URL_BYTES];
    dc_run_keys *keys; /* of the server that is started here; NULL: it is there already */
} options;

static dc_error add_variable(options *o, const char *text)
{
    if (o->given == VARIABLES) return dc__fail(DC_EINVAL, "--env: at most %d variables", VARIABLES);
    const char *value = getenv(text);
    if (text[0] == '=' || text[0] == '\0' || (!strchr(text, '=') && !value))
        return dc__fail(DC_EINVAL, "--env %s: that variable is not set here; give NAME=VALUE", text);
    char *pair = NULL;
    if (strchr(text, '=') ? !(pair = strdup(text)) : asprintf(&pair, "%s=%s", text, value) < 0)
        return dc__fail(DC_ENOMEM, "out of memory");
    o->variables[o->given++] = pair;
    return DC_OK;
}

static dc_error add_variable_option(void *into, const char *name, const char *value)
{
    (void)name;
    return add_variable(into, value);
}

static const dc_option table[] = {
    {"hosts", DC_OPTION_TEXT, DC_INTO(options, hosts_path), .value = "FILE",
     .help = "lines of HOST [slots=N], as mpirun takes them; '#' begins a comment"},
    {"workers-per-host", DC_OPTION_WHOLE, DC_INTO(options, per_host), .value = "N", .least = 1,
     .most = DC_MAX_WORKERS, .help = "instead of the file's slots"},
    {"server", DC_OPTION_TEXT, DC_INTO(options, server), .value = "URL|HOST",
     .help = "URL: join the server that is there; HOST: start it there, by ssh (default: here)"},
    {"address", DC_OPTION_TEXT, DC_INTO(options, address), .value = "NAME",
     .help = "how the hosts reach this one (default: its host name)"},
    {"port", DC_OPTION_WHOLE, DC_INTO(options, port), .value = "N", .least = 1, .most = 65535,
     .help = "the server's (default 7700)"},
    {"backup", DC_OPTION_TEXT, DC_INTO(options, backup), .value = "DIR", .help = "the server's checkpoints"},
    {"backup-every", DC_OPTION_EVERY, DC_INTO(options, backup_every), .value = "N|TIME",
     .help = "rounds (100) or time (30s) between them, or both (100,30s)"},
    {"fresh", DC_OPTION_SWITCH, DC_INTO(options, fresh), .help = "start anew, whatever is in --backup"},
    {"cd", DC_OPTION_TEXT, DC_INTO(options, directory), .value = "DIR",
     .help = "where COMMAND runs on each host (default: this directory's path)"},
    {"env", DC_OPTION_CALL, .call = add_variable_option, .value = "NAME[=VALUE]",
     .help = "set a variable there (repeat); without a value: as it is here"},
    {"ssh", DC_OPTION_TEXT, DC_INTO(options, ssh_command), .value = "COMMAND",
     .help = "instead of '" DEFAULT_SSH "'"},
    {"help", DC_OPTION_HELP, DC_INTO(options, help), .help = "this text"},
};

static dc_error take_options(options *o, int argc, char **argv)
{
    *o = (options){.port = DEFAULT_PORT, .ssh_command = DEFAULT_SSH};
    const dc_error err = dc__command_parse(&dc__launch_command, o, argc, argv, &o->words);
    if (err || o->help) return err;
    o->command = argv + 1;
    if (strlen(o->ssh_command) >= sizeof o->ssh_text)
        return dc__fail(DC_EINVAL, "--ssh: the command is too long");
    (void)snprintf(o->ssh_text, sizeof o->ssh_text, "%s", o->ssh_command);
    if (!o->hosts_path) return dc__fail(DC_EINVAL, "give --hosts FILE; see dynacomm launch --help");
    if (o->words == 0)
        return dc__fail(DC_EINVAL,
                        "give the command to run after --, such as: -- darknet detector train ...");
    return DC_OK;
}

/* True if a program of that name can be run. */
static bool on_path(const char *program)
{
    if (strchr(program, '/')) return access(program, X_OK) == 0;
    const char *path = getenv("PATH");
    for (const char *at = path ? path : "/usr/bin:/bin"; *at;) {
        const size_t n = strcspn(at, ":");
        char file[PATH_MAX];
        (void)snprintf(file, sizeof file, "%.*s/%s", (int)n, at, program);
        if (access(file, X_OK) == 0) return true;
        at += n + (at[n] == ':');
    }
    return false;
}

static dc_error split_ssh(options *o)
{
    char *rest = NULL;
    for (char *word = strtok_r(o->ssh_text, " \t\n", &rest); word; word = strtok_r(NULL, " \t\n", &rest)) {
        if (o->ssh_words == SSH_WORDS) return dc__fail(DC_EINVAL, "--ssh: more than %d words", SSH_WORDS);
        o->ssh[o->ssh_words++] = word;
    }
    if (o->ssh_words == 0) return dc__fail(DC_EINVAL, "--ssh: give a command");
    if (!on_path(o->ssh[0]))
        return dc__fail(DC_EFILE,
                        "cannot find the program %s: apt-get install openssh-client, or name another with "
                        "--ssh",
                        o->ssh[0]);
    return DC_OK;
}

static bool is_loopback(const char *host)
{
    return strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0;
}

/* The server's address as workers see it. */
static dc_error find_address(options *o, const dc__hosts *hosts)
{
    char name[256] = "";
    if (o->server && strstr(o->server, "://")) {
        (void)snprintf(o->url, sizeof o->url, "%s", o->server);
        return dc__address_parse(o->server, NULL);
    }
    bool here = true;
    for (int i = 0; i < hosts->n; i++)
        here = here && is_loopback(hosts->name[i]);
    const char *at = o->server ? strrchr(o->server, '@') : NULL;
    const char *host = o->address ? o->address : at ? at + 1 : o->server ? o->server : NULL;
    if (!host && here) host = "127.0.0.1";
    if (!host && gethostname(name, sizeof name - 1) != 0)
        return dc__fail(DC_EINVAL, "this host has no name: give --address");
    (void)snprintf(o->url, sizeof o->url, "tcp://%s:%d", host ? host : name, o->port);
    return dc__address_parse(o->url, NULL);
}

/* Starts argv on host, as child. */
static dc_error start_remote(options *o, dc__launched *child, const char *host, char *const *argv, int argc,
                             dc__fed fed)
{
    char here[PATH_MAX];
    if (!o->directory && !getcwd(here, sizeof here))
        return dc__fail(DC_EFILE, "cannot find out the current directory: %s", strerror(errno));
    char *command = dc__remote_command(o->directory ? o->directory : here, (const char *const *)o->variables,
                                       argv, argc, fed);
    if (!command) return dc__fail(DC_ENOMEM, "out of memory");
    child->remote = true;
    o->ssh[o->ssh_words] = (char *)(uintptr_t)host;
    o->ssh[o->ssh_words + 1] = command;
    o->ssh[o->ssh_words + 2] = NULL;
    const dc_error err = dc__launch_start(child, o->ssh);
    free(command);
    return err;
}

static dc_error start_server(options *o, dc__launched *child, int workers)
{
    char count[16], listen[64], every[64], self[PATH_MAX] = "dynacomm";
    (void)snprintf(count, sizeof count, "%d", workers);
    (void)snprintf(listen, sizeof listen, "tcp://%s:%d",
                   strncmp(o->url, "tcp://127.0.0.1:", 16) == 0 ? "127.0.0.1" : "0.0.0.0", o->port);
    char *argv[20] = {self,  "server", "--listen", listen,      "--workers",
                      count, "--key",  "-",        "--on-loss", "end"};
    int n = 8;
    if (o->backup) {
        argv[n++] = "--backup";
        argv[n++] = (char *)(uintptr_t)o->backup;
    }
    dc_every_text(o->backup_every, every, sizeof every);
    if (strcmp(every, "0") != 0) {
        argv[n++] = "--backup-every";
        argv[n++] = every;
    }
    if (o->fresh) argv[n++] = "--fresh";
    child->server = true;
    (void)snprintf(child->label, sizeof child->label, "server");
    o->variables[o->given] = NULL;
    if (o->server) return start_remote(o, child, o->server, argv, n, DC__FED_LINES);
    const ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length > 0) self[length] = '\0';
    return dc__launch_start(child, argv);
}

/* A process that is gone cannot read; its end is on the way. */
static void send_invitation(const dc_run_keys *keys, int rank, int in)
{
    char line[DC_INVITATION_LINE_BYTES + 1];
    dc_run_keys_to_worker(keys, rank, line);
    (void)strcat(line, "\n");
    (void)!write(in, line, strlen(line));
    dc__secret_wipe(line, sizeof line);
}

static dc_error start_worker(options *o, dc__launched *child, const dc__hosts *hosts, int rank)
{
    char url[DC__URL_BYTES + 16], number[48], size[48];
    if (o->keys)
        (void)snprintf(url, sizeof url, "DYNACOMM_KEY=none"); /* DYNACOMM comes by its stdin */
    else
        (void)snprintf(url, sizeof url, "DYNACOMM=%s", o->url);
    (void)snprintf(number, sizeof number, "DYNACOMM_RANK=%d", rank);
    (void)snprintf(size, sizeof size, "DYNACOMM_SIZE=%d", hosts->n);
    (void)snprintf(child->label, sizeof child->label, "%.64s[%d]", hosts->name[rank], rank);
    char **v = o->variables + o->given;
    v[0] = url;
    v[1] = number;
    v[2] = size;
    v[3] = NULL;
    const dc_error err = start_remote(o, child, hosts->name[rank], o->command, o->words,
                                      o->keys ? DC__FED_DYNACOMM : DC__FED_NOTHING);
    if (!err && o->keys) send_invitation(o->keys, rank, child->in);
    return err;
}

static int launch(options *o, const dc__hosts *hosts)
{
    dc__launched *children = calloc((size_t)hosts->n + 1, sizeof *children);
    if (!children) {
        (void)fprintf(stderr, "dynacomm launch: out of memory\n");
        return 1;
    }
    for (int i = 0; i <= hosts->n; i++)
        children[i].in = children[i].out[0].fd = children[i].out[1].fd = -1;
    sigset_t set;
    dc__launch_signals(&set);
    int n = 0;
    dc_error err = DC_OK;
    const bool own = !o->server || !strstr(o->server, "://");
    if (own) err = dc_run_keys_make(&o->keys, o->url, hosts->n);
    if (own && !err) {
        err = start_server(o, &children[n++], hosts->n);
        if (!err) dc_run_keys_to_server(o->keys, children[n - 1].in);
    }
    for (int rank = 0; !err && rank < hosts->n; rank++)
        err = start_worker(o, &children[n++], hosts, rank);
    if (err) {
        (void)fprintf(stderr, "dynacomm launch: %s\n", dc_last_error());
        (void)raise(SIGTERM); /* taken as the user's: those that run are stopped */
    }
    const int status = dc__launch_wait(children, n, &set);
    free(children);
    dc_run_keys_free(o->keys);
    return err ? 1 : status;
}

static int run_launch(int argc, char **argv)
{
    options o;
    dc__hosts hosts = {.n = 0};
    dc_error err = take_options(&o, argc, argv);
    if (!err && o.help) return dc__command_help(&dc__launch_command);
    if (!err) err = dc__hosts_read(&hosts, o.hosts_path, o.per_host);
    if (!err) err = split_ssh(&o);
    if (!err) err = find_address(&o, &hosts);
    int status = 1;
    if (err)
        (void)fprintf(stderr, "dynacomm launch: %s\n", dc_last_error());
    else
        status = launch(&o, &hosts);
    dc__hosts_free(&hosts);
    for (int i = 0; i < o.given; i++)
        free(o.variables[i]);
    return status;
}

const dc__command dc__launch_command = {
    .name = "launch",
    .does = "run a command as a worker on each host of a list, and their server",
    .usage =
        "launch --hosts FILE [option ...] -- COMMAND ...\n"
        "Starts a server here and COMMAND as a worker on each host of FILE, over ssh, until all have ended.",
    .notes =
        "COMMAND finds the server's address, or an invitation to it, in DYNACOMM, its number in DYNACOMM_RANK and how many there are in\n"
        "DYNACOMM_SIZE. Lines are shown behind HOST[RANK]. Ctrl-C stops all; when one fails, the others are stopped.\n"
        "The exit status is the worst of theirs.",
    .options = table,
    .n_options = sizeof table / sizeof *table,
    .words_end = true,
    .run = run_launch};
