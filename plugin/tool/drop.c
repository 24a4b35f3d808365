/* drop.c - dynacomm drop: a run never waits for that worker again. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "secure/key.h"
#include "tool/command.h"
#include "tool/http_client.h"
#include "tool/owner.h"

typedef struct options {
    const char *key, *token, *url, *who;
    bool help;
} options;

/* Proves to be the owner, if the run has one. */
static dc_error prove(const options *o, const char *challenge, char header[128])
{
    char proof[DC__KEY_TEXT_BYTES] = DC__NO_PROOF;
    if (strcmp(challenge, DC__NO_PROOF) != 0) {
        uint8_t *key;
        if (!o->key)
            return dc__fail(DC_EKEY, "only the run's owner may drop a worker: give the server's --key FILE");
        const dc_error err = dc__owner_key(o->key, &key);
        if (err) return err;
        dc__owner_proof(key, challenge, o->who, proof);
        dc__secret_free(key);
    }
    (void)snprintf(header, 128, "%s: %s", DC__PROOF_HEADER, proof);
    return DC_OK;
}

static dc_error post(const dc__client *page, const options *o, const char *header)
{
    char query[80], *text;
    long status;
    (void)snprintf(query, sizeof query, "worker=%s", o->who);
    dc_error err = dc__client_post(page, query, header, &text, &status);
    if (err) return err;
    text[strcspn(text, "\r\n")] = '\0';
    dc__make_printable(text);
    if (status == 200)
        (void)printf("%s\n", text);
    else
        err = dc__fail(DC_EINVAL, "%.400s", text);
    free(text);
    return err;
}

static dc_error ask(const options *o)
{
    dc__client page;
    char *challenge, header[128];
    dc_error err = dc__client_open(&page, o->url, "/drop", o->token);
    if (err) return err;
    err = dc__client_get(&page, &challenge);
    if (!err) {
        challenge[strcspn(challenge, "\r\n")] = '\0';
        err = prove(o, challenge, header);
        free(challenge);
        if (!err) err = post(&page, o, header);
    }
    dc__client_close(&page);
    return err;
}

static const dc_option table[] = {
    {"key", DC_OPTION_TEXT, DC_INTO(options, key), .value = "FILE",
     .help =
         "of a run with keys: the server's key, which proves that you are its owner; it does not leave this machine"},
    {"token-file", DC_OPTION_TEXT, DC_INTO(options, token), .value = "FILE",
     .help = "the file of the server's --http-token-file"},
    {"help", DC_OPTION_HELP, DC_INTO(options, help), .help = "this text"},
};

static dc_error take_options(options *o, int argc, char **argv)
{
    *o = (options){0};
    int words;
    const dc_error err = dc__command_parse(&dc__drop_command, o, argc, argv, &words);
    if (err || o->help) return err;
    if (words != 2)
        return dc__fail(
            DC_EINVAL,
            "give the URL of the run's page and one worker, such as http://127.0.0.1:7780 cam-2; see "
            "dynacomm drop --help");
    o->url = argv[1];
    o->who = argv[2];
    return dc__name_check(o->who);
}

static int run_drop(int argc, char **argv)
{
    options o;
    dc_error err = take_options(&o, argc, argv);
    if (!err && o.help) return dc__command_help(&dc__drop_command);
    if (!err) err = ask(&o);
    if (!err && fflush(stdout) != 0) err = dc__fail(DC_EFILE, "cannot write to standard output");
    if (err) (void)fprintf(stderr, "dynacomm drop: %s\n", dc_last_error());
    return err != DC_OK;
}

const dc__command dc__drop_command = {
    .name = "drop",
    .does = "never wait for a worker again, and do not take it back",
    .usage =
        "drop URL WORKER [--key FILE] [--token-file FILE]\n"
        "The run at URL (dynacomm server --http) goes on without WORKER: its name, number or id, as dynacomm\n"
        "members prints them. If it is lost and waited for, the round is closed without it at once; if it trains, "
        "its part ends.",
    .notes = "It may not come back for the rest of the run, also not after the server was started again.",
    .options = table,
    .n_options = sizeof table / sizeof *table,
    .run = run_drop};
