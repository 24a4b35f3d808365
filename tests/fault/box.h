/* box.h - a server in a thread of a test, its log kept, so that a test can wait for a line of it. */
#ifndef BOX_H
#define BOX_H

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dynacomm_server.h"

typedef struct box {
    dc_server *server;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t more;
    char log[65536]; /* lines, each with its newline */
    size_t used;
    bool over;
    dc_error err;
    char line[512]; /* dc_server_run's last error */
} box;

static inline void box_log(void *context, const char *line)
{
    box *b = context;
    pthread_mutex_lock(&b->lock);
    const size_t n = strlen(line);
    if (b->used + n + 2 < sizeof b->log) {
        memcpy(b->log + b->used, line, n);
        b->used += n;
        b->log[b->used++] = '\n';
        b->log[b->used] = 0;
    }
    pthread_cond_broadcast(&b->more);
    pthread_mutex_unlock(&b->lock);
    if (getenv("TEST_VERBOSE")) (void)fprintf(stderr, "# %s\n", line);
}

static inline void *box_run(void *argument)
{
    box *b = argument;
    const dc_error err = dc_server_run(b->server);
    pthread_mutex_lock(&b->lock);
    b->err = err;
    (void)snprintf(b->line, sizeof b->line, "%s", err ? dc_last_error() : "");
    b->over = true;
    pthread_cond_broadcast(&b->more);
    pthread_mutex_unlock(&b->lock);
    return NULL;
}

/* box_open - a running server; the caller ends it with box_close. NULL if it did not start (dc_last_error). A
 * worker that is lost ends its run, unless the options say for how long it is waited for. */
static inline box *box_open(dc_server_options options)
{
    box *b = calloc(1, sizeof *b);
    if (!b) abort();
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->more, NULL);
    if (options.on_loss == DC_ON_LOSS_WAIT && options.loss_wait_s == 0) options.on_loss = DC_ON_LOSS_END;
    options.log = box_log;
    options.log_context = b;
    if (dc_server_start(&b->server, &options) != DC_OK) {
        free(b);
        return NULL;
    }
    if (pthread_create(&b->thread, NULL, box_run, b) != 0) abort();
    return b;
}

/* box_wait - waits until the log holds text; false if the run is over without it. */
static inline bool box_wait(box *b, const char *text)
{
    pthread_mutex_lock(&b->lock);
    while (!strstr(b->log, text) && !b->over)
        pthread_cond_wait(&b->more, &b->lock);
    const bool found = strstr(b->log, text) != NULL;
    pthread_mutex_unlock(&b->lock);
    return found;
}

/* box_wait_nth - waits until the log holds text n times; false if the run is over without. */
static inline bool box_wait_nth(box *b, const char *text, int n)
{
    pthread_mutex_lock(&b->lock);
    int seen;
    for (;;) {
        seen = 0;
        for (const char *at = b->log; (at = strstr(at, text)); at++)
            seen++;
        if (seen >= n || b->over) break;
        pthread_cond_wait(&b->more, &b->lock);
    }
    pthread_mutex_unlock(&b->lock);
    return seen >= n;
}

static inline int box_count(box *b, const char *text)
{
    int n = 0;
    pthread_mutex_lock(&b->lock);
    for (const char *at = b->log; (at = strstr(at, text)); at++)
        n++;
    pthread_mutex_unlock(&b->lock);
    return n;
}

/* box_wait_end - waits for the run's end; b->err and b->line then say how. */
static inline void box_wait_end(box *b)
{
    pthread_mutex_lock(&b->lock);
    while (!b->over)
        pthread_cond_wait(&b->more, &b->lock);
    pthread_mutex_unlock(&b->lock);
}

/* box_close - waits for the run's end, which the caller has brought about, and frees everything. */
static inline void box_close(box *b)
{
    box_wait_end(b);
    pthread_join(b->thread, NULL);
    dc_server_free(b->server);
    pthread_mutex_destroy(&b->lock);
    pthread_cond_destroy(&b->more);
    free(b);
}

static inline void box_stop_and_close(box *b)
{
    dc_server_stop(b->server);
    box_close(b);
}

#endif
