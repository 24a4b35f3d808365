/* test_staleness.c - workers that may be rounds ahead of the slowest: what may be said of versions, the versions that a worker keeps, and whole
 * runs whose slowest worker is held back by the test: who was ahead, on what it computed, and that the run is its replay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <unistd.h>

#include "dynacomm_replay.h"
#include "dynacomm_server.h"
#include "server/bases.h"
#include "server/run_log_read.h"
#include "server/staleness.h"
#include "server/versions.h"
#include "toy_run.h"
#include "worker/staged.h"

#define WORKERS 3
#define ROUNDS 9

static char dir[] = "/tmp/dynacomm-test-XXXXXX";

/* ---- rates ---- */

/* SGD on x * x / 2 with gradients of values that are so old, 20,000 steps: its size at the end. */
static double after_steps(double rate, double momentum, uint32_t old)
{
    double x[DC_STALENESS_MOST + 2], size = 0;
    for (uint32_t k = 0; k < old + 2; k++)
        x[k] = 1 + 0.1 * k;
    for (int t = 0; t < 20000; t++) {
        const double next = x[0] + momentum * (x[0] - x[1]) - rate * x[old];
        memmove(x + 1, x, (old + 1) * sizeof *x);
        x[0] = fmin(fmax(next, -1e9), 1e9);
        if (t >= 19000) size = fmax(size, fabs(x[0]));
    }
    return size;
}

static void rates_beyond_the_limit_grow(void **state)
{
    (void)state;
    static const double momenta[] = {0, 0.5, 0.9, 0.95};
    static const uint32_t old[] = {0, 1, 2, 4, DC_STALENESS_MOST};
    assert_true(fabs(dc__staleness_limit(0.9, 0) - 3.8) < 1e-6);
    assert_true(fabs(dc__staleness_limit(0, 1) - 1) < 1e-6);
    for (int k = 0; k < 20; k++) {
        const double limit = dc__staleness_limit(momenta[k / 5], old[k % 5]);
        if (after_steps(0.97 * limit, momenta[k / 5], old[k % 5]) > 1e-2 ||
            after_steps(1.03 * limit, momenta[k / 5], old[k % 5]) < 1e2)
            fail_msg("momentum %g, %u rounds old: %g is not the limit", momenta[k / 5], old[k % 5], limit);
    }
}

/* ---- what may be said ---- */

static void a_base_is_bounded(void **state)
{
    (void)state;
    dc__bases b = {.most = 2};
    assert_int_equal(dc__bases_allocate(&b, 2), DC_OK);
    dc__bases_begin(&b, 10);
    assert_false(dc__bases_said(&b, 0, 10));
    assert_false(dc__bases_put(&b, 0, 11, 10, 10)); /* not its next round */
    assert_false(dc__bases_put(&b, 0, 10, 9, 10));  /* before the run */
    assert_false(dc__bases_put(&b, 0, 10, 11, 11)); /* after its round */
    assert_true(dc__bases_put(&b, 0, 10, 10, 10));
    assert_true(dc__bases_said(&b, 0, 10));
    assert_false(dc__bases_put(&b, 0, 10, 10, 10)); /* twice */
    assert_false(dc__bases_put(&b, 0, 11, 11, 10)); /* of a version that is not whole yet */
    assert_true(dc__bases_put(&b, 0, 11, 10, 10));
    assert_true(dc__bases_put(&b, 0, 12, 10, 11));
    assert_false(dc__bases_put(&b, 0, 13, 10, 11)); /* 3 rounds old */
    assert_true(dc__bases_put(&b, 0, 13, 12, 12));
    assert_false(dc__bases_put(&b, 0, 14, 11, 12) || dc__bases_said(&b, 1, 10)); /* older than before */
    assert_int_equal(dc__bases_of(&b, 0, 11), 10);
    assert_int_equal(dc__bases_of(&b, 0, 12), 10);
    assert_int_equal(dc__bases_of(&b, 0, 13), 12);
    dc__bases_release(&b);
    const dc__bases none = {0};
    assert_int_equal(dc__bases_of(&none, 1, 77), 77);
}

/* ---- the ring of versions ---- */

