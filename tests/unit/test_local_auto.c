/* test_local_auto.c - local steps whose number the server finds: the fewest that hide communication behind computation, that waver
 * with nothing but the costs; which batch a round begins with; and runs whose number changes, which are their replay to the last bit, and
 * go on with what they had found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdatomic.h>
#include <unistd.h>

#include "codec/coding.h"
#include "dynacomm_replay.h"
#include "schedule/steps.h"
#include "server/run_log_read.h"
#include "toy_run.h"

/* ---- the number ---- */

static double drawn(unsigned *seed, double least, double most)
{
    return least * pow(most / least, rand_r(seed) / (double)RAND_MAX);
}

static int draw_loads(unsigned *seed, dc__step_load loads[5])
{
    const int n = 1 + rand_r(seed) % 5;
    for (int i = 0; i < n; i++)
        loads[i] = (dc__step_load){.batch_s = drawn(seed, .01, 1), .added_s = drawn(seed, .001, 10)};
    return n;
}

/* Whether a round of so many batches is at most a quarter longer than what the slowest computes. */
static bool hides(const dc__step_load *loads, int n, uint32_t batches)
{
    double slowest = 0, longest = 0;
    for (int i = 0; i < n; i++) {
        slowest = fmax(slowest, batches * loads[i].batch_s);
        longest = fmax(longest, batches * loads[i].batch_s + loads[i].added_s);
    }
    return longest <= 1.25 * slowest * (1 + 1e-12);
}

static void it_is_the_smallest_that_hides_communication(void **state)
{
    (void)state;
    unsigned seed = 3;
    int most = 0, one = 0;
    for (int t = 0; t < 3000; t++) {
        dc__step_load loads[5];
        const int n = draw_loads(&seed, loads);
        const uint32_t steps = dc__steps_choose(loads, n, 0);
        assert_in_range(steps, 1, DC__STEPS_AUTO_MOST);
        if (steps < DC__STEPS_AUTO_MOST) assert_true(hides(loads, n, steps));
        for (uint32_t fewer = 1; fewer < steps; fewer++)
            assert_false(hides(loads, n, fewer));
        most += steps == DC__STEPS_AUTO_MOST;
        one += steps == 1;
    }
    assert_true(most > 100 && one > 100 && most + one < 2500);
}

static void known_cases(void **state)
{
    (void)state;
    const dc__step_load nothing = {.batch_s = .5}, slow = {.batch_s = .5, .added_s = 9.6},
                        int8 = {.batch_s = .5, .added_s = 2.1}, far = {.batch_s = .001, .added_s = 1};
    assert_int_equal(dc__steps_choose(&nothing, 1, 0), 1);
    assert_int_equal(dc__steps_choose(&int8, 1, 0), 17);
    assert_int_equal(dc__steps_choose(&slow, 1, 0), 64);
    assert_int_equal(dc__steps_choose(&far, 1, 0), DC__STEPS_AUTO_MOST);
    /* What one waits for the network another computes. */
    const dc__step_load two[] = {{.batch_s = .1, .added_s = .4}, {.batch_s = .5}};
    assert_int_equal(dc__steps_choose(two, 2, 0), 1);
    assert_int_equal(dc__steps_choose(two, 1, 0), 16);
}

/* A network that wavers by two fifths, for as long as it may be: nothing changes. Costs that are another: it changes once. */
static void it_changes_with_the_costs_only(void **state)
{
    (void)state;
    unsigned seed = 4;
    for (int t = 0; t < 1000; t++) {
        dc__step_load loads[5], measured[5];
        const int n = draw_loads(&seed, loads);
        uint32_t now = dc__steps_choose(loads, n, 0);
        for (int k = 0; k < 30; k++) {
            const double network = drawn(&seed, .6, 1.4);
            for (int i = 0; i < n; i++)
                measured[i] =
                    (dc__step_load){.batch_s = loads[i].batch_s, .added_s = network * loads[i].added_s};
            assert_int_equal(dc__steps_choose(measured, n, now), now);
        }
        const double times = t % 2 ? 4 : .25;
        for (int i = 0; i < n; i++)
            loads[i].added_s *= times;
        const uint32_t then = dc__steps_choose(loads, n, now);
        assert_true(t % 2 ? then >= now : then <= now);
        assert_int_equal(dc__steps_choose(loads, n, then), then);
        if (n == 1 && now > 4 && now < 16) assert_int_not_equal(then, now);
    }
}

