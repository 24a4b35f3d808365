/* http_client.h - what the subcommands ask of a server's page. */
#ifndef DC__TOOL_HTTP_CLIENT_H
#define DC__TOOL_HTTP_CLIENT_H

#include "dynacomm.h"

#define DC__PAGE_URL_BYTES 1024

/* dc__client_url - the address of one of a page's parts ("/status"), from what a user calls the page: "127.0.0.1:7780", with
 * http:// and a last '/' or without, or with that part. DC_EURL. */
dc_error dc__client_url(const char *given, const char *part, char url[DC__PAGE_URL_BYTES]);

typedef struct dc__request {
    const char *url;
    const char *token;  /* NULL: none */
    const char *header; /* of a POST: "Name: value"; NULL: it is a GET */
} dc__request;

/* dc__client_begin, dc__client_end - once in a program, before the first request and after the last. dc__client_ask - the answer's
 * text, which the caller frees, and its status: 200, or of a POST another one whose text says why. DC_ENET, DC_ETIMEOUT,
 * DC_EKEY, DC_EFORMAT with a line that names the URL. */
dc_error dc__client_begin(void);
void dc__client_end(void);
dc_error dc__client_ask(const dc__request *request, char **text, long *status);

#endif
