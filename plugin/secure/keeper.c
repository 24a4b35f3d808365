#include "secure/keeper.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"

static void say(const dc__keeper *k, const char *line)
{
    if (k->log) dc__log_line(k->log, "%s", line);
}

/* ---- opening ---- */

static dc_error too_long(const char *path)
{
    return dc__fail(DC_EFILE, "the path %.60s... is too long", path);
}

dc_error dc__keeper_paths(dc__keeper *k, const char *key, const char *members)
{
    const char *slash = strrchr(key, '/');
    const int folder = slash ? (int)(slash - key) + 1 : 0;
    const int a = snprintf(k->key_path, PATH_MAX, "%s", key),
              b = snprintf(k->notes_path, PATH_MAX, "%s.invitations", key),
              c = members ? snprintf(k->members_path, PATH_MAX, "%s", members)
                          : snprintf(k->members_path, PATH_MAX, "%.*smembers.txt", folder, key);
    if (a >= PATH_MAX || b >= PATH_MAX) return too_long(key);
    return c >= PATH_MAX ? too_long(members ? members : key) : DC_OK;
}

static dc_error begin(dc__keeper *k, dc__log *log)
{
    *k = (dc__keeper){.log = log, .pair = dc__secret_alloc(sizeof *k->pair)};
    return k->pair ? DC_OK : dc__fail(DC_ENOMEM, "out of memory for a key");
}

static dc_error read_list(dc__keeper *k, dc__members *members)
{
    if (stat(k->members_path, &k->seen) != 0) k->seen = (struct stat){0};
    return dc__members_read(members, k->members_path);
}

dc_error dc__keeper_open(dc__keeper *k, const char *key, const char *members, dc__log *log)
{
    dc_error err = begin(k, log);
    if (!err) err = dc__keeper_paths(k, key, members);
    if (!err) err = dc__key_load(key, k->pair);
    if (!err) err = read_list(k, &k->members);
    return err;
}

dc_error dc__keeper_follow(dc__keeper *k, const char *key, dc__log *log)
{
    const dc_error err = begin(k, log);
    k->follows = true;
    return err ? err : dc__key_load(key, k->pair);
}

static void free_announced(dc__members *members)
{
    if (members) dc__members_free(members);
    free(members);
}

void dc__keeper_close(dc__keeper *k)
{
    free_announced(k->coming);
    dc__secret_free(k->pair);
    dc__members_free(&k->members);
    dc__notes_free(&k->notes);
    *k = (dc__keeper){0};
}

/* ---- from a stream ---- */

#define END_LINE "end"

void dc__keeper_write(const dc__keypair *pair, const dc__invitation *invitations, int n, FILE *out)
{
    char text[DC__KEY_TEXT_BYTES], ticket[dc__secret_text_bytes(DC__TICKET_BYTES)];
    dc__secret_text(text, pair->secret_key, DC__KEY_BYTES);
    (void)fprintf(out, "%s\n", text);
    for (int k = 0; k < n; k++) {
        dc__secret_text(ticket, invitations[k].ticket, DC__TICKET_BYTES);
        (void)fprintf(out, "%s %s %lld\n", invitations[k].name, ticket, (long long)invitations[k].expires_s);
    }
    (void)fprintf(out, END_LINE "\n");
    dc__secret_wipe(text, sizeof text);
    dc__secret_wipe(ticket, sizeof ticket);
}

static dc_error bad_stream(void)
{
    return dc__fail(
        DC_EFORMAT,
        "the key on standard input is not what dynacomm launch or darknet -dynacomm local:N sends");
}

