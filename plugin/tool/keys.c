/* keys.c - dynacomm keygen, invite, expel: who may take part in the runs of a server. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "net/address.h"
#include "secure/keeper.h"
#include "tool/command.h"

#define EXPIRES_DEFAULT_S (7 * 86400)

typedef struct options {
    const char *key, *members, *address;
    int64_t expires_s;
    const char *word;
    bool help;
} options;

/* "7d", "12h", "30m", "45s". */
static dc_error take_expires(void *into, const char *name, const char *value)
{
    options *o = into;
    static const char units[] = "smhd";
    static const int64_t seconds[] = {1, 60, 3600, 86400};
    char *end;
    const long n = isdigit((unsigned char)value[0]) ? strtol(value, &end, 10) : 0;
    const char *unit = n > 0 && *end ? strchr(units, *end) : NULL;
    if (!unit || end[1] || n > 3650)
        return dc__fail(DC_EINVAL, "%s: '%.40s' is no time; write it like 7d, 12h or 30m", name, value);
    o->expires_s = n * seconds[unit - units];
    return DC_OK;
}

#define KEY_OPTION                                                                                           \
    {                                                                                                        \
        "key", DC_OPTION_TEXT, DC_INTO(options, key), .value = "FILE",                                       \
                                                      .help = "the server's key, as dynacomm keygen made it" \
    }
#define MEMBERS_OPTION                                                                           \
    {                                                                                            \
        "members", DC_OPTION_TEXT, DC_INTO(options, members),                                    \
            .value = "FILE", .help = "the list of members (default: members.txt beside the key)" \
    }
#define HELP_OPTION                                                         \
    {                                                                       \
        "help", DC_OPTION_HELP, DC_INTO(options, help), .help = "this text" \
    }

static const dc_option keygen_table[] = {HELP_OPTION};
static const dc_option invite_table[] = {
    KEY_OPTION,
    MEMBERS_OPTION,
    {"address", DC_OPTION_TEXT, DC_INTO(options, address), .value = "HOST:PORT",
     .help = "how the edge reaches the server; ipc:///PATH: one on this machine"},
    {"expires", DC_OPTION_CALL, .call = take_expires, .value = "TIME",
     .help = "how long the invitation holds: 30m, 12h, 7d (default 7d)"},
    HELP_OPTION,
};
static const dc_option expel_table[] = {KEY_OPTION, MEMBERS_OPTION, HELP_OPTION};

/* word: what the command takes beside options, NULL = nothing. */
static dc_error take_options(options *o, const dc__command *command, const char *word, int argc, char **argv)
{
    *o = (options){.expires_s = EXPIRES_DEFAULT_S};
    int words;
    const dc_error err = dc__command_parse(command, o, argc, argv, &words);
    if (err || o->help) return err;
    if (words != (word ? 1 : 0))
        return word ? dc__fail(DC_EINVAL, "give one %s; see dynacomm %s --help", word, command->name)
                    : dc__fail(DC_EINVAL, "'%s' is not an option; see dynacomm %s --help", argv[1],
                               command->name);
    o->word = word ? argv[1] : NULL;
    if (command != &dc__keygen_command && !o->key)
        return dc__fail(DC_EINVAL, "give the server's --key FILE; dynacomm keygen makes one");
    return DC_OK;
}

static int done(const dc__command *command, dc_error err)
{
    if (!err && fflush(stdout) != 0) err = dc__fail(DC_EFILE, "cannot write to standard output");
    if (err) (void)fprintf(stderr, "dynacomm %s: %s\n", command->name, dc_last_error());
    return err != DC_OK;
}

/* ---- keygen ---- */

static int run_keygen(int argc, char **argv)
{
    options o;
    char text[DC__KEY_TEXT_BYTES];
    dc_error err = take_options(&o, &dc__keygen_command, "FILE for the key", argc, argv);
    if (!err && o.help) return dc__command_help(&dc__keygen_command);
    dc__keypair *pair = err ? NULL : dc__secret_alloc(sizeof *pair);
    if (!err && !pair) err = dc__fail(DC_ENOMEM, "out of memory for a key");
    if (!err) err = dc__key_make(o.word, pair);
    if (!err) {
        dc__secret_text(text, pair->public_key, DC__KEY_BYTES);
        (void)printf("%s\n", text);
    }
    dc__secret_free(pair);
    return done(&dc__keygen_command, err);
}

/* ---- invite ---- */

static dc_error check_address(const char *address)
{
    char url[DC__INVITED_URL_BYTES];
    dc__address parsed;
    if (!address)
        return dc__fail(DC_EINVAL, "give the --address HOST:PORT at which the edge reaches the server");
    dc__invited_url(address, url);
    if (strlen(address) >= DC__INVITED_BYTES || strpbrk(address, "@ \t") || dc__address_parse(url, &parsed) ||
        (parsed.scheme == DC__TCP && strchr(address, '/')))
        return dc__fail(DC_EURL, "--address: '%.60s' is no address; write it like cloud.example:7700",
                        address);
    return DC_OK;
}

