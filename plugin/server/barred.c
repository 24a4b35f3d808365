#include "server/barred.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/file.h"
#include "base/text.h"
#include "secure/members.h"

#define ID_DIGITS 16

void dc__barred_init(dc__barred *b)
{
    pthread_mutex_init(&b->lock, NULL);
}

void dc__barred_destroy(dc__barred *b)
{
    free(b->list);
    pthread_mutex_destroy(&b->lock);
}

uint64_t dc__barred_id(const dc__channel *channel, uint64_t worker_id)
{
    const uint8_t *key = dc__channel_member_key(channel);
    return key ? XXH3_64bits(key, DC__KEY_BYTES) : worker_id;
}

/* With the lock held. */
static dc__bar *find(const dc__barred *b, uint64_t id)
{
    for (int k = 0; k < b->n; k++)
        if (b->list[k].id == id) return &b->list[k];
    return NULL;
}

/* Likewise; whether there is a place. */
static bool make_place(dc__barred *b)
{
    int k = 0;
    if (!b->list) b->list = malloc(DC__BARRED_MOST * sizeof *b->list);
    if (!b->list || b->n < DC__BARRED_MOST) return b->list != NULL;
    while (k < b->n && b->list[k].stays)
        k++;
    if (k == b->n) return false;
    memmove(b->list + k, b->list + k + 1, (size_t)(--b->n - k) * sizeof *b->list);
    return true;
}

/* Likewise; whether it is new. */
static bool add(dc__barred *b, uint64_t id, const char *why, bool stays)
{
    if (find(b, id) || !make_place(b)) return false;
    dc__bar *one = &b->list[b->n++];
    one->id = id;
    one->stays = stays;
    (void)snprintf(one->why, sizeof one->why, "%s", why);
    dc__make_printable(one->why);
    return true;
}

void dc__barred_add(dc__barred *b, uint64_t id, const char *why)
{
    pthread_mutex_lock(&b->lock);
    if (add(b, id, why, false)) b->changed = true;
    pthread_mutex_unlock(&b->lock);
}

bool dc__barred_drop(dc__barred *b, uint64_t id, const char *why)
{
    pthread_mutex_lock(&b->lock);
    if (add(b, id, why, true)) b->changed = true;
    dc__bar *one = find(b, id);
    if (one) one->stays = true;
    pthread_mutex_unlock(&b->lock);
    return one != NULL;
}

bool dc__barred_has(dc__barred *b, uint64_t id, char *why)
{
    pthread_mutex_lock(&b->lock);
    const dc__bar *one = find(b, id);
    if (one && why) (void)snprintf(why, DC__LINE_BYTES, "%s", one->why);
    pthread_mutex_unlock(&b->lock);
    return one != NULL;
}

int dc__barred_count(dc__barred *b)
{
    pthread_mutex_lock(&b->lock);
    const int n = b->n;
    pthread_mutex_unlock(&b->lock);
    return n;
}

/* ---- the file ---- */

dc_error dc__barred_read(dc__barred *b, const char *path, char *text)
{
    int number = 1;
    for (char *line = text, *next; line; line = next, number++) {
        next = strchr(line, '\n');
        if (next) *next++ = '\0';
        if (line[0] == '\0' || line[0] == '#') continue;
        if (strspn(line, "0123456789abcdef") != ID_DIGITS || (line[ID_DIGITS] && line[ID_DIGITS] != ' '))
            return dc__fail(DC_EFORMAT, "%s line %d: a worker's id has %d hexadecimal digits", path, number,
                            ID_DIGITS);
        pthread_mutex_lock(&b->lock);
        (void)add(b, strtoull(line, NULL, 16), line[ID_DIGITS] ? line + ID_DIGITS + 1 : "", true);
        pthread_mutex_unlock(&b->lock);
    }
    return DC_OK;
}

dc_error dc__barred_open(dc__barred *b, const char *directory, const char *name, bool resumes)
{
    char *text;
    if ((size_t)snprintf(b->path, sizeof b->path, "%s/%s.barred", directory, name) >= sizeof b->path)
        return dc__fail(DC_EFILE, "the path of the backup directory is too long");
    if (!resumes) {
        pthread_mutex_lock(&b->lock);
        b->changed = true;
        pthread_mutex_unlock(&b->lock);
        return DC_OK;
    }
    dc_error err = dc__lines_read(b->path, "list of workers that are kept out", &text);
    if (!err) err = dc__barred_read(b, b->path, text);
    free(text);
    return err;
}

void dc__barred_close(dc__barred *b, dc__log *log)
{
    if (!b->path[0]) return;
    dc__barred_save(b, log);
    pthread_mutex_lock(&b->lock);
    b->n = 0;
    pthread_mutex_unlock(&b->lock);
    b->path[0] = '\0';
}

static dc_error write_list(const char *path, const dc__bar *list, int n)
{
    dc__file file;
    const char *head = "# kept out of this run; without its line a worker may take part again\n";
    dc_error err = dc__file_begin(&file, path);
    if (err) return err;
    bool ok = dc__file_write(&file, head, strlen(head));
    for (int k = 0; ok && k < n; k++) {
        char line[ID_DIGITS + DC__LINE_BYTES + 2];
        const int length = snprintf(line, sizeof line, "%016" PRIx64 " %s\n", list[k].id, list[k].why);
        ok = dc__file_write(&file, line, (size_t)length);
    }
    return dc__file_commit(&file); /* says why not */
}

void dc__barred_save(dc__barred *b, dc__log *log)
{
    if (!b->path[0]) return;
    pthread_mutex_lock(&b->lock);
    const int n = b->changed ? b->n : -1;
    dc__bar *copy = n > 0 ? malloc((size_t)n * sizeof *copy) : NULL;
    if (copy) memcpy(copy, b->list, (size_t)n * sizeof *copy);
    b->changed = false;
    pthread_mutex_unlock(&b->lock);
    dc_error err = DC_OK;
    if (n > 0)
        err = copy ? write_list(b->path, copy, n) : dc__fail(DC_ENOMEM, "out of memory for %s", b->path);
    else if (n == 0 && unlink(b->path) != 0 && errno != ENOENT)
        err = dc__fail(DC_EFILE, "cannot remove %s: %s", b->path, strerror(errno));
    free(copy);
    if (err)
        dc__log_line(log, "a server that is started again will not know who is kept out: %.380s",
                     dc_last_error());
}
