/* test_stress.c - random models, workers and strategies under random delays equal one machine bit for bit.
 *
 * Each run draws a model (layers, sizes, frozen ones, optimizer), 1 to 4 workers, another strategy for
 * each, and rounds. Delays come where threads hand work to each other: this program's nn_send and nn_recv
 * stand before libnanomsg's, and the linker puts its dc__message_alloc, pthread_cond_signal and _broadcast
 * before the library's and the system's (-Wl,--wrap), so the library under test is the one that ships. A
 * third of the runs go through a network of lies (fault/lies.h), which delays and breaks connections.
 * In half of the runs workers die in the middle of a round, and come back: as another process would, with the same id and zeros
 * where gradients are summed, or in the same process (dc_worker_rejoin).
 * After the last round every worker's values are compared with dc_model_update on the gradients summed in
 * rank order.
 *
 * Mostly waits: delays are what it makes.
 *   STRESS_SEED= another series (printed)   STRESS_ROUNDS= about how many rounds in all (default 2500) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "base/floatmode.h"
#include "model/model.h"
#include "fault/box.h"
#include "fault/lies.h"
#include "test_url.h"
#include "worker/worker.h"

#define MOST_LAYERS 12
#define MOST_WORKERS 4

/* ---- delays ---- */

static _Atomic uint64_t delay_state;
static _Atomic uint32_t delay_share; /* of 1000 hand-overs */
static _Atomic uint64_t delays;      /* made so far: a test of nothing otherwise */
static uint64_t cuts;                /* likewise, of connections */
static _Atomic uint64_t deaths[2];   /* of workers that came back as the same process; as another one */

static void hand_over(void)
{
    uint64_t mine = atomic_fetch_add(&delay_state, 0x9e3779b97f4a7c15u);
    const uint64_t r = lies_random(&mine);
    if (r % 1000 >= delay_share) return;
    const struct timespec pause = {.tv_nsec = (long)(r >> 40) % 400000};
    nanosleep(&pause, NULL);
    delays++;
}

static int (*real_send)(int, const void *, size_t, int);
static int (*real_recv)(int, void *, size_t, int);

/* Before main(), so before any thread. */
__attribute__((constructor)) static void find_real(void)
{
    *(void **)&real_send = dlsym(RTLD_NEXT, "nn_send");
    *(void **)&real_recv = dlsym(RTLD_NEXT, "nn_recv");
}

int nn_send(int socket, const void *buffer, size_t n, int flags);
int nn_recv(int socket, void *buffer, size_t n, int flags);

__attribute__((visibility("default"))) int nn_send(int socket, const void *buffer, size_t n, int flags)
{
    hand_over(); /* values are copied, nobody else knows yet */
    return real_send(socket, buffer, n, flags);
}

__attribute__((visibility("default"))) int nn_recv(int socket, void *buffer, size_t n, int flags)
{
    const int got = real_recv(socket, buffer, n, flags);
    if (got >= 0) hand_over(); /* the peer is ahead of us */
    return got;
}

void *__real_dc__message_alloc(size_t n);
void *__wrap_dc__message_alloc(size_t n);
void *__wrap_dc__message_alloc(size_t n)
{
    hand_over(); /* a block was picked and its values are not read yet */
    return __real_dc__message_alloc(n);
}

/* What the woken thread waits for has happened; the mutex, if held, makes every thread behind it late too. */
int __real_pthread_cond_signal(pthread_cond_t *cond);
int __wrap_pthread_cond_signal(pthread_cond_t *cond);
int __wrap_pthread_cond_signal(pthread_cond_t *cond)
{
    hand_over();
    return __real_pthread_cond_signal(cond);
}

int __real_pthread_cond_broadcast(pthread_cond_t *cond);
int __wrap_pthread_cond_broadcast(pthread_cond_t *cond);
int __wrap_pthread_cond_broadcast(pthread_cond_t *cond)
{
    hand_over();
    return __real_pthread_cond_broadcast(cond);
}

/* ---- a random model ---- */

typedef struct plan_of_model {
    int layers, frozen;
    size_t count[MOST_LAYERS], stats[MOST_LAYERS];
    dc_algorithm algorithm;
} recipe;

