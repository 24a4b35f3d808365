/* http.c - routes and answers; see http.h. */
#include "tool/http.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "secure/secret.h"
#include "tool/http_drop.h"
#include "tool/http_guard.h"
#include "tool/plan.h"
#include "tool/status_view.h"

#define CONNECTIONS_MOST 64
#define IDLE_S 10
#define CONNECTION_BYTES 32768
#define EVENTS 40
#define WATCHED_NS 3000000000   /* a page that asked since then is still open */
#define LAST_WORD_NS 2500000000 /* and asks once a second */

/* An answer that is given again while it is fresh. The daemon's thread only. */
typedef struct cached {
    struct MHD_Response *response;
    int64_t made_ns;
    uint64_t key; /* what it shows */
} cached;

struct dc__http {
    struct MHD_Daemon *daemon;
    dc_server *server;
    char url[320];
    dc__http_guard guard;
    dc__http_drop drop;
    cached page, status, metrics, plan;
    cached other;              /* what is said once, such as that nothing is here */
    _Atomic int64_t polled_ns; /* /status was asked for; 0 = never */
    pthread_mutex_t lock;      /* guards the lines */
    char events[EVENTS][DC__LINE_BYTES];
    unsigned n_events; /* since the start; the last EVENTS are kept */
};

/* ---- what is answered ---- */

/* Takes text, from malloc, into a response. */
static struct MHD_Response *respond(char *text, size_t n, const char *type)
{
    struct MHD_Response *r = text ? MHD_create_response_from_buffer(n, text, MHD_RESPMEM_MUST_FREE) : NULL;
    if (!r) {
        free(text);
        return NULL;
    }
    (void)MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    (void)MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    (void)MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
    (void)MHD_add_response_header(
        r, "Content-Security-Policy",
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
        "connect-src 'self'; img-src data:");
    return r;
}

static struct MHD_Response *line_response(const char *line)
{
    char text[DC__LINE_BYTES + 2];
    const int n = snprintf(text, sizeof text, "%s\n", line);
    return respond(strdup(text), (size_t)n, "text/plain; charset=utf-8");
}

static struct MHD_Response *page_response(void)
{
    size_t n;
    const char *page = dc__page(&n);
    char *copy = malloc(n);
    if (copy) memcpy(copy, page, n);
    return respond(copy, n, "text/html; charset=utf-8");
}

static dc_error status_text(dc__http *h, const dc_status *status, char **text)
{
    char lines[EVENTS][DC__LINE_BYTES];
    const char *at[EVENTS];
    int n = 0;
    pthread_mutex_lock(&h->lock);
    for (unsigned k = h->n_events > EVENTS ? h->n_events - EVENTS : 0; k < h->n_events; k++) {
        memcpy(lines[n], h->events[k % EVENTS], DC__LINE_BYTES);
        at[n] = lines[n];
        n++;
    }
    pthread_mutex_unlock(&h->lock);
    return dc__status_json(status, at, n, text);
}

static struct MHD_Response *status_response(dc__http *h, bool metrics)
{
    dc_status *status;
    char *text = NULL;
    size_t n = 0;
    if (dc_server_status(h->server, &status) != DC_OK) return NULL;
    if (!metrics) {
        if (status_text(h, status, &text) == DC_OK) n = strlen(text);
    } else {
        FILE *out = open_memstream(&text, &n);
        if (out) dc__status_metrics(out, status);
        if (out && fclose(out) != 0) {
            free(text);
            text = NULL;
        }
    }
    dc_status_free(status);
    return respond(text, n,
                   metrics ? "text/plain; version=0.0.4; charset=utf-8" : "application/json; charset=utf-8");
}

static struct MHD_Response *plan_response(dc__http *h, int rank, unsigned *code)
{
    char *text;
    size_t n;
    if (dc__plan_of_worker(h->server, rank, &text, &n) == DC_OK)
        return respond(text, n, "image/svg+xml; charset=utf-8");
    *code = MHD_HTTP_NOT_FOUND;
    return line_response(dc_last_error());
}

