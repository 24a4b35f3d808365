/* address.h - a server's address as users write it. */
#ifndef DC__ADDRESS_H
#define DC__ADDRESS_H

#include "dynacomm.h"

#define DC__URL_BYTES 160

typedef enum dc__scheme { DC__TCP, DC__IPC, DC__INPROC } dc__scheme;

typedef struct dc__address {
    dc__scheme scheme;
    char host[DC__URL_BYTES]; /* tcp: name or number, without brackets; "*" = all of this machine's. Else path
                               * or name */
    int port;                 /* tcp */
} dc__address;

/* dc__address_parse - tcp://HOST:PORT, ipc://PATH, inproc://NAME; else DC_EURL with a line that says how one
 * looks. out may be NULL. */
dc_error dc__address_parse(const char *url, dc__address *out);

#endif
