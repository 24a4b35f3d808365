#include "net/address.h"

#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/error.h"

#define HOW "an address looks like tcp://HOST:PORT, ipc:///PATH or inproc://NAME"

static dc_error parse_tcp(const char *url, dc__address *out)
{
    const char *host = url + 6, *colon = strrchr(url, ':');
    if (colon <= host) return dc__fail(DC_EURL, "'%s' has no host or no port: " HOW, url);
    char *end;
    const long port = strtol(colon + 1, &end, 10);
    if (!colon[1] || *end || port < 1 || port > 65535)
        return dc__fail(DC_EURL, "'%s' needs a port from 1 to %d: " HOW, url, 65535);
    const bool bracketed = host[0] == '[' && colon[-1] == ']';
    if (bracketed) host++;
    out->scheme = DC__TCP;
    out->port = (int)port;
    (void)snprintf(out->host, sizeof out->host, "%.*s", (int)(colon - host) - bracketed, host);
    return out->host[0] ? DC_OK : dc__fail(DC_EURL, "'%s' has no host or no port: " HOW, url);
}

dc_error dc__address_parse(const char *url, dc__address *out)
{
    dc__address unused;
    if (!out) out = &unused;
    memset(out, 0, sizeof *out);
    if (strlen(url) > DC__URL_BYTES - 16) return dc__fail(DC_EURL, "the address %.40s... is too long", url);
    if (strncmp(url, "tcp://", 6) == 0) return parse_tcp(url, out);
    const bool ipc = strncmp(url, "ipc://", 6) == 0 && url[6];
    if (!ipc && (strncmp(url, "inproc://", 9) != 0 || !url[9]))
        return dc__fail(DC_EURL, "'%s' is not an address: " HOW, url);
    out->scheme = ipc ? DC__IPC : DC__INPROC;
    (void)snprintf(out->host, sizeof out->host, "%s", url + (ipc ? 6 : 9));
    const size_t most = sizeof((struct sockaddr_un *)0)->sun_path - 1;
    if (ipc && strlen(out->host) > most)
        return dc__fail(DC_EURL, "the path of %s is longer than %zu characters: choose a shorter one", url,
                        most);
    return DC_OK;
}
