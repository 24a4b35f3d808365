#include "secure/invitation.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "secure/members.h"

#define PREFIX "dynacomm:"
#define IPC "ipc://"
#define FORGET_S (30 * 86400)

/* ---- the line ---- */

bool dc__invitation_is(const char *text)
{
    return strncmp(text, PREFIX, strlen(PREFIX)) == 0;
}

/* The text up to one of ends, which *at then stands behind; false if it does not fit, or is empty. */
static bool take(const char **at, const char *ends, char *out, size_t size)
{
    const size_t n = strcspn(*at, ends);
    if (n == 0 || n >= size) return false;
    memcpy(out, *at, n);
    out[n] = '\0';
    *at += n + ((*at)[n] != '\0');
    return true;
}

/* A path has slashes of its own: it ends where the key, or key, secret and time begin. */
static bool take_path(const char **at, char *out, size_t size)
{
    const char *end = strrchr(*at, '/');
    const bool key_alone = end && strlen(end + 1) == DC__KEY_TEXT_BYTES - 1;
    for (int k = 0; end && !key_alone && k < 2; k++)
        end = memrchr(*at, '/', (size_t)(end - *at));
    const size_t n = end ? (size_t)(end - *at) : 0;
    if (n <= strlen(IPC) || n >= size) return false;
    memcpy(out, *at, n);
    out[n] = '\0';
    *at = end + 1;
    return true;
}

static bool take_address(const char **at, char *out, size_t size)
{
    return strncmp(*at, IPC, strlen(IPC)) == 0 ? take_path(at, out, size) : take(at, "/", out, size);
}

static bool take_number(const char *text, int64_t *out)
{
    char *end;
    errno = 0;
    const long long n = strtoll(text, &end, 10);
    *out = n;
    return errno == 0 && end != text && *end == '\0' && n >= 0;
}

static bool take_all(const char *at, dc__invitation *out)
{
    char key[DC__KEY_TEXT_BYTES], ticket[dc__secret_text_bytes(DC__TICKET_BYTES)], expires[24];
    if (!take(&at, "@", out->name, sizeof out->name) || dc__name_check(out->name) ||
        !take_address(&at, out->address, sizeof out->address) || !take(&at, "/", key, sizeof key) ||
        !dc__secret_of_text(out->server_key, DC__KEY_BYTES, key, strlen(key)))
        return false;
    if (*at == '\0') return true;
    out->has_ticket = take(&at, "/", ticket, sizeof ticket) &&
                      dc__secret_of_text(out->ticket, DC__TICKET_BYTES, ticket, strlen(ticket)) &&
                      take(&at, "/", expires, sizeof expires) && take_number(expires, &out->expires_s);
    dc__secret_wipe(ticket, sizeof ticket);
    return out->has_ticket && *at == '\0';
}

dc_error dc__invitation_parse(const char *text, dc__invitation *out)
{
    *out = (dc__invitation){0};
    if (dc__invitation_is(text) && take_all(text + strlen(PREFIX), out)) return DC_OK;
    return dc__fail(
        DC_EURL, "this is no whole invitation: it is one line, dynacomm:NAME@HOST:PORT/KEY/SECRET/TIME, as "
                 "'dynacomm invite' printed it");
}

void dc__invitation_text(const dc__invitation *invitation, char text[DC__INVITATION_BYTES])
{
    char key[DC__KEY_TEXT_BYTES], ticket[dc__secret_text_bytes(DC__TICKET_BYTES)];
    dc__secret_text(key, invitation->server_key, DC__KEY_BYTES);
    dc__secret_text(ticket, invitation->ticket, DC__TICKET_BYTES);
    const int n =
        snprintf(text, DC__INVITATION_BYTES, PREFIX "%s@%s/%s", invitation->name, invitation->address, key);
    if (invitation->has_ticket)
        (void)snprintf(text + n, DC__INVITATION_BYTES - (size_t)n, "/%s/%lld", ticket,
                       (long long)invitation->expires_s);
    dc__secret_wipe(ticket, sizeof ticket);
}

void dc__invited_url(const char *address, char url[DC__INVITED_URL_BYTES])
{
    const bool ipc = strncmp(address, IPC, strlen(IPC)) == 0;
    (void)snprintf(url, DC__INVITED_URL_BYTES, "%s%.*s", ipc ? "" : "tcp://", DC__INVITED_BYTES - 1, address);
}

/* ---- notes ---- */