static void versions_are_a_ring(void **state)
{
    (void)state;
    for (uint32_t ring = 2; ring <= 4; ring++) {
        toy *t = toy_make("toy", DC_ADAM, 1, 0);
        dc__versions v = {0};
        assert_int_equal(dc__model_seal(t->model), DC_OK);
        dc__versions_init(&v);
        assert_int_equal(v.ring, 2);
        v.ring = ring;
        assert_int_equal(dc__versions_allocate(&v, t->model), DC_OK);
        for (uint64_t k = 0; k < ring; k++) {
            dc__versions_values(&v, 7 + k)[5] = (float)k;
            dc__versions_moment2(&v, 7 + k)[5] = (float)k;
            dc__versions_set_rate(&v, 7 + k, (float)k);
        }
        for (uint64_t k = 0; k < ring; k++) {
            assert_true(dc__versions_values(&v, 7 + k)[5] == (float)k);
            assert_true(dc__versions_moment2(&v, 7 + k)[5] == (float)k);
            assert_true(dc__versions_rate(&v, 7 + k) == (float)k);
        }
        const uint64_t over = dc__versions_overwritten(&v, 20); /* by version 21 */
        assert_ptr_equal(dc__versions_values(&v, over), dc__versions_values(&v, 21));
        assert_int_equal(21 - over, ring);
        assert_int_equal(dc__versions_overwritten(&v, ring - 2), DC__NO_ROUND);
        dc__versions_fill(&v, 8);
        for (uint64_t k = 0; k < ring; k++)
            assert_true(dc__versions_values(&v, 7 + k)[5] == 1);
        dc__versions_destroy(&v);
        toy_free(t);
    }
}

/* ---- what a worker keeps ---- */

/* A version's four floats, in two pieces. */
static void arrives(dc__staged *s, uint64_t version)
{
    const float values[] = {(float)version, (float)version + .25f};
    dc__staged_expect(s, version);
    dc__staged_put(s, 2, 2, values);
    assert_false(dc__staged_arrive(s, 2));
    dc__staged_put(s, 0, 2, values);
    assert_true(dc__staged_arrive(s, 2));
}

static void the_newest_whole_version_is_taken(void **state)
{
    (void)state;
    dc__staged s = {.most = 1};
    uint64_t version;
    assert_int_equal(dc__staged_allocate(&s, 4), DC_OK);
    assert_int_equal(s.whole, -1);
    arrives(&s, 5);
    const float *taken = dc__staged_take(&s, &version);
    assert_int_equal(version, 5);
    for (uint64_t k = 6; k < 12; k++) /* while it is copied, any number may come */
        arrives(&s, k);
    assert_true(taken[0] == 5 && taken[1] == 5.25f && taken[2] == 5 && taken[3] == 5.25f);
    dc__staged_give_back(&s);
    taken = dc__staged_take(&s, &version);
    assert_int_equal(version, 11);
    assert_true(taken[0] == 11 && taken[3] == 11.25f);
    dc__staged_give_back(&s);
    dc__staged_reset(&s);
    assert_int_equal(s.whole, -1);
    dc__staged_free(&s);
}

/* ---- whole runs ---- */

/* Worker 1 begins a round when worker 0 is as many rounds ahead as it may be. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t more;
    uint64_t ended, last, ahead; /* rounds that worker 0 has ended */
    bool over;                   /* somebody has failed: nobody waits any more */
} gate = {.lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER};

static void await_worker_0(uint64_t round)
{
    const uint64_t due = round + gate.ahead + 1 < gate.last ? round + gate.ahead + 1 : gate.last;
    pthread_mutex_lock(&gate.lock);
    while (gate.ended < due && !gate.over)
        pthread_cond_wait(&gate.more, &gate.lock);
    pthread_mutex_unlock(&gate.lock);
}

static void end_round(uint64_t ended, bool over)
{
    pthread_mutex_lock(&gate.lock);
    if (ended > gate.ended) gate.ended = ended;
    gate.over |= over;
    pthread_cond_broadcast(&gate.more);
    pthread_mutex_unlock(&gate.lock);
}