typedef struct net {
    const recipe *recipe;
    dc_model *model;
    float *value[MOST_LAYERS], *gradient[MOST_LAYERS], *stats[MOST_LAYERS];
} net;

static recipe draw_recipe(uint64_t *random)
{
    recipe r = {.layers = 1 + (int)(lies_random(random) % MOST_LAYERS)};
    r.algorithm = lies_random(random) % 4 == 0 ? DC_ADAM : DC_SGD;
    for (int i = 0; i < r.layers; i++) {
        static const size_t sizes[] = {
            0, 1, 100, 5000, DC__BLOCK_FLOATS_MOST, DC__BLOCK_FLOATS_MOST + 1, 40000, 90000};
        r.count[i] = sizes[lies_random(random) % 8];
        if (r.count[i] > 1 && lies_random(random) % 2) r.count[i] -= lies_random(random) % (r.count[i] / 2);
        r.stats[i] = r.count[i] && lies_random(random) % 2 ? 1 + lies_random(random) % 50 : 0;
    }
    r.count[r.layers - 1] += 10; /* something is trained */
    r.frozen = lies_random(random) % 3 == 0 ? (int)(lies_random(random) % (uint64_t)r.layers) : 0;
    return r;
}

static float number(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t state = a * 1000003 + b * 7919 + c;
    return (float)(lies_random(&state) % 20001) / 10000.f - 1.f;
}

static net *make_net(const recipe *r, uint32_t images)
{
    net *n = calloc(1, sizeof *n);
    const dc_optimizer o = {
        .algorithm = r->algorithm, .momentum = .9f, .decay = .0005f, .b1 = .9f, .b2 = .999f, .eps = 1e-7f};
    assert_int_equal(dc_model_new(&n->model, "stress", &o, images), DC_OK);
    n->recipe = r;
    for (int i = 0; i < r->layers; i++) {
        assert_int_equal(dc_model_add_layer(n->model, "layer"), DC_OK);
        if (r->count[i] == 0) continue;
        n->value[i] = calloc(r->count[i], sizeof(float));
        n->gradient[i] = calloc(r->count[i], sizeof(float));
        for (size_t j = 0; j < r->count[i]; j++)
            n->value[i][j] = number(j, (uint64_t)i, 1);
        const dc_tensor weights = {.name = "weights",
                                   .role = i < r->frozen ? DC_FROZEN : DC_TRAINED,
                                   .is_weights = i % 2,
                                   .saved = true,
                                   .count = r->count[i],
                                   .value = n->value[i],
                                   .gradient = n->gradient[i],
                                   .rate_scale = 1};
        assert_int_equal(dc_model_add_tensor(n->model, &weights), DC_OK);
        if (r->stats[i] == 0) continue;
        n->stats[i] = calloc(r->stats[i], sizeof(float));
        const dc_tensor mean = {.name = "rolling_mean",
                                .role = DC_STATISTIC,
                                .saved = true,
                                .count = r->stats[i],
                                .value = n->stats[i],
                                .rate_scale = 1};
        assert_int_equal(dc_model_add_tensor(n->model, &mean), DC_OK);
    }
    return n;
}

static void free_net(net *n)
{
    for (int i = 0; i < n->recipe->layers; i++) {
        free(n->value[i]);
        free(n->gradient[i]);
        free(n->stats[i]);
    }
    dc_model_free(n->model);
    free(n);
}

/* A layer's backward: reads the values, so that old or torn parameters show. */
static void backward(net *n, const net *at, int i, int rank, uint64_t round)
{
    const float shift = number((uint64_t)rank, round, (uint64_t)i);
    for (size_t j = 0; i >= n->recipe->frozen && j < n->recipe->count[i]; j++)
        n->gradient[i][j] += .1f * at->value[i][j] + shift * (float)(j % 13);
}

static void forward(net *n, int i, int rank, uint64_t round)
{
    for (size_t j = 0; j < n->recipe->stats[i]; j++)
        n->stats[i][j] = .9f * n->stats[i][j] + number(j, (uint64_t)rank, round);
}

/* ---- a run ---- */