/* ---- which batch ---- */

static void rounds_and_batches(void **state)
{
    (void)state;
    unsigned seed = 5;
    dc__batches b = dc__batches_always(1);
    uint64_t round = 0, batch = 0;
    for (int t = 0; t < 200; t++) {
        dc__steps next = dc__batches_of(&b, round + 3);
        const uint32_t before = dc__batches_of(&b, round).n;
        next.n = 1 + (uint32_t)rand_r(&seed) % 64;
        dc__batches_change(&b, next);
        dc__batches_change(&b, next); /* once more changes nothing */
        assert_true(dc__batches_possible(&b, round) && dc__batches_possible(&b, round + 3));
        for (int k = 0; k < 3 + t % 5; k++, round++) {
            const dc__steps now = dc__batches_of(&b, round);
            assert_int_equal(now.batch, batch);
            assert_int_equal(now.n, k < 3 ? before : next.n);
            batch += now.n;
        }
    }
    b.now.batch++;
    assert_false(dc__batches_possible(&b, round));
    assert_false(dc__steps_possible(&(dc__steps){.round = 5, .batch = 4, .n = 1}));
    assert_false(dc__steps_possible(&(dc__steps){.round = 5, .batch = 5, .n = 0}));
    assert_false(dc__steps_possible(&(dc__steps){.round = 5, .batch = 5, .n = DC__STEPS_MOST + 1}));
}

/* As many batches for each number on the way, but for what a round has too many; and each batch is in its round. */
static void steps_that_grow(void **state)
{
    (void)state;
    static const uint32_t most[] = {2, 3, 4, 16, 100, DC__STEPS_MOST}, warm[] = {1, 7, 100, 1000000};
    for (int t = 0; t < 6 * 4; t++) {
        const uint32_t n = most[t / 4], batches = warm[t % 4];
        dc__coding c;
        char text[DC__CODING_BYTES];
        (void)snprintf(text, sizeof text, "int8+local:%u:%u", n, batches);
        assert_int_equal(dc__coding_parse(text, &c), DC_OK);
        const dc__batches b = dc__coding_batches(&c);
        uint64_t batch = 0, round = 0, begun = 0;
        uint32_t now = 1, stages = 0;
        for (uint32_t k = 1; k < n; k *= 2)
            stages++;
        for (; now < n; round++) {
            const dc__steps s = dc__batches_of(&b, round);
            assert_int_equal(s.batch, batch);
            assert_int_equal(dc__batches_round(&b, batch), round);
            assert_int_equal(dc__batches_round(&b, batch + s.n - 1), round);
            assert_true(s.n == now || s.n == (2 * now < n ? 2 * now : n));
            assert_true(s.n == now || batch - begun <= batches / stages + now);
            if (s.n != now) begun = batch;
            batch += now = s.n;
        }
        assert_true(begun >= batches && begun < batches + 2 * n);
        const dc__steps far = dc__batches_of(&b, round + 1000);
        assert_true(far.n == n && dc__batches_round(&b, far.batch) == round + 1000);
    }
}

static void codings(void **state)
{
    (void)state;
    static const char *const right[] = {"exact+local:auto", "int8+local:auto", "topk:0.01/int8+local:auto"};
    static const char *const wrong[] = {"exact+local:Auto", "exact+local:auto8", "exact+local:auto/int8",
                                        "+local:auto"};
    dc__coding c;
    char text[DC__CODING_BYTES];
    for (size_t k = 0; k < sizeof right / sizeof *right; k++) {
        assert_int_equal(dc__coding_parse(right[k], &c), DC_OK);
        assert_true(c.local_auto && c.local_steps == 1 && dc__coding_local(&c) && dc__coding_keeps(&c));
        dc__coding_text(&c, text);
        assert_string_equal(text, right[k]);
    }
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++)
        assert_int_equal(dc__coding_parse(wrong[k], &c), DC_EINVAL);
    toy *t = toy_make("toy", DC_SGD, 0, 0);
    dc_worker *w;
    const dc_worker_options o = {.url = test_url("nobody"), .rank = -1, .local_steps = "0"};
    assert_int_equal(dc_worker_join(&w, t->model, &o), DC_EINVAL);
    assert_string_equal(
        dc_last_error(),
        "'0' local steps: give a whole number from 1 to 10000, N:BATCHES of warm-up, or auto");
    toy_free(t);
}

