/* members.c - dynacomm members: who takes part in a run, from its page; or who may take part, from a server's files. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "secure/keeper.h"
#include "tool/command.h"
#include "tool/http_client.h"
#include "tool/status_view.h"

typedef struct options {
    const char *key, *members, *token, *url;
    bool help;
} options;

/* ---- a run's ---- */

static dc_error of_run(const options *o)
{
    dc__client page;
    cJSON *root;
    dc_error err = dc__client_open(&page, o->url, "/status", o->token);
    if (err) return err;
    err = dc__client_json(&page, &root, NULL);
    if (!err) err = dc__status_members(stdout, root, page.url);
    cJSON_Delete(root);
    dc__client_close(&page);
    return err;
}

/* ---- a server's ---- */

static void print_date(int64_t at_s)
{
    char text[32];
    struct tm tm;
    const time_t at = (time_t)at_s;
    (void)strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", gmtime_r(&at, &tm));
    (void)fputs(text, stdout);
}

static dc_error list(const dc__keeper *keeper)
{
    char text[DC__KEY_TEXT_BYTES];
    dc__notes notes;
    const dc_error err = dc__notes_read(&notes, keeper->notes_path);
    if (err) return err;
    dc__secret_text(text, keeper->pair->public_key, DC__KEY_BYTES);
    (void)printf("%-*s %s\n", DC__MEMBER_BYTES - 1, "(the server)", text);
    for (size_t k = 0; k < keeper->members.n; k++) {
        dc__secret_text(text, keeper->members.list[k].key, DC__KEY_BYTES);
        (void)printf("%-*s %s\n", DC__MEMBER_BYTES - 1, keeper->members.list[k].name, text);
    }
    for (size_t k = 0; k < notes.n; k++) {
        if (notes.list[k].used) continue;
        const bool late = notes.list[k].expires_s < (int64_t)time(NULL);
        (void)printf("%-*s invited, %s ", DC__MEMBER_BYTES - 1, notes.list[k].name,
                     late ? "expired" : "until");
        print_date(notes.list[k].expires_s);
        (void)printf("\n");
    }
    dc__notes_free(&notes);
    return DC_OK;
}

static dc_error of_server(const options *o)
{
    dc__keeper keeper = {0};
    dc_error err = dc__keeper_open(&keeper, o->key, o->members, NULL);
    if (!err) err = list(&keeper);
    dc__keeper_close(&keeper);
    return err;
}

static const dc_option table[] = {
    {"key", DC_OPTION_TEXT, DC_INTO(options, key), .value = "FILE",
     .help = "the server's key, as dynacomm keygen made it"},
    {"members", DC_OPTION_TEXT, DC_INTO(options, members), .value = "FILE",
     .help = "the list of members (default: members.txt beside the key)"},
    {"token-file", DC_OPTION_TEXT, DC_INTO(options, token), .value = "FILE",
     .help = "with a URL: the file of the server's --http-token-file"},
    {"help", DC_OPTION_HELP, DC_INTO(options, help), .help = "this text"},
};

static dc_error take_options(options *o, int argc, char **argv)
{
    *o = (options){0};
    int words;
    const dc_error err = dc__command_parse(&dc__members_command, o, argc, argv, &words);
    if (err || o->help) return err;
    if (words > 1 || (words == 1) == (o->key != NULL))
        return dc__fail(
            DC_EINVAL,
            "give the URL of a run's page, such as http://127.0.0.1:7780, or the server's --key FILE; "
            "see dynacomm members --help");
    o->url = words ? argv[1] : NULL;
    return DC_OK;
}

static int run_members(int argc, char **argv)
{
    options o;
    dc_error err = take_options(&o, argc, argv);
    if (!err && o.help) return dc__command_help(&dc__members_command);
    if (!err) err = o.url ? of_run(&o) : of_server(&o);
    if (!err && fflush(stdout) != 0) err = dc__fail(DC_EFILE, "cannot write to standard output");
    if (err) (void)fprintf(stderr, "dynacomm members: %s\n", dc_last_error());
    return err != DC_OK;
}

const dc__command dc__members_command = {
    .name = "members",
    .does = "list who takes part in a run, or who may",
    .usage =
        "members URL [--token-file FILE]\n"
        "       dynacomm members --key FILE [--members FILE]\n"
        "With the URL of a run's page (dynacomm server --http), lists its workers, also those who are lost, "
        "left or were\n"
        "dropped. With a server's key, lists its public key, its members with theirs, and open invitations.",
    .notes = "",
    .options = table,
    .n_options = sizeof table / sizeof *table,
    .run = run_members};
