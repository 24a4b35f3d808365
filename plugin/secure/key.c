#include "secure/key.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

#define LABEL "secret-key "
#define FILE_BYTES 1024 /* a key's file has less */

dc_error dc__name_check(const char *name)
{
    static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
                      rest[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    const size_t n = strlen(name);
    if (n >= 1 && n < DC__MEMBER_BYTES && strchr(first, name[0]) && strspn(name, rest) == n) return DC_OK;
    return dc__fail(DC_EINVAL,
                    "'%.40s' is no name: 1 to %d letters, digits, '.', '_' and '-', a letter or digit first",
                    name, DC__MEMBER_BYTES - 1);
}

dc_error dc__private_open(const char *path, const char *what, int *fd)
{
    struct stat st;
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW); /* a FIFO would be waited for */
    if (*fd < 0) return dc__fail(DC_EFILE, "cannot read the %s %s: %s", what, path, strerror(errno));
    dc_error err = DC_OK;
    if (fstat(*fd, &st) != 0 || !S_ISREG(st.st_mode))
        err = dc__fail(DC_EFILE, "%s is not a regular file: give a %s file", path, what);
    else if (st.st_uid != geteuid())
        err = dc__fail(DC_EFILE, "the %s %s belongs to another user: a %s is its owner's alone", what, path,
                       what);
    else if (st.st_mode & 077)
        err = dc__fail(DC_EFILE, "the %s %s can be read by other users (mode %03o): chmod 600 %s", what, path,
                       (unsigned)st.st_mode & 0777, path);
    if (!err) return DC_OK;
    (void)close(*fd);
    *fd = -1;
    return err;
}

static bool write_all(int fd, const char *text, size_t n)
{
    while (n > 0) {
        const ssize_t put = write(fd, text, n);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) return false;
        text += put;
        n -= (size_t)put;
    }
    return true;
}

/* The file appears whole, and only where none was: link() takes no name that exists. */
static dc_error write_key(const char *path, const char *text, size_t n)
{
    char temporary[PATH_MAX];
    if ((size_t)snprintf(temporary, sizeof temporary, "%s.XXXXXX", path) >= sizeof temporary)
        return dc__fail(DC_EFILE, "the path %.60s... is too long", path);
    const int fd = mkostemp(temporary, O_CLOEXEC); /* mode 0600 */
    if (fd < 0) return dc__fail(DC_EFILE, "cannot write the key %s: %s", path, strerror(errno));
    bool ok = fchmod(fd, 0600) == 0 && write_all(fd, text, n) && fsync(fd) == 0;
    ok = close(fd) == 0 && ok;
    ok = ok && link(temporary, path) == 0;
    const int why = errno;
    (void)unlink(temporary);
    if (ok) return DC_OK;
    return why == EEXIST ? dc__fail(DC_EFILE,
                                    "%s is there already, and a key is never overwritten: give another name, "
                                    "or remove it",
                                    path)
                         : dc__fail(DC_EFILE, "cannot write the key %s: %s", path, strerror(why));
}

dc_error dc__key_make(const char *path, dc__keypair *pair)
{
    char secret[DC__KEY_TEXT_BYTES], public_key[DC__KEY_TEXT_BYTES];
    char *text = dc__secret_alloc(FILE_BYTES);
    if (!text) return dc__fail(DC_ENOMEM, "out of memory for a key");
    dc__keypair_make(pair);
    dc__secret_text(secret, pair->secret_key, DC__KEY_BYTES);
    dc__secret_text(public_key, pair->public_key, DC__KEY_BYTES);
    const int n = snprintf(text, FILE_BYTES,
                           "# A key of dynacomm. Whoever can read this file can take part as its owner.\n"
                           "public-key %s\n" LABEL "%s\n",
                           public_key, secret);
    const dc_error err = write_key(path, text, (size_t)n);
    dc__secret_wipe(secret, sizeof secret);
    dc__secret_free(text);
    return err;
}

/* The line that begins with LABEL. */
static bool find_secret(const char *text, uint8_t out[DC__KEY_BYTES])
{
    for (const char *at = text; at && *at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL)
        if (strncmp(at, LABEL, strlen(LABEL)) == 0) {
            const char *value = at + strlen(LABEL);
            return dc__secret_of_text(out, DC__KEY_BYTES, value, strcspn(value, " \t\r\n"));
        }
    return false;
}

dc_error dc__key_load(const char *path, dc__keypair *pair)
{
    int fd;
    dc_error err = dc__private_open(path, "key", &fd);
    if (err) return err;
    char *text = dc__secret_alloc(FILE_BYTES);
    const ssize_t n = text ? read(fd, text, FILE_BYTES - 1) : 0;
    if (!text)
        err = dc__fail(DC_ENOMEM, "out of memory for a key");
    else if (n < 0)
        err = dc__fail(DC_EFILE, "cannot read the key %s: %s", path, strerror(errno));
    else if (!find_secret(text, pair->secret_key))
        err = dc__fail(DC_EFORMAT, "%s is not a key: make one with dynacomm keygen", path);
    else
        dc__keypair_derive(pair);
    dc__secret_free(text);
    (void)close(fd);
    return err;
}
