#include "secure/members.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

#define TEXT_MOST (1 << 20)

dc_error dc__lines_read(const char *path, const char *what, char **text)
{
    struct stat st;
    *text = NULL;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT) {
        *text = strdup("");
        return *text ? DC_OK : dc__fail(DC_ENOMEM, "out of memory");
    }
    if (fd < 0) return dc__fail(DC_EFILE, "cannot read the %s %s: %s", what, path, strerror(errno));
    dc_error err = DC_OK;
    ssize_t n = 0, got = 0;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > TEXT_MOST)
        err = dc__fail(DC_EFILE, "the %s %s is not a regular file of at most 1 MiB", what, path);
    else if (!(*text = malloc(TEXT_MOST + 1)))
        err = dc__fail(DC_ENOMEM, "out of memory");
    while (!err && n < TEXT_MOST && (got = read(fd, *text + n, TEXT_MOST - (size_t)n)) > 0)
        n += got;
    if (!err && got < 0) err = dc__fail(DC_EFILE, "cannot read the %s %s: %s", what, path, strerror(errno));
    (void)close(fd);
    if (err) {
        free(*text);
        *text = NULL;
        return err;
    }
    (*text)[n] = '\0';
    return DC_OK;
}

dc_error dc__members_push(dc__members *m, const char *name, const uint8_t key[DC__KEY_BYTES])
{
    dc__listed *list = m->n < DC__MEMBERS_MOST ? realloc(m->list, (m->n + 1) * sizeof *list) : NULL;
    if (!list)
        return dc__fail(DC_ENOMEM, "more than %d members, or out of memory for them", DC__MEMBERS_MOST);
    m->list = list;
    dc__listed *one = &list[m->n++];
    (void)snprintf(one->name, sizeof one->name, "%s", name);
    memcpy(one->key, key, sizeof one->key);
    return DC_OK;
}

static dc_error take_line(dc__members *m, const char *path, int number, char *line)
{
    char *rest = NULL;
    uint8_t key[DC__KEY_BYTES];
    const char *name = strtok_r(line, " \t\r", &rest);
    if (!name || name[0] == '#') return DC_OK;
    const char *text = strtok_r(NULL, " \t\r", &rest);
    if (dc__name_check(name) != DC_OK)
        return dc__fail(DC_EFORMAT, "%s line %d: %s", path, number, dc_last_error());
    if (!text || !dc__secret_of_text(key, sizeof key, text, strlen(text)))
        return dc__fail(DC_EFORMAT, "%s line %d: after the name %s comes a public key of %d characters", path,
                        number, name, DC__KEY_TEXT_BYTES - 1);
    if (dc__members_named(m, name) || dc__members_of_key(m, key))
        return dc__fail(DC_EFORMAT, "%s line %d: the name or key of %s stands there twice", path, number,
                        name);
    return dc__members_push(m, name, key);
}

dc_error dc__members_read(dc__members *m, const char *path)
{
    char *text;
    *m = (dc__members){0};
    dc_error err = dc__lines_read(path, "list of members", &text);
    int number = 1;
    for (char *line = text, *next; !err && line; line = next, number++) {
        next = strchr(line, '\n');
        if (next) *next++ = '\0';
        err = take_line(m, path, number, line);
    }
    free(text);
    if (err) dc__members_free(m);
    return err;
}

void dc__members_free(dc__members *m)
{
    free(m->list);
    *m = (dc__members){0};
}

const dc__listed *dc__members_of_key(const dc__members *m, const uint8_t key[DC__KEY_BYTES])
{
    for (size_t k = 0; k < m->n; k++)
        if (dc__secret_same(m->list[k].key, key, DC__KEY_BYTES)) return &m->list[k];
    return NULL;
}

const dc__listed *dc__members_named(const dc__members *m, const char *name)
{
    for (size_t k = 0; k < m->n; k++)
        if (strcmp(m->list[k].name, name) == 0) return &m->list[k];
    return NULL;
}

/* ---- editing ---- */

static const char *end_of_line(const char *line)
{
    const char *end = strchr(line, '\n');
    return end ? end + 1 : line + strlen(line);
}

static bool is_named(const char *line, const char *name)
{
    line += strspn(line, " \t");
    const size_t n = strcspn(line, " \t\r\n");
    return n == strlen(name) && strncmp(line, name, n) == 0;
}

/* The text without the lines of that name, and last behind it. */
static dc_error rewrite(const char *path, const char *text, const char *without, const char *last)
{
    dc__file file;
    dc_error err = dc__file_begin(&file, path);
    if (err) return err;
    bool ok = true, ended = true;
    for (const char *line = text; *line; line = end_of_line(line)) {
        if (without && is_named(line, without)) continue;
        const size_t n = (size_t)(end_of_line(line) - line);
        ended = line[n - 1] == '\n';
        ok = ok && dc__file_write(&file, line, n);
    }
    if (!ended) ok = ok && dc__file_write(&file, "\n", 1);
    ok = ok && dc__file_write(&file, last, strlen(last));
    (void)ok; /* the commit says why */
    return dc__file_commit(&file);
}

dc_error dc__members_add(const char *path, const char *name, const uint8_t key[DC__KEY_BYTES],
                         const char *comment)
{
    char *text, line[DC__MEMBER_BYTES + DC__KEY_TEXT_BYTES + 128], key_text[DC__KEY_TEXT_BYTES];
    dc_error err = dc__lines_read(path, "list of members", &text);
    if (err) return err;
    dc__secret_text(key_text, key, DC__KEY_BYTES);
    (void)snprintf(line, sizeof line, "%s%s %s %.100s\n", *text ? "" : "# name, public key, comment\n", name,
                   key_text, comment);
    err = rewrite(path, text, NULL, line);
    free(text);
    return err;
}

dc_error dc__members_remove(const char *path, const char *name)
{
    char *text;
    dc__members before;
    dc_error err = dc__members_read(&before, path);
    if (err) return err;
    const bool found = dc__members_named(&before, name) != NULL;
    dc__members_free(&before);
    if (!found) return dc__fail(DC_EINVAL, "%s is not in %s: dynacomm members lists who is", name, path);
    err = dc__lines_read(path, "list of members", &text);
    if (!err) err = rewrite(path, text, name, "");
    free(text);
    return err;
}
