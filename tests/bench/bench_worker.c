/* bench_worker.c - what the plugin's calls around a layer cost the compute thread when nothing has to be
 * waited for.
 *
 *   build/tests/bench_worker prints nanoseconds per layer and pass, and the share of a round that makes */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "dynacomm_server.h"
#include "base/clock.h"
#include "unit/toy.h"

#define CALLS 200000

static void *serve(void *server)
{
    (void)dc_server_run(server);
    return NULL;
}

static void must(dc_error err)
{
    if (!err) return;
    (void)fprintf(stderr, "bench_worker: %s\n", dc_last_error());
    exit(1);
}

int main(void)
{
    dc_server *server;
    const dc_server_options so = {.url = "inproc://bench", .workers = 1};
    must(dc_server_start(&server, &so));
    pthread_t thread;
    if (pthread_create(&thread, NULL, serve, server) != 0) return 1;
    toy *t = toy_make("bench", DC_SGD, 0, 0);
    const dc_worker_options wo = {.url = "inproc://bench", .rank = -1, .strategy = DC_DYNACOMM};
    dc_worker *w;
    must(dc_worker_join(&w, t->model, &wo));
    dc_round_report report;
    for (int r = 0; r < 3; r++) /* parameters in, plans made */
        must(toy_round(t, w, 1, &report));
    must(dc_worker_sync(w));

    must(dc_worker_round_begin(w));
    must(dc_worker_subdivision(w, false));
    const int64_t begin = dc__now_ns();
    for (int i = 0; i < CALLS; i++) {
        must(dc_worker_forward_begin(w, i % TOY_LAYERS));
        must(dc_worker_forward_end(w, i % TOY_LAYERS));
    }
    const double pass_ns = (double)(dc__now_ns() - begin) / CALLS;
    must(dc_worker_subdivision(w, true));
    must(dc_worker_rate(w, 0.01f));
    must(dc_worker_round_end(w, &report));
    (void)printf(
        "%.0f ns per layer and pass; 150 layers: %.3f ms per round of forward and backward, 1 %% of a round of %.1f ms\n",
        pass_ns, 300 * pass_ns * 1e-6, 300 * pass_ns * 1e-4);
    must(dc_worker_leave(w, true, ""));
    pthread_join(thread, NULL);
    dc_server_free(server);
    toy_free(t);
    return 0;
}