typedef struct edge {
    pthread_t thread;
    net *n;
    dc_worker_options options;
    int rounds;
    uint64_t random;
    uint32_t mortal; /* of 1000 layers, in which it dies */
    dc_error err;
    char line[512];
} edge;

/* Its connection is gone, and it does not say so. */
static dc_error live(edge *e, dc_worker *w)
{
    if (lies_random(&e->random) % 1000 >= e->mortal) return DC_OK;
    const dc_error err = dc_error_set(DC_EPEER, "it dies");
    dc__worker_fail(w, err);
    return err;
}

static dc_error train_round(edge *e, dc_worker *w, uint64_t round)
{
    const int layers = e->n->recipe->layers, rank = e->options.rank;
    dc_round_report report;
    dc_error err = dc_worker_round_begin(w);
    if (!err) err = dc_worker_subdivision(w, true);
    for (int i = 0; !err && i < layers; i++) {
        err = dc_worker_forward_begin(w, i);
        if (!err) forward(e->n, i, rank, round);
        if (!err) err = live(e, w);
        if (!err) err = dc_worker_forward_end(w, i);
    }
    if (!err) err = dc_worker_rate(w, .01f);
    for (int i = layers - 1; !err && i >= e->n->recipe->frozen; i--) {
        err = dc_worker_backward_begin(w, i);
        if (!err) backward(e->n, e->n, i, rank, round);
        if (!err) err = live(e, w);
        hand_over();
        if (!err) err = dc_worker_backward_end(w, i);
    }
    return err ? err : dc_worker_round_end(w, &report);
}

/* To the last round, as a process that comes back now and then. True if it ends for good. */
static bool train(edge *e, dc_worker *w)
{
    for (;;) {
        e->err = DC_OK;
        while (!e->err && dc_worker_info_get(w).round < (uint64_t)e->rounds)
            e->err = train_round(e, w, dc_worker_info_get(w).round);
        if (!e->err) e->err = dc_worker_sync(w);
        if (!e->err || !e->mortal || !dc_worker_lost_server(w)) return true;
        const bool another = lies_random(&e->random) % 2;
        deaths[another]++;
        if (another) return false;
        e->err = dc_worker_rejoin(w);
        if (e->err) return true;
    }
}

static void forget_gradients(const net *n)
{
    for (int i = 0; i < n->recipe->layers; i++)
        if (n->recipe->count[i]) memset(n->gradient[i], 0, n->recipe->count[i] * sizeof(float));
}

static void *run_edge(void *argument)
{
    edge *e = argument;
    dc_worker *w;
    dc__flush_denormals();
    for (bool over = false; !over;) {
        e->err = dc_worker_join(&w, e->n->model, &e->options);
        if (e->err) {
            (void)snprintf(e->line, sizeof e->line, "%s", dc_last_error());
            return NULL;
        }
        over = train(e, w);
        if (e->err) (void)snprintf(e->line, sizeof e->line, "%s", dc_last_error());
        const dc_error left = dc_worker_leave(w, e->err == DC_OK, e->line);
        if (!e->err && left) (void)snprintf(e->line, sizeof e->line, "%s", dc_last_error());
        if (!e->err) e->err = left;
        forget_gradients(e->n);
    }
    return NULL;
}

static net *reference(const recipe *r, int workers, int rounds)
{
    net *all = make_net(r, 2 * (uint32_t)workers), *part = make_net(r, 2);
    for (int round = 0; round < rounds; round++) {
        for (int rank = 0; rank < workers; rank++)
            for (int i = 0; i < r->layers; i++) {
                if (workers == 1) { /* onto the momentum, as one machine does */
                    backward(all, all, i, 0, (uint64_t)round);
                    continue;
                }
                if (r->count[i]) memset(part->gradient[i], 0, r->count[i] * sizeof(float));
                backward(part, all, i, rank, (uint64_t)round);
                for (size_t j = 0; i >= r->frozen && j < r->count[i]; j++)
                    all->gradient[i][j] += part->gradient[i][j];
            }
        assert_int_equal(dc_model_update(all->model, .01f, (uint64_t)round + 1), DC_OK);
    }
    free_net(part);
    return all;
}

