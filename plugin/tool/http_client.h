/* http_client.h - what the subcommands ask of a server's page. */
#ifndef DC__TOOL_HTTP_CLIENT_H
#define DC__TOOL_HTTP_CLIENT_H

#include <cjson/cJSON.h>

#include "dynacomm.h"

#define DC__PAGE_URL_BYTES 1024

typedef struct dc__client {
    char url[DC__PAGE_URL_BYTES];
    char *token; /* in secret memory; NULL: none */
} dc__client;

/* dc__client_open - gets ready to ask for one of a page's parts ("/status"), once in a program. given: what a user calls the page:
 * "127.0.0.1:7780", with http:// and a last '/' or without, or with that part. token_path: the token's file, or NULL. DC_EURL,
 * DC_EFILE, DC_EFORMAT or DC_ENOMEM with a line; dc__client_close it if there was none. */
dc_error dc__client_open(dc__client *client, const char *given, const char *part, const char *token_path);
void dc__client_close(dc__client *client);

/* dc__client_get - the part's text, which the caller frees. DC_ENET, DC_ETIMEOUT, DC_EKEY, DC_EFORMAT with a line that names
 * the URL. */
dc_error dc__client_get(const dc__client *client, char **text);

/* dc__client_json - the part, which must be JSON, for cJSON_Delete; and its text, for free, unless text is NULL. Both are NULL after
 * an error, one of dc__client_get's. */
dc_error dc__client_json(const dc__client *client, cJSON **root, char **text);

/* dc__client_post - the same of a POST with a query ("worker=1") and a header ("Name: value"). *status: 200, or another one
 * whose text says why. */
dc_error dc__client_post(const dc__client *client, const char *query, const char *header, char **text,
                         long *status);

#endif
