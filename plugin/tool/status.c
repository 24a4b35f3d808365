/* status.c - dynacomm status: what a server's page shows, in a terminal. */
#include <curl/curl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "secure/secret.h"
#include "tool/command.h"
#include "tool/http_guard.h"
#include "tool/status_view.h"

#define CONNECT_S 5L
#define ANSWER_S 10L
#define ANSWER_BYTES_MOST (64u << 20)

typedef struct options {
    const char *url, *token;
    bool json, watch, help;
} options;

typedef struct answer {
    char *text;
    size_t n;
    bool too_long;
} answer;

static volatile sig_atomic_t caught;

static void stop(int signal_number)
{
    caught = signal_number;
}

static size_t take(char *data, size_t size, size_t n, void *context)
{
    answer *a = context;
    const size_t more = size * n;
    a->too_long = a->n + more > ANSWER_BYTES_MOST;
    char *text = a->too_long ? NULL : realloc(a->text, a->n + more + 1);
    if (!text) return 0;
    memcpy(text + a->n, data, more);
    a->text = text;
    a->n += more;
    text[a->n] = '\0';
    return more;
}

/* "127.0.0.1:7780", with http:// and a last '/' or without, to the address of its status. */
static dc_error status_url(const char *given, char url[1024])
{
    const char *scheme = strstr(given, "://");
    const size_t n = strlen(given);
    const bool http = scheme && (strncmp(given, "http://", 7) == 0 || strncmp(given, "https://", 8) == 0);
    if (n == 0 || n > 900 || (scheme && !http))
        return dc__fail(DC_EURL, "'%.200s' is no page's address; write it like http://127.0.0.1:7780", given);
    size_t end = n;
    while (end > 0 && given[end - 1] == '/')
        end--;
    const bool whole = end >= 7 && strncmp(given + end - 7, "/status", 7) == 0;
    (void)snprintf(url, 1024, "%s%.*s%s", http ? "" : "http://", (int)end, given, whole ? "" : "/status");
    return DC_OK;
}

static dc_error explain(CURLcode rc, const char *why, const answer *a, const char *url)
{
    if (a->too_long) return dc__fail(DC_EFORMAT, "%s sends without end: it is no dynacomm server", url);
    if (rc == CURLE_COULDNT_CONNECT || rc == CURLE_COULDNT_RESOLVE_HOST)
        return dc__fail(
            DC_ENET, "no page at %s (%s): start dynacomm server with --http, or check the address", url, why);
    if (rc == CURLE_OPERATION_TIMEDOUT) return dc__fail(DC_ETIMEOUT, "%s does not answer in time", url);
    return dc__fail(DC_ENET, "cannot read %s: %s", url, why);
}

static dc_error fetch(const char *url, const char *token, answer *a)
{
    char why[CURL_ERROR_SIZE] = "";
    long code = 0;
    CURL *curl = curl_easy_init();
    if (!curl) return dc__fail(DC_ENOMEM, "out of memory for a request");
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, ANSWER_S);
    (void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, a);
    if (token) {
        (void)curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
        (void)curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, token);
    }
    const CURLcode rc = curl_easy_perform(curl);
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &code);
    curl_easy_cleanup(curl);
    if (rc != CURLE_OK) return explain(rc, why[0] ? why : curl_easy_strerror(rc), a, url);
    if (code == 401) return dc__fail(DC_EKEY, "%s needs the server's token: give --token-file FILE", url);
    if (code != 200)
        return dc__fail(DC_EFORMAT, "%s answers with %ld: it is no dynacomm server, or another page of it",
                        url, code);
    return DC_OK;
}

/* Fetches and prints once. *state is what the run is in. */
static dc_error print_once(const options *o, const char *url, const char *token, char state[16])
{
    answer a = {0};
    dc_error err = fetch(url, token, &a);
    cJSON *root = err ? NULL : cJSON_Parse(a.text ? a.text : "");
    if (!err && !root)
        err = dc__fail(DC_EFORMAT, "%s answers with something else than JSON: it is no dynacomm server", url);
    char *table = NULL;
    size_t n = 0;
    FILE *out = err ? NULL : open_memstream(&table, &n);
    if (!err && !out) err = dc__fail(DC_ENOMEM, "out of memory for a status");
    if (!err) err = dc__status_table(out, root, url);
    if (out && fclose(out) != 0 && !err) err = dc__fail(DC_ENOMEM, "out of memory for a status");
    if (!err) {
        const char *clear = o->watch && !o->json && isatty(STDOUT_FILENO) ? "\033[H\033[2J" : "";
        const cJSON *word = cJSON_GetObjectItemCaseSensitive(root, "state");
        (void)snprintf(state, 16, "%s", word->valuestring);
        (void)printf("%s%s", clear, o->json ? a.text : table);
        if (fflush(stdout)) err = dc__fail(DC_EFILE, "cannot write to standard output");
    }
    free(table);
    free(a.text);
    cJSON_Delete(root);
    return err;
}

static dc_error watch(const options *o, const char *url, const char *token)
{
    char state[16] = "";
    for (;;) {
        dc_error err = print_once(o, url, token, state);
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
    char url[1024], *token = NULL;
    dc_error err = take_options(&o, argc, argv);
    if (!err && o.help) return dc__command_help(&dc__status_command);
    const struct sigaction action = {.sa_handler = stop};
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    if (!err) err = status_url(o.url, url);
    if (!err && o.token) err = dc__token_read(o.token, &token);
    if (!err && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        err = dc__fail(DC_ENOMEM, "cannot set up a request");
    if (!err) {
        err = watch(&o, url, token);
        curl_global_cleanup();
    }
    if (err) (void)fprintf(stderr, "dynacomm status: %s\n", dc_last_error());
    dc__secret_free(token);
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
