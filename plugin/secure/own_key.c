/* own_key.c - where a worker's key is, and how it comes there. See keeper.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "secure/keeper.h"

#define NONE "none"
#define SERVER_PART \
    8 /* characters of the server's key in the file's name: a name may be another's elsewhere */

static dc_error make_folder(const char *path)
{
    if (mkdir(path, 0700) == 0 || errno == EEXIST) return DC_OK;
    return dc__fail(DC_EFILE, "cannot make %s for this worker's key: %s; name another file for it", path,
                    strerror(errno));
}

static dc_error default_path(const dc__invitation *invitation, char path[PATH_MAX])
{
    char server[DC__KEY_TEXT_BYTES], folder[PATH_MAX];
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    const bool own = config && config[0] == '/';
    if (!own && (!home || home[0] != '/'))
        return dc__fail(DC_EFILE, "HOME is not set: name a file for this worker's key");
    dc__secret_text(server, invitation->server_key, DC__KEY_BYTES);
    if (strlen(own ? config : home) > PATH_MAX - 128)
        return dc__fail(DC_EFILE, "the path of HOME is too long");
    (void)snprintf(folder, sizeof folder, "%s%s", own ? config : home, own ? "" : "/.config");
    dc_error err = make_folder(folder);
    const size_t n = strlen(folder);
    (void)snprintf(folder + n, sizeof folder - n, "/dynacomm");
    if (!err) err = make_folder(folder);
    if (!err &&
        snprintf(path, PATH_MAX, "%s/%s-%.*s.key", folder, invitation->name, SERVER_PART, server) >= PATH_MAX)
        err = dc__fail(DC_EFILE, "the path %.60s... is too long", folder);
    return err;
}

dc_error dc__own_key(const char *path, const dc__invitation *invitation, dc__keypair *pair, char *used,
                     bool *made)
{
    dc_error err = DC_OK;
    *made = false;
    used[0] = '\0';
    if (path && strcmp(path, NONE) == 0) {
        dc__keypair_make(pair);
        return DC_OK;
    }
    if (path && (size_t)snprintf(used, PATH_MAX, "%s", path) >= PATH_MAX)
        return dc__fail(DC_EFILE, "the path %.60s... is too long", path);
    if (!path) err = default_path(invitation, used);
    if (err) return err;
    if (access(used, F_OK) != 0 && errno == ENOENT) {
        err = dc__key_make(used, pair);
        *made = err == DC_OK;
        if (!err || access(used, F_OK) != 0) return err; /* or another process was faster */
    }
    return dc__key_load(used, pair);
}
