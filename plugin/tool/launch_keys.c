/* launch_keys.c - keys of a launched run: made for it, handed to its processes by their standard input, and gone
 * with it. See launch.h. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "secure/keeper.h"
#include "tool/launch.h"

#define EXPIRES_S (7 * 86400) /* a host may be reached late */

struct dc__launch_keys {
    dc__keypair server;
    int n;
    dc__invitation worker[DC_MAX_WORKERS];
};

dc_error dc__launch_keys_make(dc__launch_keys **out, const char *url, int n)
{
    const char *address = strstr(url, "://") ? strstr(url, "://") + 3 : url;
    *out = NULL;
    if (strlen(address) >= DC__INVITED_BYTES)
        return dc__fail(DC_EURL, "the address %.60s... is too long", url);
    dc__launch_keys *keys = dc__secret_alloc(sizeof *keys);
    if (!keys) return dc__fail(DC_ENOMEM, "out of memory for keys");
    dc__keypair_make(&keys->server);
    keys->n = n;
    for (int k = 0; k < n; k++) {
        dc__invitation *w = &keys->worker[k];
        w->has_ticket = true;
        w->expires_s = (int64_t)time(NULL) + EXPIRES_S;
        (void)snprintf(w->name, sizeof w->name, "worker-%d", k);
        (void)snprintf(w->address, sizeof w->address, "%s", address);
        memcpy(w->server_key, keys->server.public_key, DC__KEY_BYTES);
        dc__secret_random(w->ticket, sizeof w->ticket);
    }
    *out = keys;
    return DC_OK;
}

void dc__launch_keys_free(dc__launch_keys *keys)
{
    dc__secret_free(keys);
}

/* A process that is gone cannot read; its end is on the way. */
void dc__launch_keys_server(const dc__launch_keys *keys, int in)
{
    const int fd = dup(in);
    FILE *out = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!out) {
        if (fd >= 0) (void)close(fd);
        return;
    }
    dc__keeper_write(&keys->server, keys->worker, keys->n, out);
    (void)fclose(out);
}

void dc__launch_keys_worker(const dc__launch_keys *keys, int rank, int in)
{
    char line[DC__INVITATION_BYTES + 1];
    dc__invitation_text(&keys->worker[rank], line);
    (void)strcat(line, "\n");
    (void)!write(in, line, strlen(line));
    dc__secret_wipe(line, sizeof line);
}