static void *run_gated(void *argument)
{
    edge *e = argument;
    dc_worker *w;
    dc__flush_denormals();
    e->err = dc_worker_join(&w, e->t->model, &e->options);
    if (e->err) {
        (void)snprintf(e->line, sizeof e->line, "%s", dc_last_error());
        end_round(0, true);
        return NULL;
    }
    for (e->info = dc_worker_info_get(w); !e->err && e->info.round < gate.last;
         e->info = dc_worker_info_get(w)) {
        dc_round_report report;
        if (e->options.rank == 1) await_worker_0(e->info.round);
        e->err = toy_round(e->t, w, e->subdivisions, &report);
        if (e->options.rank == 0) end_round(e->info.round + 1, e->err);
    }
    if (!e->err) e->err = dc_worker_sync(w);
    (void)snprintf(e->line, sizeof e->line, "%s", e->err ? dc_last_error() : "");
    const dc_error left = dc_worker_leave(w, e->err == DC_OK, e->line);
    if (!e->err && left) (void)snprintf(e->line, sizeof e->line, "%s", dc_last_error());
    if (!e->err) e->err = left;
    end_round(0, e->err);
    return NULL;
}

typedef struct course {
    int staleness;
    dc_strategy strategy;
    dc_algorithm algorithm;
    int workers, frozen, subdivisions;
} course;

/* Until so many rounds are done, by this server and those before it. Everybody has the server's values in the end. */
static void run(const course *c, uint64_t rounds)
{
    pthread_t st;
    void *result;
    edge edges[WORKERS] = {0};
    const setting x = {.url = test_url("stale"),
                       .backup = dir,
                       .workers = c->workers,
                       .every = 3,
                       .staleness = c->staleness};
    gate.ended = 0;
    gate.last = rounds;
    gate.ahead = (uint64_t)c->staleness;
    gate.over = false;
    dc_server *server = start_server(&x, 0, &st);
    for (int r = 0; r < c->workers; r++) {
        edges[r] = (edge){.t = toy_make("toy", c->algorithm, c->frozen, 0.0005f),
                          .subdivisions = c->subdivisions,
                          .options = {.url = x.url,
                                      .rank = r,
                                      .id = (uint64_t)r + 1,
                                      .strategy = c->strategy,
                                      .seed = 5,
                                      .log = print_line}};
        assert_int_equal(pthread_create(&edges[r].thread, NULL, run_gated, &edges[r]), 0);
    }
    for (int r = 0; r < c->workers; r++) {
        assert_int_equal(pthread_join(edges[r].thread, NULL), 0);
        if (edges[r].err) fail_msg("worker %d: %s", r, edges[r].line);
        assert_true(toy_same(edges[0].t, edges[r].t, 0));
    }
    assert_int_equal(pthread_join(st, &result), 0);
    assert_int_equal((int)(intptr_t)result, DC_OK);
    dc_server_free(server);
    for (int r = 0; r < c->workers; r++)
        toy_free(edges[r].t);
}

static void compute(toy *t, int number, uint64_t round, int subdivisions)
{
    for (int s = 0; s < subdivisions; s++) {
        for (int i = 0; i < TOY_LAYERS; i++)
            toy_forward(t, i, number, round);
        for (int i = TOY_LAYERS - 1; i >= 0; i--)
            toy_backward(t, i, number, round, s);
    }
}

static void expect_replay(const course *c)
{
    char path[64], line[200];
    toy *t = toy_make("toy", c->algorithm, c->frozen, 0.0005f);
    dc_replay *r;
    dc_replay_round_info round;
    (void)snprintf(path, sizeof path, "%s/toy.log", dir);
    if (dc_replay_open(&r, path) || dc_replay_begin(r, t->model)) fail_msg("%s", dc_last_error());
    for (;;) {
        if (dc_replay_round(r, &round)) fail_msg("%s", dc_last_error());
        if (round.passes == 0) break;
        for (int k = 0; k < round.passes; k++) {
            const int number = dc_replay_member_get(r, dc_replay_place(r, k)).number;
            compute(t, number, round.round, c->subdivisions);
            assert_int_equal(dc_replay_take(r, k), DC_OK);
        }
        if (dc_replay_step(r)) fail_msg("%s", dc_last_error());
    }
    (void)snprintf(path, sizeof path, "%s/replayed.weights", dir);
    assert_int_equal(dc_replay_save(r, path), DC_OK);
    dc_replay_close(r);
    toy_free(t);
    (void)snprintf(line, sizeof line, "cmp %s/toy_final.weights %s/replayed.weights", dir, dir);
    if (system(line) != 0) fail_msg("the replay makes another model");
}