/* Every third run goes through a network of lies: url is then the server's own address. */
static lies *draw_network(uint64_t *random, char *url, size_t size)
{
    lies_options options = {.seed = lies_random(random)};
    options.delay_most_ns = (int64_t)(lies_random(random) % 2000000);
    options.cut_bytes = 100000 + lies_random(random) % 2000000;
    options.still_most_ns = (int64_t)(lies_random(random) % 20000000);
    if (lies_random(random) % 3 != 0) return NULL;
    options.port = lies_free_port();
    (void)snprintf(url, size, "tcp://127.0.0.1:%d", options.port);
    lies *network = lies_open(options);
    assert_non_null(network);
    return network;
}

static int one_run(uint64_t seed, int k)
{
    uint64_t random = seed + (uint64_t)k * 1000003;
    const recipe r = draw_recipe(&random);
    const int workers = 1 + (int)(lies_random(&random) % MOST_WORKERS);
    const int rounds = 5 + (int)(lies_random(&random) % 40);
    char url[96], what[256] = "";
    (void)snprintf(url, sizeof url, "%s", test_url("stress"));
    delay_state = lies_random(&random);
    delay_share = (uint32_t)(lies_random(&random) % 100);
    lies *network = draw_network(&random, url, sizeof url);
    box *b =
        box_open((dc_server_options){.url = url, .workers = workers, .timeout_s = 60, .loss_wait_s = 60});
    assert_non_null(b);
    if (network) (void)snprintf(url, sizeof url, "tcp://127.0.0.1:%d", network->port);
    edge e[MOST_WORKERS];
    const uint32_t mortal = lies_random(&random) % 2 ? 1 + (uint32_t)(lies_random(&random) % 10) : 0;
    for (int i = 0; i < workers; i++) {
        const dc_strategy strategy = (dc_strategy)(lies_random(&random) % (DC_AUTO + 1));
        e[i] = (edge){
            .n = make_net(&r, 2),
            .rounds = rounds,
            .random = lies_random(&random),
            .mortal = mortal,
            .options = {.url = url, .rank = i, .id = 1 + (uint64_t)i, .strategy = strategy, .timeout_s = 60}};
        (void)strcat(strcat(what, " "), dc_strategy_name(strategy));
        assert_int_equal(pthread_create(&e[i].thread, NULL, run_edge, &e[i]), 0);
    }
    net *want = reference(&r, workers, rounds);
    for (int i = 0; i < workers; i++) {
        pthread_join(e[i].thread, NULL);
        if (e[i].err)
            fail_msg("seed %llu run %d,%s: worker %d: %s", (unsigned long long)seed, k, what, i, e[i].line);
        for (int l = 0; l < r.layers; l++)
            if (r.count[l] && memcmp(e[i].n->value[l], want->value[l], r.count[l] * sizeof(float)) != 0)
                fail_msg(
                    "seed %llu run %d,%s, %d rounds, optimizer %d, %d frozen: layer %d of worker %d differs",
                    (unsigned long long)seed, k, what, rounds, (int)r.algorithm, r.frozen, l, i);
        free_net(e[i].n);
    }
    free_net(want);
    box_close(b);
    if (network) {
        cuts += (uint64_t)network->cuts;
        lies_close(network);
    }
    return rounds;
}

static void random_runs_equal_one_machine(void **state)
{
    (void)state;
    const char *seed_text = getenv("STRESS_SEED"), *rounds_text = getenv("STRESS_ROUNDS");
    const uint64_t seed = seed_text ? strtoull(seed_text, NULL, 10) : 20260101;
    const long most = rounds_text ? atol(rounds_text) : 2500;
    dc__flush_denormals();
    long rounds = 0;
    int runs = 0;
    while (rounds < most)
        rounds += one_run(seed, runs++);
    print_message(
        "STRESS_SEED=%llu: %d runs, %ld rounds, %llu delays, %llu connections broken, %llu deaths\n",
        (unsigned long long)seed, runs, rounds, (unsigned long long)delays, (unsigned long long)cuts,
        (unsigned long long)(deaths[0] + deaths[1]));
    assert_true(cuts > 0 && deaths[0] > 0 && deaths[1] > 0);
    assert_true(delays > (uint64_t)rounds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_runs_equal_one_machine)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
