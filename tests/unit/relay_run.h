/* relay_run.h - a run of toys over relays, in this process. */
#ifndef RELAY_RUN_H
#define RELAY_RUN_H

#include "dynacomm_relay.h"
#include "dynacomm_server.h"
#include "toy_run.h"

typedef struct station {
    pthread_t thread;
    dc_relay *relay;
    dc_error err;
    char line[512];
} station;

static inline void *run_relay(void *argument)
{
    station *s = argument;
    s->err = dc_relay_run(s->relay);
    (void)snprintf(s->line, sizeof s->line, "%s", s->err ? dc_last_error() : "");
    return NULL;
}

static inline void start_relay(station *s, const char *parent, const char *url, int workers)
{
    const dc_relay_options o = {.parent = parent, .url = url, .workers = workers, .log = print_line};
    assert_int_equal(dc_relay_start(&s->relay, &o), DC_OK);
    assert_int_equal(pthread_create(&s->thread, NULL, run_relay, s), 0);
}

static inline void end_relay(station *s)
{
    assert_int_equal(pthread_join(s->thread, NULL), 0);
    if (s->err) print_error("relay: %s\n", s->line);
    assert_int_equal(s->err, DC_OK);
    dc_relay_free(s->relay);
}

enum { PLAIN, SINGLES, PAIRS, NESTED };

/* Trains four toys, or two for PLAIN and SINGLES; their ends in out. */
static inline void train_coded(int topology, dc_algorithm algorithm, dc_strategy strategy, const char *codec,
                               toy *out[MOST])
{
    static int runs;
    char name[32];
    (void)snprintf(name, sizeof name, "relay-%d", runs++);
    const char *url = test_url(name), *urls[2];
    const int workers = topology <= SINGLES ? 2 : 4;
    const setting x = {.url = url, .workers = workers, .serves = codec};
    pthread_t st;
    void *result;
    station relays[2] = {0};
    edge edges[MOST] = {0};
    for (int k = 0; k < 2; k++) {
        (void)snprintf(name, sizeof name, "relay-%d-%d", runs, k);
        urls[k] = test_url(name);
    }
    dc_server *server = start_server(&x, 0, &st);
    for (int k = 0; topology != PLAIN && k < 2; k++)
        start_relay(&relays[k], topology == NESTED && k ? urls[0] : url, urls[k],
                    topology == SINGLES        ? 1
                    : topology == NESTED && !k ? 3
                                               : 2);
    const int behind[4][MOST] = {{-1, -1, 0, 0}, {1, 0, 0, 0}, {0, 1, 1, 0}, {-1, 1, 0, 1}};
    for (int r = 0; r < workers; r++) {
        const int at = behind[topology][r];
        edges[r] = (edge){.t = toy_make("toy", algorithm, 2, 0.0005f),
                          .rounds = 6,
                          .subdivisions = 1 + r % 2,
                          .options = {.url = at < 0 ? url : urls[at],
                                      .rank = r,
                                      .id = (uint64_t)r + 1,
                                      .strategy = strategy,
                                      .seed = 5,
                                      .log = print_line}};
        assert_int_equal(pthread_create(&edges[r].thread, NULL, run_edge, &edges[r]), 0);
    }
    for (int r = 0; r < workers; r++) {
        assert_int_equal(pthread_join(edges[r].thread, NULL), 0);
        if (edges[r].err) print_error("worker %d: %s\n", r, edges[r].line);
        assert_int_equal(edges[r].err, DC_OK);
        out[r] = edges[r].t;
    }
    assert_int_equal(pthread_join(st, &result), 0);
    assert_int_equal((int)(intptr_t)result, DC_OK);
    dc_server_free(server);
    for (int k = 0; topology != PLAIN && k < 2; k++)
        end_relay(&relays[k]);
}

static inline void train_over(int topology, dc_algorithm algorithm, dc_strategy strategy, toy *out[MOST])
{
    train_coded(topology, algorithm, strategy, NULL, out);
}

static inline void free_all(toy **t, int n)
{
    for (int r = 0; r < n; r++)
        toy_free(t[r]);
}

#endif