static dc_error note(const dc__keeper *keeper, const dc__invitation *invitation)
{
    int lock;
    dc__notes notes = {0};
    dc_error err = dc__keeper_lock(keeper, &lock);
    if (err) return err;
    err = dc__notes_read(&notes, keeper->notes_path);
    if (!err) err = dc__notes_push(&notes, invitation->name, invitation->ticket, invitation->expires_s);
    if (!err) err = dc__notes_write(&notes, keeper->notes_path);
    dc__notes_free(&notes);
    (void)close(lock);
    return err;
}

static dc_error invite(const options *o, dc__keeper *keeper)
{
    dc__invitation invitation = {.has_ticket = true, .expires_s = (int64_t)time(NULL) + o->expires_s};
    char line[DC__INVITATION_BYTES];
    dc_error err = dc__name_check(o->word);
    if (!err) err = check_address(o->address);
    if (!err) err = dc__keeper_open(keeper, o->key, o->members, NULL);
    if (!err && dc__members_named(&keeper->members, o->word))
        err = dc__fail(DC_EINVAL, "%s is a member already: expel it first if its key is lost", o->word);
    if (err) return err;
    (void)snprintf(invitation.name, sizeof invitation.name, "%s", o->word);
    (void)snprintf(invitation.address, sizeof invitation.address, "%s", o->address);
    memcpy(invitation.server_key, keeper->pair->public_key, DC__KEY_BYTES);
    dc__secret_random(invitation.ticket, sizeof invitation.ticket);
    err = note(keeper, &invitation);
    if (err) return err;
    dc__invitation_text(&invitation, line);
    (void)printf("%s\n", line);
    return DC_OK;
}

static int run_invite(int argc, char **argv)
{
    options o;
    dc__keeper keeper = {0};
    dc_error err = take_options(&o, &dc__invite_command, "NAME for the edge", argc, argv);
    if (!err && o.help) return dc__command_help(&dc__invite_command);
    if (!err) err = invite(&o, &keeper);
    dc__keeper_close(&keeper);
    return done(&dc__invite_command, err);
}

/* ---- expel ---- */

/* What was open for that name is void, too. */
static dc_error drop_notes(const dc__keeper *keeper, const char *name, bool *dropped)
{
    dc__notes notes;
    const dc_error err = dc__notes_read(&notes, keeper->notes_path);
    if (err) return err;
    size_t left = 0;
    for (size_t k = 0; k < notes.n; k++) {
        const bool open = !notes.list[k].used && strcmp(notes.list[k].name, name) == 0;
        *dropped |= open;
        if (!open) notes.list[left++] = notes.list[k];
    }
    notes.n = left;
    const dc_error written = *dropped ? dc__notes_write(&notes, keeper->notes_path) : DC_OK;
    dc__notes_free(&notes);
    return written;
}

static dc_error expel(const options *o, dc__keeper *keeper)
{
    int lock;
    bool was_invited = false;
    dc_error err = dc__name_check(o->word);
    if (!err) err = dc__keeper_paths(keeper, o->key, o->members);
    if (!err) err = dc__keeper_lock(keeper, &lock);
    if (err) return err;
    err = drop_notes(keeper, o->word, &was_invited);
    if (!err) err = dc__members_remove(keeper->members_path, o->word);
    if (err == DC_EINVAL && was_invited) err = DC_OK;
    (void)close(lock);
    if (!err) (void)printf("%s is expelled\n", o->word);
    return err;
}

static int run_expel(int argc, char **argv)
{
    options o;
    dc__keeper keeper = {0};
    dc_error err = take_options(&o, &dc__expel_command, "NAME of the member", argc, argv);
    if (!err && o.help) return dc__command_help(&dc__expel_command);
    if (!err) err = expel(&o, &keeper);
    dc__keeper_close(&keeper);
    return done(&dc__expel_command, err);
}

/* ---- what they say of themselves ---- */

const dc__command dc__keygen_command = {
    .name = "keygen",
    .does = "make a key",
    .usage = "keygen FILE\n"
             "Makes a key in FILE, which nobody else may read, and prints its public part.",
    .notes = "A server needs one (dynacomm server --key FILE). An edge makes its own when it is invited.",
    .options = keygen_table,
    .n_options = sizeof keygen_table / sizeof *keygen_table,
    .run = run_keygen};

const dc__command dc__invite_command = {
    .name = "invite",
    .does = "let an edge take part: prints the line to give it",
    .usage = "invite --key FILE --address HOST:PORT [option ...] NAME\n"
             "Prints one line that admits one edge, once, as NAME: darknet ... -dynacomm 'THE LINE'.",
    .notes =
        "Whoever has the line first is NAME. A second invitation of a name takes the place of the first.",
    .options = invite_table,
    .n_options = sizeof invite_table / sizeof *invite_table,
    .run = run_invite};

const dc__command dc__expel_command = {
    .name = "expel",
    .does = "let a member take part no more, at once",
    .usage =
        "expel --key FILE [--members FILE] NAME\n"
        "Takes NAME off the list of members, and its open invitation. A server that runs notices within a "
        "second.",
    .notes = "",
    .options = expel_table,
    .n_options = sizeof expel_table / sizeof *expel_table,
    .run = run_expel};