/* ---- runs ---- */

#define WORKERS 2

static char dir[] = "/tmp/dynacomm-test-XXXXXX";
static _Atomic uint64_t end_batch; /* workers end with the first push from there on */

/* Little to compute, and much to send. */
static void compute(toy *t, int number, uint64_t batch)
{
    toy_forward(t, 0, number, batch);
    for (int i = 1; i >= 0; i--)
        toy_backward(t, i, number, batch, 0);
}

static dc_error train_batch(toy *t, dc_worker *w)
{
    dc_round_report report;
    const dc_report figures = {.loss = 1, .map = NAN};
    const dc_worker_info info = dc_worker_info_get(w);
    dc_error err = dc_worker_round_begin(w);
    if (!err) err = dc_worker_subdivision(w, true);
    for (int i = 0; !err && i < TOY_LAYERS; i++) {
        err = dc_worker_forward_begin(w, i);
        if (!err) err = dc_worker_forward_end(w, i);
    }
    if (!err) err = dc_worker_rate(w, toy_rate(info.round));
    if (!err) compute(t, info.rank, info.round);
    for (int i = TOY_LAYERS - 1; !err && i >= 0; i--) {
        err = dc_worker_backward_begin(w, i);
        if (!err) err = dc_worker_backward_end(w, i);
    }
    if (!err) err = dc_worker_round_end(w, &report);
    if (!err) dc_worker_report(w, &figures);
    return err;
}

static void *run_until_end(void *argument)
{
    edge *e = argument;
    dc__flush_denormals();
    dc_worker *w;
    e->err = dc_worker_join(&w, e->t->model, &e->options);
    if (e->err) return NULL;
    for (;;) {
        e->info = dc_worker_info_get(w);
        if (e->err || (e->info.alone == 0 && e->info.round >= end_batch)) break;
        e->err = train_batch(e->t, w);
    }
    if (!e->err) e->err = dc_worker_sync(w);
    (void)snprintf(e->line, sizeof e->line, "%s", e->err ? dc_last_error() : "");
    const dc_error left = dc_worker_leave(w, e->err == DC_OK, e->line);
    if (!e->err) e->err = left;
    return NULL;
}

/* What the server shows, once there is more than one batch in a round, or `batches` are done. */
static dc_status *await(dc_server *server, uint32_t more_than, uint64_t batches)
{
    for (;;) {
        dc_status *s;
        assert_int_equal(dc_server_status(server, &s), DC_OK);
        if (s->state != DC_RUN_WAITING && s->local_steps > more_than && s->batches >= batches) return s;
        const bool failed = s->state == DC_RUN_FAILED;
        if (failed) fail_msg("%s", s->line);
        dc_status_free(s);
        usleep(2000); /* between two looks */
    }
}

/* A run with this codec that goes on until workers step alone, and then for some batches more. Both have the server's values. */
static uint32_t run(const char *codec, uint32_t found)
{
    pthread_t st;
    void *result;
    const setting x = {
        .url = test_url("auto"), .backup = dir, .workers = WORKERS, .every = 50, .serves = codec};
    dc_server *server = start_server(&x, 0, &st);
    edge edges[WORKERS] = {0};
    end_batch = UINT64_MAX;
    for (int r = 0; r < WORKERS; r++) {
        edges[r] = (edge){.t = toy_make("toy", DC_SGD, 0, 0.0005f),
                          .options = {.url = x.url,
                                      .rank = r,
                                      .id = (uint64_t)r + 1,
                                      .strategy = r ? DC_DUPLEX : DC_DYNACOMM,
                                      .seed = 5,
                                      .keep_dir = dir,
                                      .log = print_line}};
        assert_int_equal(pthread_create(&edges[r].thread, NULL, run_until_end, &edges[r]), 0);
    }
    dc_status *s = await(server, 0, 1);
    if (found) assert_int_equal(s->local_steps, found); /* resumed */
    dc_status_free(s);
    s = await(server, 1, 0);
    assert_true(s->local_auto);
    end_batch = s->batches + 1000; /* more than anybody can be ahead of what is shown */
    dc_status_free(s);
    for (int r = 0; r < WORKERS; r++) {
        assert_int_equal(pthread_join(edges[r].thread, NULL), 0);
        if (edges[r].err) fail_msg("worker %d: %s", r, edges[r].line);
    }
    assert_int_equal(pthread_join(st, &result), 0);
    assert_int_equal((int)(intptr_t)result, DC_OK);
    assert_int_equal(edges[0].info.round, edges[1].info.round);
    assert_true(toy_same(edges[0].t, edges[1].t, 0));
    const uint32_t last = (uint32_t)edges[0].info.local_steps;
    assert_int_equal(dc_server_status(server, &s), DC_OK);
    assert_int_equal(s->batches, edges[0].info.round);
    dc_status_free(s);
    dc_server_free(server);
    for (int r = 0; r < WORKERS; r++)
        toy_free(edges[r].t);
    return last;
}

