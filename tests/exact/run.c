/* run.c - see run.h. */
#include "exact/run.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "exact/feed.h"
#include "exact/process.h"
#include "exact/reference.h"
#include "replace/random.h"
#include "engine/session.h"

#define TIMEOUT "120" /* seconds: a loaded machine is slow, not silent */

ex_result ex_result_new(const ex_case *c)
{
    const size_t floats = c->tensors.floats + EX_MOST_ROUNDS;
    float *memory = mmap(NULL, floats * sizeof(float), PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) abort();
    return (ex_result){.snapshot = memory, .loss = memory + c->tensors.floats};
}

static void begin_round(const ex_case *c, int round)
{
    const int size = c->sizes[round];
    if (size && (size != c->net->w || size != c->net->h)) resize_network(c->net, size, size);
}

/* ---- one machine ---- */

typedef struct alone {
    const ex_case *c;
    int workers;
    const char *weights;
    ex_result result;
} alone;

/* Rows of d as subdivisions of the round under way; the library updates after the last one. */
static float train(network *net, data d, ex_reference *reference)
{
    if (!reference->wanted) return train_network(net, d);
    float sum = 0;
    for (int row = 0; row < d.X.rows; row += net->batch) {
        get_next_batch(d, net->batch, row, net->input, net->truth);
        *net->seen += (size_t)net->batch;
        net->train = 1;
        forward_network(net);
        backward_network(net);
        sum += *net->cost;
    }
    return sum / (float)d.X.rows;
}

static int run_alone(void *context)
{
    const alone *a = context;
    const ex_case *c = a->c;
    network *net = c->net;
    ex_reference reference = ex_reference_begin(net, &c->tensors);
    const int subdivisions = net->subdivisions;
    for (int round = 0; round < c->rounds; round++) {
        begin_round(c, round);
        a->result.loss[round] = 0;
        for (int rank = 0; rank < a->workers; rank++) {
            net->subdivisions = subdivisions;
            data d = ex_feed(net, c->seed, rank, round);
            net->subdivisions = subdivisions * a->workers;
            dk_random_begin(DK_STREAM_TRAIN, c->seed, (uint64_t)rank, (uint64_t)round, 0);
            a->result.loss[round] += train(net, d, &reference);
            free_data(d);
        }
        if (reference.wanted) ex_reference_update(&reference, net, &c->tensors);
    }
    ex_snapshot(&c->tensors, a->result.snapshot);
    if (a->weights) save_weights(net, (char *)a->weights);
    ex_reference_end(&reference);
    return 0;
}

bool ex_alone(const ex_case *c, int workers, const char *weights, ex_result result, char *text, size_t size)
{
    alone a = {.c = c, .workers = workers, .weights = weights, .result = result};
    ex_processes all = {.directory = c->directory};
    ex_start(&all, "one machine", run_alone, &a);
    return ex_wait(&all, text, size);
}

/* ---- workers and a server ---- */

typedef struct worker {
    const ex_case *c;
    const char *url;
    dc_strategy strategy;
    int rank;
    ex_result result;
} worker;

static int run_worker(void *context)
{
    const worker *w = context;
    const ex_case *c = w->c;
    const dk_session_options options = {.name = "exact",
                                        .url = w->url,
                                        .strategy = w->strategy,
                                        .seed = c->seed,
                                        .rank = w->rank,
                                        .timeout_s = strtod(TIMEOUT, NULL)};
    dk_session *session;
    int err = dk_session_open(c->net, &options, &session);
    if (err) {
        fprintf(stderr, "%s\n", dc_last_error());
        return 1;
    }
    for (int round = 0; !err && round < c->rounds; round++) {
        begin_round(c, round);
        data d = ex_feed(c->net, c->seed, w->rank, round);
        dk_random_begin(DK_STREAM_TRAIN, c->seed, (uint64_t)w->rank, (uint64_t)round, 0);
        dk_round done = {0};
        err = dk_session_train(session, &d, &done);
        w->result.loss[round] = done.loss;
        free_data(d);
    }
    if (!err) err = dk_session_sync(session);
    if (!err) ex_snapshot(&c->tensors, w->result.snapshot);
    if (err) fprintf(stderr, "%s\n", dc_last_error());
    const int left = dk_session_close(session, err == 0);
    if (!err && left) fprintf(stderr, "%s\n", dc_last_error());
    return err || left;
}