/* ---- routes ---- */

static struct MHD_Response *keep(cached *c, struct MHD_Response *response, uint64_t key)
{
    if (c->response) MHD_destroy_response(c->response);
    *c = (cached){response, dc__now_ns(), key};
    return response;
}

static bool is_fresh(const cached *c, uint64_t key)
{
    return c->response && c->key == key && dc__now_ns() - c->made_ns < DC__HTTP_FRESH_NS;
}

/* A worker's number from a query; -1 if it is none. */
static int rank_of(const char *text)
{
    const size_t digits = text ? strspn(text, "0123456789") : 0;
    return digits == 0 || digits > 4 || text[digits] != '\0' ? -1 : atoi(text);
}

static struct MHD_Response *plan_route(dc__http *h, struct MHD_Connection *connection, unsigned *code)
{
    const int rank = rank_of(MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "worker"));
    if (rank < 0) {
        *code = MHD_HTTP_BAD_REQUEST;
        return keep(&h->other, line_response("say which: /plan.svg?worker=0"), UINT64_MAX);
    }
    if (is_fresh(&h->plan, (uint64_t)rank)) return h->plan.response;
    struct MHD_Response *response = plan_response(h, rank, code);
    return keep(*code == MHD_HTTP_OK ? &h->plan : &h->other, response, (uint64_t)rank);
}

static const char *header_of(struct MHD_Connection *connection, const char *name)
{
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

static struct MHD_Response *drop_route(dc__http *h, struct MHD_Connection *connection, bool post,
                                       unsigned *code)
{
    char line[DC__LINE_BYTES];
    if (post)
        *code = dc__http_drop_do(&h->drop, h->server,
                                 MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "worker"),
                                 header_of(connection, DC__PROOF_HEADER), line);
    if (post)
        h->status.made_ns = h->metrics.made_ns = 0; /* they show another roster now */
    else
        *code = dc__http_drop_ask(&h->drop, line);
    return keep(&h->other, line_response(line), 0);
}

/* The response stays the cache's. */
static struct MHD_Response *route(dc__http *h, struct MHD_Connection *connection, const char *path,
                                  unsigned *code)
{
    *code = MHD_HTTP_OK;
    if (strcmp(path, "/") == 0)
        return h->page.response ? h->page.response : keep(&h->page, page_response(), 0);
    if (strcmp(path, "/status") == 0) {
        h->polled_ns = dc__now_ns();
        return is_fresh(&h->status, 0) ? h->status.response : keep(&h->status, status_response(h, false), 0);
    }
    if (strcmp(path, "/metrics") == 0)
        return is_fresh(&h->metrics, 0) ? h->metrics.response
                                        : keep(&h->metrics, status_response(h, true), 0);
    if (strcmp(path, "/plan.svg") == 0) return plan_route(h, connection, code);
    *code = MHD_HTTP_NOT_FOUND;
    return keep(&h->other, line_response("nothing is here: see /, /status, /metrics, /plan.svg?worker=0"), 0);
}

/* A line, with a header that says more. */
static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned code, const char *line,
                              const char *header, const char *value)
{
    struct MHD_Response *response = line_response(line);
    if (!response) return MHD_NO;
    if (header) (void)MHD_add_response_header(response, header, value);
    const enum MHD_Result queued = MHD_queue_response(connection, code, response);
    MHD_destroy_response(response);
    return queued;
}