static void pass(dc_replay *replay, toy *t, const dc_replay_round_info *round, int k)
{
    const int number = dc_replay_member_get(replay, dc_replay_place(replay, k)).number;
    for (int i = 0; i < round->steps; i++) {
        const uint64_t batch = round->batch + (uint64_t)i;
        compute(t, number, batch);
        if (i < round->steps - 1) dc_replay_step_alone(replay, toy_rate(batch));
    }
    assert_int_equal(dc_replay_take(replay, k), DC_OK);
}

static void expect_replay(void)
{
    char path[64], line[200];
    toy *t = toy_make("toy", DC_SGD, 0, 0.0005f);
    dc_replay *r;
    dc_replay_round_info round;
    uint64_t batch = 0;
    (void)snprintf(path, sizeof path, "%s/toy.log", dir);
    if (dc_replay_open(&r, path) || dc_replay_begin(r, t->model)) fail_msg("%s", dc_last_error());
    for (;;) {
        if (dc_replay_round(r, &round)) fail_msg("%s", dc_last_error());
        if (round.passes == 0) break;
        assert_int_equal(round.batch, batch);
        batch += (uint64_t)round.steps;
        for (int k = 0; k < round.passes; k++)
            pass(r, t, &round, k);
        if (dc_replay_step(r)) fail_msg("%s", dc_last_error());
    }
    (void)snprintf(path, sizeof path, "%s/replayed.weights", dir);
    assert_int_equal(dc_replay_save(r, path), DC_OK);
    dc_replay_close(r);
    toy_free(t);
    (void)snprintf(line, sizeof line, "cmp %s/toy_final.weights %s/replayed.weights", dir, dir);
    if (system(line) != 0) fail_msg("the replay makes another model");
}

/* Records of how many batches rounds have, each of which goes on where the one before it ends. */
static int changes(void)
{
    char path[64];
    dc__log_reader *reader;
    dc__log_record record;
    dc__batches b = dc__batches_always(1);
    int n = 0;
    (void)snprintf(path, sizeof path, "%s/toy.log", dir);
    assert_int_equal(dc__log_reader_open(&reader, path, &record), DC_OK);
    while (record.type != DC__LOG_END) {
        if (record.type == DC__LOG_STEPS) {
            const dc__steps before = dc__batches_of(&b, record.round);
            assert_int_equal(record.steps.batch, before.batch);
            n += record.steps.n != before.n;
            dc__batches_change(&b, record.steps);
        }
        assert_int_equal(dc__log_reader_next(reader, &record), DC_OK);
    }
    dc__log_reader_close(reader);
    return n;
}

static void runs_are_their_replay(void **state)
{
    (void)state;
    static const char *const codecs[] = {"exact+local:auto", "topk:0.1+local:auto"};
    for (int c = 0; c < 2; c++) {
        char command[64];
        const uint32_t found = run(codecs[c], 0);
        assert_true(found > 1 && changes() > 0);
        expect_replay();
        (void)run(codecs[c], found);
        expect_replay();
        (void)snprintf(command, sizeof command, "rm -f %s/*", dir);
        assert_int_equal(system(command), 0);
    }
}

int main(void)
{
    dc__flush_denormals();
    if (!mkdtemp(dir)) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_the_smallest_that_hides_communication),
        cmocka_unit_test(known_cases),
        cmocka_unit_test(it_changes_with_the_costs_only),
        cmocka_unit_test(steps_that_grow),
        cmocka_unit_test(rounds_and_batches),
        cmocka_unit_test(codings),
        cmocka_unit_test(runs_are_their_replay),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)rmdir(dir);
    return failed;
}
