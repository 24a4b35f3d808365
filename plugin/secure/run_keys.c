/* run_keys.c - keys that live as long as one run, and are handed to its processes. See dynacomm_keys.h. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "dynacomm_keys.h"
#include "secure/keeper.h"

#define EXPIRES_S (7 * 86400) /* a host may be reached late */

_Static_assert(DC_INVITATION_LINE_BYTES == DC__INVITATION_BYTES,
               "the public header says how long a line may be");

struct dc_run_keys {
    dc__keypair server;
    char buffer[4096]; /* of the stream to the server */
    int n;
    dc__invitation worker[DC_MAX_WORKERS];
};

dc_error dc_run_keys_make(dc_run_keys **out, const char *url, int n)
{
    const char *address = strncmp(url, "tcp://", 6) == 0 ? url + 6 : url;
    dc__assert(n >= 1 && n <= DC_MAX_WORKERS);
    *out = NULL;
    if (strlen(address) >= DC__INVITED_BYTES)
        return dc__fail(DC_EURL, "the address %.60s... is too long", url);
    dc_run_keys *keys = dc__secret_alloc(sizeof *keys);
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

void dc_run_keys_free(dc_run_keys *keys)
{
    dc__secret_free(keys);
}

void dc_run_keys_to_server(dc_run_keys *keys, int fd)
{
    const int copy = dup(fd);
    FILE *out = copy >= 0 ? fdopen(copy, "w") : NULL;
    if (!out) {
        if (copy >= 0) (void)close(copy);
        return;
    }
    (void)setvbuf(out, keys->buffer, _IOFBF, sizeof keys->buffer);
    dc__keeper_write(&keys->server, keys->worker, keys->n, out);
    (void)fclose(out);
}

void dc_run_keys_to_worker(const dc_run_keys *keys, int rank, char line[DC_INVITATION_LINE_BYTES])
{
    dc__assert(rank >= 0 && rank < keys->n);
    dc__invitation_text(&keys->worker[rank], line);
}
