#include "tool/http_drop.h"

#include <microhttpd.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "secure/key.h"

dc_error dc__http_drop_init(dc__http_drop *d, const char *key_path)
{
    *d = (dc__http_drop){.sealed = key_path != NULL, .challenge = DC__NO_PROOF};
    if (!key_path || strcmp(key_path, "-") == 0) return DC_OK;
    dc__owner_challenge(d->challenge);
    return dc__owner_key(key_path, &d->owner);
}

void dc__http_drop_free(dc__http_drop *d)
{
    dc__secret_free(d->owner);
}

static unsigned say(char *line, unsigned code, const char *words)
{
    (void)snprintf(line, DC__LINE_BYTES, "%s", words);
    return code;
}

unsigned dc__http_drop_ask(const dc__http_drop *d, char *line)
{
    if (d->sealed && !d->owner)
        return say(line, MHD_HTTP_FORBIDDEN,
                   "the key of this run is in no file, so nobody can prove to be its owner");
    return say(line, MHD_HTTP_OK, d->challenge);
}

static bool is_proof(const dc__http_drop *d, const char *who, const char *proof)
{
    char expected[DC__KEY_TEXT_BYTES] = DC__NO_PROOF;
    if (d->owner) dc__owner_proof(d->owner, d->challenge, who, expected);
    return strlen(proof) == strlen(expected) && dc__secret_same(proof, expected, strlen(expected));
}

unsigned dc__http_drop_do(dc__http_drop *d, dc_server *server, const char *who, const char *proof, char *line)
{
    if (d->sealed && !d->owner) return dc__http_drop_ask(d, line);
    if (!who || dc__name_check(who)) return say(line, MHD_HTTP_BAD_REQUEST, "say whom: /drop?worker=ID");
    if (!proof || !is_proof(d, who, proof))
        return say(line, MHD_HTTP_FORBIDDEN,
                   d->owner
                       ? "only the run's owner may drop a worker: prove the server's key"
                       : "a worker is dropped by dynacomm drop, which asks for it in a header of its own");
    if (d->owner) dc__owner_challenge(d->challenge);
    return dc_server_drop(server, who, line, DC__LINE_BYTES) ? MHD_HTTP_CONFLICT : MHD_HTTP_OK;
}