dc_error dc__keeper_read(dc__keeper *k, FILE *in, dc__log *log)
{
    char line[128], name[DC__MEMBER_BYTES], text[64];
    uint8_t ticket[DC__TICKET_BYTES];
    long long expires_s;
    dc_error err = begin(k, log);
    if (err) return err;
    if (!fgets(line, sizeof line, in) ||
        !dc__secret_of_text(k->pair->secret_key, DC__KEY_BYTES, line, strcspn(line, "\r\n")))
        err = bad_stream();
    else
        dc__keypair_derive(k->pair);
    while (!err && fgets(line, sizeof line, in)) {
        if (strcmp(line, END_LINE "\n") == 0) break;
        if (sscanf(line, "%31s %63s %lld", name, text, &expires_s) != 3 || dc__name_check(name) ||
            !dc__secret_of_text(ticket, sizeof ticket, text, strlen(text)))
            err = bad_stream();
        else
            err = dc__notes_push(&k->notes, name, ticket, expires_s);
    }
    dc__secret_wipe(line, sizeof line);
    dc__secret_wipe(text, sizeof text);
    dc__secret_wipe(ticket, sizeof ticket);
    return err;
}

/* ---- who comes ---- */

dc_error dc__keeper_lock(const dc__keeper *k, int *fd)
{
    const dc_error err = dc__private_open(k->key_path, "key", fd);
    if (err) return err;
    int rc;
    do
        rc = flock(*fd, LOCK_EX);
    while (rc != 0 && errno == EINTR);
    if (rc == 0) return DC_OK;
    const int why = errno;
    (void)close(*fd);
    *fd = -1;
    return dc__fail(DC_EFILE, "cannot lock %s: %s", k->key_path, strerror(why));
}

/* Who came with it before, and is no member, was expelled. */
static dc__entry judge(const dc__note *note, const uint8_t key[DC__KEY_BYTES])
{
    if (!note) return DC__ENTRY_UNKNOWN;
    if (note->used)
        return memcmp(note->used_by, key, DC__KEY_BYTES) == 0 ? DC__ENTRY_UNKNOWN_KEY : DC__ENTRY_USED;
    return note->expires_s < (int64_t)time(NULL) ? DC__ENTRY_EXPIRED : DC__ENTRY_MEMBER;
}

/* The invitation is used up before its owner is a member: if the server dies between the two, nobody has come in. */
static dc_error enlist(dc__keeper *k, dc__notes *notes, dc__note *note, const uint8_t key[DC__KEY_BYTES])
{
    char comment[64];
    struct tm tm;
    const time_t now = time(NULL);
    (void)strftime(comment, sizeof comment, "came with its invitation on %Y-%m-%d", gmtime_r(&now, &tm));
    note->used = true;
    memcpy(note->used_by, key, sizeof note->used_by);
    dc_error err = DC_OK;
    if (dc__keeper_has_files(k)) err = dc__notes_write(notes, k->notes_path);
    if (!err && dc__keeper_has_files(k)) err = dc__members_add(k->members_path, note->name, key, comment);
    return err ? err : dc__members_push(&k->members, note->name, key);
}

/* ---- what another server announces ---- */

dc_error dc__keeper_announce(dc__keeper *k, dc__members *members)
{
    dc__members *copy = malloc(sizeof *copy);
    if (!copy) return dc__fail(DC_ENOMEM, "out of memory for the list of members");
    *copy = *members;
    *members = (dc__members){0};
    free_announced(atomic_exchange(&k->coming, copy));
    return DC_OK;
}

static bool take_announced(dc__keeper *k)
{
    dc__members *coming = atomic_exchange(&k->coming, NULL);
    if (!coming) return false;
    dc__members_free(&k->members);
    k->members = *coming;
    free(coming);
    return true;
}

static bool is_shard(const dc__keeper *k, const uint8_t key[DC__KEY_BYTES])
{
    return k->has_shards && memcmp(k->pair->public_key, key, DC__KEY_BYTES) == 0;
}

/* ---- invitations ---- */

/* Whether somebody is a member under this name, as the file has it now: who was expelled a moment ago may be
 * still among those that were read last. */
