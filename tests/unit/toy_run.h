/* toy_run.h - a run of toys: a server and its workers in this process. */
#ifndef TOY_RUN_H
#define TOY_RUN_H

#include <pthread.h>
#include <stdio.h>

#include "base/floatmode.h"
#include "test_url.h"
#include "toy.h"

#define MOST 4

typedef struct edge {
    pthread_t thread;
    toy *t;
    dc_worker_options options;
    int rounds, subdivisions;
    const char *save;
    dc_error err;
    char line[512];
    dc_worker_info info;
} edge;

static inline void print_line(void *context, const char *line)
{
    (void)context;
    if (getenv("TEST_VERBOSE")) (void)fprintf(stderr, "# %s\n", line);
}

static inline void *run_edge(void *argument)
{
    edge *e = argument;
    dc__flush_denormals();
    dc_worker *w;
    e->err = dc_worker_join(&w, e->t->model, &e->options);
    if (!e->err) {
        for (int r = 0; !e->err && r < e->rounds; r++) {
            dc_round_report report;
            e->err = toy_round(e->t, w, e->subdivisions, &report);
        }
        if (!e->err) e->err = dc_worker_sync(w);
        if (!e->err && e->save) e->err = dc_worker_save(w, e->save, 1234);
        e->info = dc_worker_info_get(w);
        (void)snprintf(e->line, sizeof e->line, "%s", e->err ? dc_last_error() : "");
        dc_error left = dc_worker_leave(w, e->err == DC_OK, e->line);
        if (!e->err) e->err = left;
    }
    if (e->err && !e->line[0]) (void)snprintf(e->line, sizeof e->line, "%s", dc_last_error());
    return NULL;
}

static inline void *run_server(void *server)
{
    return (void *)(intptr_t)dc_server_run(server);
}

typedef struct setting {
    const char *url, *backup;
    int workers, rounds, subdivisions, frozen;
    int shards; /* servers that hold the model together; 0 counts as 1 */
    bool mesh;  /* the workers hold it; url is ipc:// */
    dc_algorithm algorithm;
    dc_strategy strategy;
    uint64_t every;
    double every_s;
    bool fresh;
    const char *codec;  /* every worker asks for it */
    const char *serves; /* the server sets it */
    const char *keep;   /* where workers keep what they have not sent */
    dc_bounds bounds;
    int staleness;
} setting;

/* Starts the server of a run, or the k-th of its shards, from 0. */
static inline dc_server *start_server(const setting *x, int k, pthread_t *thread)
{
    char url[96];
    (void)snprintf(url, sizeof url, "%s-%d", x->url, k + 1);
    dc_server *server;
    dc_server_options so = {.url = k ? url : x->url,
                            .shard = x->shards > 1 ? k + 1 : 0,
                            .shards = x->shards,
                            .first_url = k ? x->url : NULL,
                            .mesh = x->mesh,
                            .workers = x->workers,
                            .backup_dir = x->backup,
                            .backup_every = {.rounds = x->every, .seconds = x->every_s},
                            .fresh = x->fresh,
                            .codec = x->serves,
                            .bounds = x->bounds,
                            .staleness = x->staleness,
                            .log = print_line};
    dc_error err = dc_server_start(&server, &so);
    if (err) print_error("%s\n", dc_last_error());
    assert_int_equal(err, DC_OK);
    assert_int_equal(pthread_create(thread, NULL, run_server, server), 0);
    return server;
}

/* Runs it, with worker r's final state in out[r]. Asserts that nobody failed. */
static inline void train(const setting *x, toy *out[MOST])
{
    const int servers = x->shards > 1 ? x->shards : 1;
    dc_server *server[MOST];
    pthread_t st[MOST];
    for (int k = 0; k < servers; k++)
        server[k] = start_server(x, k, &st[k]);
    edge edges[MOST] = {0};
    char meeting[96]; /* mesh:///PATH of ipc:///PATH */
    (void)snprintf(meeting, sizeof meeting, "mesh%s", x->url + 3);
    for (int r = 0; r < x->workers; r++) {
        edges[r] = (edge){.t = toy_make("toy", x->algorithm, x->frozen, 0.0005f),
                          .rounds = x->rounds,
                          .subdivisions = x->subdivisions,
                          .options = {.url = x->mesh ? meeting : x->url,
                                      .rank = r,
                                      .id = (uint64_t)r + 1,
                                      .strategy = x->strategy,
                                      .seed = 5,
                                      .codec = x->codec,
                                      .keep_dir = x->keep,
                                      .log = print_line}};
        if (r > 0) /* only rank 0's values count */
            for (int i = 0; i < TOY_LAYERS; i++)
                if (out && edges[r].t->count[i][0]) edges[r].t->value[i][0][0] = 77.f;
        assert_int_equal(pthread_create(&edges[r].thread, NULL, run_edge, &edges[r]), 0);
    }
    for (int r = 0; r < x->workers; r++) {
        assert_int_equal(pthread_join(edges[r].thread, NULL), 0);
        if (edges[r].err) print_error("worker %d: %s\n", r, edges[r].line);
        assert_int_equal(edges[r].err, DC_OK);
        out[r] = edges[r].t;
    }
    for (int k = 0; k < servers; k++) {
        void *result;
        assert_int_equal(pthread_join(st[k], &result), 0);
        assert_int_equal((int)(intptr_t)result, DC_OK);
        dc_server_free(server[k]);
    }
}

#endif