/* What worker 0 has computed on, which was held up by worker 1 in each round from `first` on: as old as may be. Nobody's is older. */
static void expect_bases(const course *c, uint64_t first, uint64_t end)
{
    char path[64];
    dc__log_reader *reader;
    dc__log_record record;
    uint64_t behind[ROUNDS * 2] = {0};
    (void)snprintf(path, sizeof path, "%s/toy.log", dir);
    assert_int_equal(dc__log_reader_open(&reader, path, &record), DC_OK);
    while (record.type != DC__LOG_END) {
        if (record.type == DC__LOG_BASE) {
            assert_in_range(record.round - record.base, 1, (uint64_t)c->staleness);
            if (record.number == 0) behind[record.round] = record.round - record.base;
        }
        assert_int_equal(dc__log_reader_next(reader, &record), DC_OK);
    }
    dc__log_reader_close(reader);
    for (uint64_t r = first; r < end; r++)
        assert_int_equal(behind[r], r - first < (uint64_t)c->staleness ? r - first : (uint64_t)c->staleness);
}

/* Two strategies, each resumed once: a run begins and ends on what all have. */
static void runs_are_their_replay(void **state)
{
    (void)state;
    static const course courses[] = {{0, DC_DUPLEX, DC_SGD, 3, 0, 2},
                                     {1, DC_DUPLEX, DC_SGD, 3, 0, 2},
                                     {1, DC_DYNACOMM, DC_SGD, 2, 3, 1},
                                     {2, DC_DYNACOMM, DC_SGD, 3, 0, 2},
                                     {2, DC_DUPLEX, DC_ADAM, 2, 0, 1}};
    for (size_t k = 0; k < sizeof courses / sizeof *courses; k++) {
        char command[64];
        run(&courses[k], ROUNDS);
        expect_replay(&courses[k]);
        expect_bases(&courses[k], 0, ROUNDS);
        run(&courses[k], 2 * ROUNDS);
        expect_replay(&courses[k]);
        expect_bases(&courses[k], ROUNDS, 2 * ROUNDS);
        (void)snprintf(command, sizeof command, "rm -f %s/*", dir);
        assert_int_equal(system(command), 0);
    }
}

/* Worker 0 alone: its own parameters need not be back. */
static void one_worker_is_its_replay(void **state)
{
    (void)state;
    char command[64];
    const course alone = {2, DC_DUPLEX, DC_SGD, 1, 0, 1};
    run(&alone, ROUNDS);
    expect_replay(&alone);
    (void)snprintf(command, sizeof command, "rm -f %s/*", dir);
    assert_int_equal(system(command), 0);
}

static void what_it_does_not_go_with_is_refused(void **state)
{
    (void)state;
    const struct {
        dc_server_options o;
        const char *words;
    } cases[] = {
        {{.staleness = 16}, "--staleness 16: a worker may be 0 to 15"},
        {{.staleness = -1}, "--staleness -1"},
        {{.staleness = 1, .mesh = true}, "with --mesh"},
        {{.staleness = 1, .shard = 1, .shards = 2}, "with --shard"},
        {{.staleness = 1, .balance = true}, "with --balance"},
        {{.staleness = 1, .bounds.clip_norm = 2}, "with --clip-norm"},
        {{.staleness = 1, .min_workers = 1}, "with --min-workers"},
        {{.staleness = 1, .on_loss = DC_ON_LOSS_DROP}, "with --on-loss drop"},
        {{.staleness = 1, .loss_wait_s = 5}, "with --on-loss drop or wait:S"},
        {{.staleness = 1, .codec = "int8"}, "with a --codec that loses"},
        {{.staleness = 1, .codec = "exact+local:4"}, "with local steps"},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        dc_server_options o = cases[k].o;
        dc_server *server;
        o.url = test_url("refused");
        o.workers = 2;
        assert_int_equal(dc_server_start(&server, &o), DC_EINVAL);
        if (!strstr(dc_last_error(), cases[k].words) || !strstr(dc_last_error(), "--staleness"))
            fail_msg("no '%s' in: %s", cases[k].words, dc_last_error());
    }
}

int main(void)
{
    dc__flush_denormals();
    if (!mkdtemp(dir)) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_beyond_the_limit_grow),
        cmocka_unit_test(a_base_is_bounded),
        cmocka_unit_test(versions_are_a_ring),
        cmocka_unit_test(the_newest_whole_version_is_taken),
        cmocka_unit_test(runs_are_their_replay),
        cmocka_unit_test(one_worker_is_its_replay),
        cmocka_unit_test(what_it_does_not_go_with_is_refused),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)rmdir(dir);
    return failed;
}