static void digest_of(uint8_t out[DC__DIGEST_BYTES], const uint8_t ticket[DC__TICKET_BYTES])
{
    static const char purpose[] = "dynacomm invitation";
    dc__secret_digest(out, DC__DIGEST_BYTES, ticket, DC__TICKET_BYTES, (const uint8_t *)purpose,
                      sizeof purpose - 1);
}

static dc_error append(dc__notes *notes, const dc__note *note)
{
    dc__note *list = notes->n < DC__NOTES_MOST ? realloc(notes->list, (notes->n + 1) * sizeof *list) : NULL;
    if (!list)
        return dc__fail(DC_ENOMEM, "more than %d invitations, or out of memory for them", DC__NOTES_MOST);
    notes->list = list;
    list[notes->n++] = *note;
    return DC_OK;
}

dc_error dc__notes_push(dc__notes *notes, const char *name, const uint8_t ticket[DC__TICKET_BYTES],
                        int64_t expires_s)
{
    dc__note note = {.expires_s = expires_s};
    size_t left = 0;
    for (size_t k = 0; k < notes->n; k++)
        if (notes->list[k].used || strcmp(notes->list[k].name, name) != 0)
            notes->list[left++] = notes->list[k];
    notes->n = left;
    (void)snprintf(note.name, sizeof note.name, "%s", name);
    digest_of(note.digest, ticket);
    return append(notes, &note);
}

dc__note *dc__notes_find(const dc__notes *notes, const uint8_t ticket[DC__TICKET_BYTES])
{
    uint8_t digest[DC__DIGEST_BYTES];
    digest_of(digest, ticket);
    for (size_t k = 0; k < notes->n; k++)
        if (dc__secret_same(notes->list[k].digest, digest, sizeof digest)) return &notes->list[k];
    return NULL;
}

static dc_error take_line(dc__notes *notes, const char *path, int number, char *line)
{
    char *rest = NULL;
    dc__note note = {0};
    const char *name = strtok_r(line, " \t\r", &rest), *digest = strtok_r(NULL, " \t\r", &rest),
               *expires = strtok_r(NULL, " \t\r", &rest), *used = strtok_r(NULL, " \t\r", &rest),
               *by = strtok_r(NULL, " \t\r", &rest);
    if (!name || name[0] == '#') return DC_OK;
    note.used = used && strcmp(used, "used") == 0 && by &&
                dc__secret_of_text(note.used_by, DC__KEY_BYTES, by, strlen(by));
    if (dc__name_check(name) || !digest ||
        !dc__secret_of_text(note.digest, DC__DIGEST_BYTES, digest, strlen(digest)) || !expires ||
        !take_number(expires, &note.expires_s) || (used && !note.used))
        return dc__fail(DC_EFORMAT, "%s line %d is not what dynacomm invite writes: take it out", path,
                        number);
    (void)snprintf(note.name, sizeof note.name, "%s", name);
    return append(notes, &note);
}

dc_error dc__notes_read(dc__notes *notes, const char *path)
{
    char *text;
    *notes = (dc__notes){0};
    dc_error err = dc__lines_read(path, "list of invitations", &text);
    int number = 1;
    for (char *line = text, *next; !err && line; line = next, number++) {
        next = strchr(line, '\n');
        if (next) *next++ = '\0';
        err = take_line(notes, path, number, line);
    }
    free(text);
    if (err) dc__notes_free(notes);
    return err;
}

dc_error dc__notes_write(const dc__notes *notes, const char *path)
{
    static const char head[] = "# invitations: name, digest of the secret, expires\n";
    dc__file file;
    const dc_error err = dc__file_begin(&file, path);
    if (err) return err;
    bool ok = fchmod(fileno(file.stream), 0600) == 0 && dc__file_write(&file, head, sizeof head - 1);
    const int64_t forget_s = (int64_t)time(NULL) - FORGET_S;
    for (size_t k = 0; k < notes->n && ok; k++) {
        const dc__note *note = &notes->list[k];
        char digest[dc__secret_text_bytes(DC__DIGEST_BYTES)], by[DC__KEY_TEXT_BYTES] = "";
        if (note->expires_s < forget_s) continue;
        dc__secret_text(digest, note->digest, DC__DIGEST_BYTES);
        if (note->used) dc__secret_text(by, note->used_by, DC__KEY_BYTES);
        ok = fprintf(file.stream, "%s %s %lld%s%s\n", note->name, digest, (long long)note->expires_s,
                     note->used ? " used " : "", by) > 0;
    }
    return dc__file_commit(&file);
}

void dc__notes_free(dc__notes *notes)
{
    free(notes->list);
    *notes = (dc__notes){0};
}