typedef struct server {
    const char *url, *own, *backup; /* the first one's, this one's */
    int workers, shard, shards;     /* shard: from 0 */
    bool mesh;
} server;

/* The tool itself, from beside the tests' directory. */
static bool find_tool(char path[4096])
{
    const ssize_t n = readlink("/proc/self/exe", path, 4096 - 32);
    if (n < 0) return false;
    path[n] = '\0';
    for (int up = 0; up < 2; up++)
        *strrchr(path, '/') = '\0';
    strcat(path, "/dynacomm");
    return true;
}

static int run_server(void *context)
{
    const server *s = context;
    char path[4096], workers[16], shard[32];
    if (!find_tool(path)) return 1;
    snprintf(workers, sizeof workers, "%d", s->workers);
    snprintf(shard, sizeof shard, "%d/%d", s->shard + 1, s->shards);
    if (s->shard > 0)
        execl(path, path, "server", "--quiet", "--timeout", TIMEOUT, "--listen", s->own, "--workers", workers,
              "--shard", shard, "--first", s->url, (char *)NULL);
    else
        execl(path, path, "server", "--quiet", "--timeout", TIMEOUT, "--listen", s->url, "--workers", workers,
              s->mesh ? "--mesh" : "--shard", s->mesh ? "--quiet" : shard, s->backup ? "--backup" : NULL,
              s->backup, "--backup-every", "0", (char *)NULL);
    perror(path);
    return 1;
}

typedef struct relay {
    const char *parent, *own;
    int workers;
} relay;

/* The server may not be there yet. */
static int run_relay(void *context)
{
    const relay *r = context;
    char path[4096], workers[16];
    if (!find_tool(path)) return 1;
    snprintf(workers, sizeof workers, "%d", r->workers);
    execl(path, path, "relay", "--quiet", "--timeout", TIMEOUT, "--patience", TIMEOUT "s", "--parent",
          r->parent, "--listen", r->own, "--workers", workers, (char *)NULL);
    perror(path);
    return 1;
}

static void address(const ex_case *c, bool tcp, int port, int k, char url[4096])
{
    if (tcp)
        snprintf(url, 4096, "tcp://127.0.0.1:%d", port + k);
    else
        snprintf(url, 4096, "ipc://%s/socket-%d", c->directory, k);
}

bool ex_together(const ex_case *c, dc_strategy strategy, bool tcp, int workers, const char *backup,
                 ex_result *result, char *text, size_t size)
{
    char urls[EX_MOST_SHARDS][4096], at[EX_MOST_RELAYS][4096];
    const char *url = urls[0];
    const int port = tcp ? ex_free_ports(workers + c->shards + c->relays) : 0;
    ex_processes all = {.directory = c->directory};
    worker w[EX_MOST_WORKERS];
    for (int k = 0; k < c->shards; k++) {
        address(c, tcp, port, k, urls[k]);
        server s = {.url = url,
                    .own = urls[k],
                    .backup = backup,
                    .workers = workers,
                    .shard = k,
                    .shards = c->shards,
                    .mesh = c->mesh};
        ex_start(&all, k ? "a shard" : "the server", run_server, &s);
    }
    for (int k = 0; k < c->relays; k++) {
        address(c, tcp, port, c->shards + k, at[k]);
        relay r = {.parent = url, .own = at[k], .workers = (workers - k + c->relays - 1) / c->relays};
        ex_start(&all, "a relay", run_relay, &r);
    }
    char meeting[4096]; /* mesh://HOST:PORT, or mesh:///PATH */
    snprintf(meeting, sizeof meeting, "mesh%s", url + 3);
    for (int rank = 0; rank < workers; rank++) {
        char name[32];
        snprintf(name, sizeof name, "worker %d", rank);
        w[rank] = (worker){.c = c,
                           .url = c->relays ? at[rank % c->relays]
                                  : c->mesh ? meeting
                                            : url,
                           .strategy = strategy,
                           .rank = rank,
                           .result = result[rank]};
        ex_start(&all, name, run_worker, &w[rank]);
    }
    return ex_wait(&all, text, size);
}