static dc_error is_taken(const dc__keeper *k, const char *name, bool *taken)
{
    dc__members now = {0};
    const dc_error err = dc__keeper_has_files(k) ? dc__members_read(&now, k->members_path) : DC_OK;
    *taken = dc__members_named(dc__keeper_has_files(k) ? &now : &k->members, name) != NULL;
    dc__members_free(&now);
    return err;
}

static dc_error take_ticket(dc__keeper *k, const uint8_t key[DC__KEY_BYTES],
                            const uint8_t ticket[DC__TICKET_BYTES], char name[DC__MEMBER_BYTES],
                            dc__entry *entry)
{
    dc__notes from_file = {0}, *notes = dc__keeper_has_files(k) ? &from_file : &k->notes;
    int lock = -1;
    dc_error err = DC_OK;
    if (dc__keeper_has_files(k)) {
        err = dc__keeper_lock(k, &lock);
        if (!err) err = dc__notes_read(&from_file, k->notes_path);
    }
    dc__note *note = err ? NULL : dc__notes_find(notes, ticket);
    *entry = judge(note, key);
    if (note) (void)snprintf(name, DC__MEMBER_BYTES, "%s", note->name);
    bool taken = false;
    if (!err && *entry == DC__ENTRY_MEMBER) err = is_taken(k, name, &taken);
    if (taken) *entry = DC__ENTRY_USED;
    if (!err && *entry == DC__ENTRY_MEMBER) err = enlist(k, notes, note, key);
    dc__notes_free(&from_file);
    if (lock >= 0) (void)close(lock);
    return err;
}

dc__entry dc__keeper_admit(dc__keeper *k, const uint8_t key[DC__KEY_BYTES],
                           const uint8_t ticket[DC__TICKET_BYTES], char name[DC__MEMBER_BYTES])
{
    const dc__listed *member = dc__members_of_key(&k->members, key);
    dc__entry entry = DC__ENTRY_UNKNOWN_KEY;
    name[0] = '\0';
    if (member) {
        (void)snprintf(name, DC__MEMBER_BYTES, "%s", member->name);
        return DC__ENTRY_MEMBER;
    }
    if (is_shard(k, key)) {
        (void)snprintf(name, DC__MEMBER_BYTES, "%s", DC__SHARD_MEMBER);
        return DC__ENTRY_MEMBER;
    }
    if (k->follows) return DC__ENTRY_NOT_YET;
    if (!ticket) return entry;
    if (take_ticket(k, key, ticket, name, &entry)) {
        say(k, dc_last_error());
        return DC__ENTRY_FILES;
    }
    if (entry == DC__ENTRY_MEMBER && k->log)
        dc__log_line(k->log, "%s came with its invitation and is a member now", name);
    return entry;
}

bool dc__keeper_look(dc__keeper *k, int64_t now_ns)
{
    struct stat now;
    if (k->follows) return take_announced(k);
    if (!k->members_path[0] || now_ns - k->looked_ns < DC__KEEPER_LOOK_NS) return false;
    k->looked_ns = now_ns;
    if (stat(k->members_path, &now) != 0) now = (struct stat){0};
    if (now.st_ino == k->seen.st_ino && now.st_size == k->seen.st_size &&
        now.st_mtim.tv_sec == k->seen.st_mtim.tv_sec && now.st_mtim.tv_nsec == k->seen.st_mtim.tv_nsec)
        return false;
    dc__members members;
    if (read_list(k, &members)) {
        if (k->log) dc__log_line(k->log, "%s; the members are still those before", dc_last_error());
        return false;
    }
    dc__members_free(&k->members);
    k->members = members;
    return true;
}

bool dc__keeper_knows(const dc__keeper *k, const char *name, const uint8_t key[DC__KEY_BYTES])
{
    const dc__listed *member = dc__members_of_key(&k->members, key);
    if (strcmp(name, DC__SHARD_MEMBER) == 0) return is_shard(k, key);
    return member && strcmp(member->name, name) == 0;
}
