/* http.h - a server's page: what dc_server_status shows, for a browser, a script and Prometheus.
 *
 * DESIGN
 *   libmicrohttpd in one thread of its own, read-only but for /drop: GET and HEAD, a bounded number of connections with a
 * deadline each. What is shown is made from a copy of the run's state at most every DC__HTTP_FRESH_NS,
 * however many ask, so that watching costs the training next to nothing.
 *   A request must name this machine, not a name that somebody else made to lead here; with a token it must have that,
 * too, and without one nothing but this machine is listened to. Routes:
 *     /             the page (page.html, .css, .js in one; it polls /status)
 *     /status       JSON (status_view.h)
 *     /metrics      Prometheus text
 *     /plan.svg     ?worker=N: the round as that worker's plan has it, drawn by the simulator
 *     /drop         GET and POST: http_drop.h */
#ifndef DC__TOOL_HTTP_H
#define DC__TOOL_HTTP_H

#include <signal.h>

#include "dynacomm_server.h"

#define DC__HTTP_FRESH_NS 200000000

typedef struct dc__http dc__http;

/* dc__http_start - listens on where ("HOST:PORT"; port 0: any free one) and serves from there on, those who have the
 * token in the file token_path (NULL: all). key_path: of the server's key, whose owner may drop workers; NULL: without keys.
 * server must outlive it. DC_EINVAL for a bad address, DC_ENET when it can't be
 * listened on, DC_EKEY when other machines reach it and there is no token, DC_EFILE and DC_EFORMAT about the file. */
dc_error dc__http_start(dc__http **http, const char *where, const char *token_path, const char *key_path,
                        dc_server *server);

/* dc__http_url - "http://127.0.0.1:7780/", with the port that was found. */
const char *dc__http_url(const dc__http *http);

/* dc__http_event - a line of the log for the page; the last ones are kept. Any thread. */
void dc__http_event(dc__http *http, const char *line);

/* dc__http_linger - after the run: if somebody has been watching lately, serves on until a page that polls
 * has seen the end; not if *caught. Blocks for seconds at most. */
void dc__http_linger(dc__http *http, const volatile sig_atomic_t *caught);

/* dc__http_stop - ends every connection and frees http; NULL is fine. */
void dc__http_stop(dc__http *http);

/* http_listen.c: a listening socket for where, its URL, the host of where, and whether only this machine reaches it. */
dc_error dc__http_listen(const char *where, int *socket, char *url, size_t url_bytes, char host[256],
                         bool *local);

/* page.c: the page, as built in. */
const char *dc__page(size_t *bytes);

#endif
