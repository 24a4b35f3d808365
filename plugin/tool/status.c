/* status.c - dynacomm status: what a server's page shows, in a terminal. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "tool/command.h"
#include "tool/http_client.h"
#include "tool/status_view.h"

typedef struct options {
    const char *url, *token;
    bool json, watch, help;
} options;

static volatile sig_atomic_t caught;

static void stop(int signal_number)
{
    caught = signal_number;
}

/* Fetches and prints once. *state is what the run is in. */
static dc_error print_once(const options *o, const dc__client *page, char state[16])
{
    char *text, *table = NULL;
    cJSON *root;
    dc_error err = dc__client_json(page, &root, &text);
    size_t n = 0;
    FILE *out = err ? NULL : open_memstream(&table, &n);
    if (!err && !out) err = dc__fail(DC_ENOMEM, "out of memory for a status");
    if (!err) err = dc__status_table(out, root, page->url);
    if (out && fclose(out) != 0 && !err) err = dc__fail(DC_ENOMEM, "out of memory for a status");
    if (!err) {
        const char *clear = o->watch && !o->json && isatty(STDOUT_FILENO) ? "\033[H\033[2J" : "";
        const cJSON *word = cJSON_GetObjectItemCaseSensitive(root, "state");
        (void)snprintf(state, 16, "%s", word->valuestring);
        (void)printf("%s%s", clear, o->json ? text : table);
        if (fflush(stdout)) err = dc__fail(DC_EFILE, "cannot write to standard output");
    }
    free(table);
    free(text);
    cJSON_Delete(root);
    return err;
}

static dc_error watch(const options *o, const dc__client *page)
{
    char state[16] = "";
    for (;;) {
        dc_error err = print_once(o, page, state);
        if (err || !o->watch || strcmp(state, "finished") == 0) return err;
        if (strcmp(state, "failed") == 0) return dc__fail(DC_EPEER, "the run has failed");
        const struct timespec second = {.tv_sec = 1};
        (void)nanosleep(&second, NULL);
        if (caught) return DC_OK;
    }
}

static const dc_option table[] = {
    {"token-file", DC_OPTION_TEXT, DC_INTO(options, token), .value = "FILE",
     .help = "the file of the server's --http-token-file"},
    {"json", DC_OPTION_SWITCH, DC_INTO(options, json), .help = "as the server sends it"},
    {"watch", DC_OPTION_SWITCH, DC_INTO(options, watch),
     .help = "again every second, until the run is finished (status 0) or the server gone"},
    {"help", DC_OPTION_HELP, DC_INTO(options, help), .help = "this text"},
};

static dc_error take_options(options *o, int argc, char **argv)
{
    *o = (options){0};
    int words;
    const dc_error err = dc__command_parse(&dc__status_command, o, argc, argv, &words);
    if (err || o->help) return err;
    if (words != 1)
        return dc__fail(DC_EINVAL, "give one URL, such as http://127.0.0.1:7780; see dynacomm status --help");
    o->url = argv[1];
    return DC_OK;
}

static int run_status(int argc, char **argv)
{
    options o;
    dc__client page;
    dc_error err = take_options(&o, argc, argv);
    if (!err && o.help) return dc__command_help(&dc__status_command);
    const struct sigaction action = {.sa_handler = stop};
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    if (!err) err = dc__client_open(&page, o.url, "/status", o.token);
    if (!err) {
        err = watch(&o, &page);
        dc__client_close(&page);
    }
    if (err) (void)fprintf(stderr, "dynacomm status: %s\n", dc_last_error());
    if (caught) return 128 + caught;
    return err ? 1 : 0;
}

const dc__command dc__status_command = {
    .name = "status",
    .does = "show how a run is going, from its server's --http",
    .usage =
        "status URL [--json] [--watch] [--token-file FILE]\n"
        "How a run is going, from its server's page: URL is what dynacomm server --http listens on, such as\n"
        "http://127.0.0.1:7780.",
    .notes = "",
    .options = table,
    .n_options = sizeof table / sizeof *table,
    .run = run_status};