static enum MHD_Result answer(void *context, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *body, size_t *body_bytes,
                              void **state)
{
    dc__http *h = context;
    (void)version;
    (void)body;
    static int begun;
    const bool drops = strcmp(path, "/drop") == 0, post = drops && strcmp(method, MHD_HTTP_METHOD_POST) == 0;
    if (!post && strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "this page is only read: GET or HEAD",
                      MHD_HTTP_HEADER_ALLOW, drops ? "GET, HEAD, POST" : "GET, HEAD");
    if (*state == NULL) { /* headers only: the request may not be whole yet */
        *state = &begun;
        return MHD_YES;
    }
    if (*body_bytes > 0) { /* nobody reads it */
        *body_bytes = 0;
        return MHD_YES;
    }
    unsigned code;
    if (!dc__http_host_ok(&h->guard, header_of(connection, MHD_HTTP_HEADER_HOST)))
        return refuse(connection, MHD_HTTP_FORBIDDEN, "ask by this machine's address or own name", NULL,
                      NULL);
    if (!dc__http_token_ok(&h->guard, header_of(connection, MHD_HTTP_HEADER_AUTHORIZATION)))
        return refuse(connection, MHD_HTTP_UNAUTHORIZED,
                      "this page needs the token of --http-token-file, as password",
                      MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Basic realm=\"dynacomm\", charset=\"UTF-8\"");
    struct MHD_Response *response =
        drops ? drop_route(h, connection, post, &code) : route(h, connection, path, &code);
    return response ? MHD_queue_response(connection, code, response) : MHD_NO;
}

/* ---- the daemon ---- */

/* A socket that those who may read it alone can reach. */
static dc_error open_socket(dc__http *h, const char *where, const char *token_path, int *fd)
{
    bool local;
    *fd = -1;
    dc_error err = token_path ? dc__token_read(token_path, &h->guard.token) : DC_OK;
    if (!err) err = dc__http_listen(where, fd, h->url, sizeof h->url, h->guard.host, &local);
    if (!err && !local && !token_path)
        err = dc__fail(
            DC_EKEY,
            "--http: other machines reach %s: give --http-token-file FILE, or listen on 127.0.0.1 and use a "
            "tunnel",
            where);
    return err;
}

static void free_http(dc__http *h)
{
    dc__secret_free(h->guard.token);
    dc__http_drop_free(&h->drop);
    free(h);
}

dc_error dc__http_start(dc__http **out, const char *where, const char *token_path, const char *key_path,
                        dc_server *server)
{
    int fd;
    *out = NULL;
    dc__http *h = calloc(1, sizeof *h);
    if (!h) return dc__fail(DC_ENOMEM, "out of memory for the page");
    h->server = server;
    dc_error err = open_socket(h, where, token_path, &fd);
    if (!err) err = dc__http_drop_init(&h->drop, key_path);
    if (err) {
        if (fd >= 0) (void)close(fd);
        free_http(h);
        return err;
    }
    pthread_mutex_init(&h->lock, NULL);
    h->daemon = MHD_start_daemon(
        MHD_USE_AUTO_INTERNAL_THREAD, 0, NULL, NULL, answer, h, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MOST, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES, MHD_OPTION_END);
    if (!h->daemon) {
        (void)close(fd);
        pthread_mutex_destroy(&h->lock);
        free_http(h);
        return dc__fail(DC_ENET, "--http: cannot serve on %s", where);
    }
    *out = h;
    return DC_OK;
}

const char *dc__http_url(const dc__http *h)
{
    return h->url;
}

void dc__http_event(dc__http *h, const char *line)
{
    pthread_mutex_lock(&h->lock);
    (void)snprintf(h->events[h->n_events++ % EVENTS], DC__LINE_BYTES, "%s", line);
    pthread_mutex_unlock(&h->lock);
}

void dc__http_linger(dc__http *h, const volatile sig_atomic_t *caught)
{
    const int64_t begin = dc__now_ns(), polled = h->polled_ns;
    if (polled == 0 || begin - polled > WATCHED_NS) return;
    while (!*caught && dc__now_ns() - begin < LAST_WORD_NS) {
        const struct timespec pause = {.tv_nsec = 50000000};
        (void)nanosleep(&pause, NULL);
    }
}

void dc__http_stop(dc__http *h)
{
    if (!h) return;
    MHD_stop_daemon(h->daemon);
    cached *all[] = {&h->page, &h->status, &h->metrics, &h->plan, &h->other};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++)
        if (all[k]->response) MHD_destroy_response(all[k]->response);
    pthread_mutex_destroy(&h->lock);
    free_http(h);
}
