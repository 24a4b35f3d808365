/* http_guard.h - who may read a server's page: requests that name the server, with its token if it has one. */
#ifndef DC__TOOL_HTTP_GUARD_H
#define DC__TOOL_HTTP_GUARD_H

#include "dynacomm.h"

#define DC__TOKEN_LEAST 16 /* characters */
#define DC__TOKEN_MOST 128

typedef struct dc__http_guard {
    char *token;    /* in secret memory; NULL: none is needed */
    char host[256]; /* as --http has it */
} dc__http_guard;

/* dc__token_read - the first line of a file that only its owner can read, in secret memory. DC_EFILE, DC_EFORMAT with a
 * line, DC_ENOMEM. dc__secret_free it. */
dc_error dc__token_read(const char *path, char **token);

/* dc__http_host_ok - whether a Host header names a machine by its address, or this one by a name of its own. A page on
 * another site, whose name somebody made to lead here, is not one of them. NULL: there was no header. */
bool dc__http_host_ok(const dc__http_guard *guard, const char *header);

/* dc__http_token_ok - whether an Authorization header has the token: "Bearer TOKEN", or "Basic" with it as password. */
bool dc__http_token_ok(const dc__http_guard *guard, const char *header);

#endif
