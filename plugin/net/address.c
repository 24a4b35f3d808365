#include "net/address.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define HOW "an address looks like tcp://HOST:PORT, ipc:///PATH or inproc://NAME"

dc_error dc__address_check(const char *url, int extra_ports)
{
    if (strlen(url) > DC__URL_BYTES - 16) return dc__fail(DC_EURL, "the address %.40s... is too long", url);
    if ((strncmp(url, "ipc://", 6) == 0 && url[6]) || (strncmp(url, "inproc://", 9) == 0 && url[9]))
        return DC_OK;
    if (strncmp(url, "tcp://", 6) != 0) return dc__fail(DC_EURL, "'%s' is not an address: " HOW, url);
    const char *colon = strrchr(url, ':');
    if (colon <= url + 6) return dc__fail(DC_EURL, "'%s' has no host or no port: " HOW, url);
    char *end;
    long port = strtol(colon + 1, &end, 10);
    if (!colon[1] || *end || port < 1 || port + extra_ports > 65535)
        return dc__fail(DC_EURL, "'%s' needs a port from 1 to %d: " HOW, url, 65535 - extra_ports);
    return DC_OK;
}

void dc__address_of_link(char out[DC__URL_BYTES], const char *url, int rank)
{
    const char *colon = strrchr(url, ':');
    if (strncmp(url, "tcp://", 6) != 0)
        (void)snprintf(out, DC__URL_BYTES, "%s.%d", url, rank);
    else
        (void)snprintf(out, DC__URL_BYTES, "%.*s:%ld", (int)(colon - url), url,
                       strtol(colon + 1, NULL, 10) + 1 + rank);
}
