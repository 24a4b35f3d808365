/* test_replay_coded.c - whole runs of toys, made again from their logs on one machine: codecs, local steps, bounds on sums,
 * Adam, an average, stopped and gone on with by as many workers or others, with what a worker had not sent or without. The
 * server's last .weights are the replay's, byte for byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <unistd.h>

#include "dynacomm_replay.h"
#include "fault/fake.h"
#include "server/run_log.h"
#include "server/run_log_read.h"
#include "toy_run.h"

#define SUBDIVISIONS 2

static char dir[] = "/tmp/dynacomm-test-XXXXXX";

static void compute(toy *t, int number, uint64_t batch)
{
    for (int s = 0; s < SUBDIVISIONS; s++) {
        for (int i = 0; i < TOY_LAYERS; i++)
            toy_forward(t, i, number, batch);
        for (int i = TOY_LAYERS - 1; i >= 0 && (t->role[i] == DC_TRAINED || !t->count[i][0]); i--)
            toy_backward(t, i, number, batch, s);
    }
}

static void pass(dc_replay *replay, toy *t, const dc_replay_round_info *round, int k)
{
    const int number = dc_replay_member_get(replay, dc_replay_place(replay, k)).number, steps = round->steps;
    for (int i = 0; i < steps; i++) {
        const uint64_t batch = round->batch + (uint64_t)i;
        compute(t, number, batch);
        if (i < steps - 1) dc_replay_step_alone(replay, toy_rate(batch));
    }
    assert_int_equal(dc_replay_take(replay, k), DC_OK);
}

/* Rounds that the log has, into dir/replayed.weights. */
static int replay(const setting *x)
{
    char path[80];
    toy *t = toy_make("toy", x->algorithm, x->frozen, 0.0005f);
    dc_replay *r;
    dc_replay_round_info round;
    int rounds = 0;
    (void)snprintf(path, sizeof path, "%s/toy.log", dir);
    if (dc_replay_open(&r, path) || dc_replay_begin(r, t->model)) fail_msg("%s", dc_last_error());
    for (;; rounds++) {
        if (dc_replay_round(r, &round)) fail_msg("%s", dc_last_error());
        if (round.passes == 0) break;
        for (int k = 0; k < round.passes; k++)
            pass(r, t, &round, k);
        if (dc_replay_step(r)) fail_msg("%s", dc_last_error());
    }
    (void)snprintf(path, sizeof path, "%s/replayed.weights", dir);
    assert_int_equal(dc_replay_save(r, path), DC_OK);
    dc_replay_close(r);
    toy_free(t);
    return rounds;
}

/* A run that ends after so many rounds more. */
static void run(setting x, int workers, int rounds)
{
    toy *got[MOST];
    x.url = test_url("again");
    x.backup = x.keep = dir;
    x.workers = workers;
    x.rounds = rounds;
    x.subdivisions = SUBDIVISIONS;
    x.every = 2;
    train(&x, got);
    for (int r = 0; r < workers; r++)
        toy_free(got[r]);
}

static void command(const char *text)
{
    char line[200];
    (void)snprintf(line, sizeof line, text, dir, dir);
    if (system(line) != 0) fail_msg("%s", line);
}

static void expect_same(const setting *x, int rounds, const char *what)
{
    char line[200];
    const int replayed = replay(x);
    if (replayed != rounds) fail_msg("%s: %d rounds, not %d", what, replayed, rounds);
    (void)snprintf(line, sizeof line, "cmp %s/toy_final.weights %s/replayed.weights", dir, dir);
    if (system(line) != 0) fail_msg("%s: another model", what);
}

static void end(void)
{
    command("rm -f %s/*");
}

static const char *const codings[] = {
    "exact",      "bf16",       "int8",          "topk:0.01",    "topk:0.1:3",        "topk:0.01/int8",
    "bf16/exact", "exact/int8", "exact+local:3", "int8+local:2", "topk:0.1+local:2",  "topk:0.001/topk:0.25",
    "int4/int3",  "int3",       "int3+local:2",  "topk5:0.1",    "topk5:0.05:3/int8", "topk5:0.2+local:2"};
#define CODINGS (int)(sizeof codings / sizeof *codings)

static int steps_of(const char *coding)
{
    const char *at = strstr(coding, "local:");
    return at ? atoi(at + 6) : 1;
}

static void every_coding(void **state)
{
    (void)state;
    for (int c = 0; c < CODINGS; c++)
        for (int workers = 1; workers <= 3; workers += 2) {
            const setting x = {.serves = codings[c], .strategy = c % 2 ? DC_DUPLEX : DC_DYNACOMM};
            run(x, workers, 6);
            expect_same(&x, 6 / steps_of(codings[c]), codings[c]);
            end();
        }
}

/* Rounds of 1, 1, 1, 2, 2, 4 batches; then of 4. */
static void steps_that_grow(void **state)
{
    (void)state;
    static const char *const growing[] = {"exact+local:4:6", "topk:0.1:3+local:4:6"};
    for (int c = 0; c < 2; c++) {
        const setting x = {.serves = growing[c], .strategy = DC_DUPLEX};
        run(x, 2, 11);
        run(x, 2, 8);
        expect_same(&x, 8, growing[c]);
        end();
    }
}

/* Adam; frozen layers, which decay. */
static void optimizers(void **state)
{
    (void)state;
    for (int c = 0; c < 4; c++) {
        const setting x = {.serves = codings[c],
                           .strategy = DC_DUPLEX,
                           .algorithm = c % 2 ? DC_ADAM : DC_SGD,
                           .frozen = c < 3 ? 2 : 0};
        run(x, 2, 5);
        expect_same(&x, 5, codings[c]);
        end();
    }
}

/* Two go on, then three, then one, then two once more: with other statistics, momentum and shares. */
static void in_other_hands(void **state)
{
    (void)state;
    static const int hands[] = {2, 2, 3, 1, 2};
    for (int c = 0; c < CODINGS; c++) {
        const setting x = {.serves = codings[c], .strategy = DC_DUPLEX};
        const int steps = steps_of(codings[c]), each = steps == 1 ? 3 : 2 * steps;
        for (int k = 0; k < 5; k++)
            run(x, hands[k], each);
        expect_same(&x, 5 * each / steps, codings[c]);
        end();
    }
}

/* Worker 1's file is gone, or damaged: it goes on without. */
static void what_was_kept_is_lost(void **state)
{
    (void)state;
    for (int c = 1; c < CODINGS; c++) {
        const setting x = {.serves = codings[c], .strategy = DC_DUPLEX};
        const int steps = steps_of(codings[c]);
        run(x, 2, 8 * steps); /* there is nobody who has not kept round 0, but no such checkpoint any more */
        command("rm -f %s/toy.kept-1-*");
        run(x, 2, 2 * steps);
        command("for f in %s/toy.kept-0-*; do [ ! -e $f ] || truncate -s 99 $f; done");
        run(x, 2, 2 * steps);
        expect_same(&x, 12, codings[c]);
        end();
    }
}

/* Sums that bound liars: coordinates left out, norms that are too long; bounds change when the server is started again. */
static void bounded_sums(void **state)
{
    (void)state;
    static const dc_bounds bounds[] = {
        {.trim = 1}, {.trim = DC_TRIM_MEDIAN}, {.clip_norm = .97}, {.trim = 1, .clip_norm = .9}, {0}};
    for (int k = 0; k < 4; k++) {
        setting x = {.strategy = DC_DUPLEX, .bounds = bounds[k]};
        run(x, 4, 5);
        x.bounds = bounds[k + 1];
        run(x, 3, 4);
        x.bounds = bounds[k];
        run(x, 4, 20); /* more rounds than norms are remembered */
        expect_same(&x, 29, "bounds");
        end();
    }
}

/* Rounded to the nearest bf16, ties to even. */
static float rounded(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000u;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* A round of SGD without momentum or decay. */
static float stepped(float value, float sum)
{
    return value + .1f / 4 * sum;
}

/* The round's first block came from a process that was lost in it, with what it had kept; the rest from another, which had
 * nothing. */
static void a_process_lost_in_a_round(void **state)
{
    (void)state;
    const float g = .1234f, rest = g - rounded(g);
    const dc__log_member alone = {.id = 7, .number = 0, .images = 4};
    const dc__log_server server = {.workers = 2};
    const uint64_t first = 1;
    fake_model *m = fake_model_new("toy", false);
    m->model->optimizer.momentum = m->model->optimizer.decay = 0;
    const dc__log_run begin = {.values_hash = dc__run_log_hash(m->model, m->value), .coding = "bf16/exact"};
    dc__run_log log;
    dc__run_log_init(&log);
    assert_int_equal(dc__run_log_begin(&log, dir, m->model, &begin), DC_OK);
    dc__run_log_server(&log, 0, &server);
    dc__run_log_roster(&log, 0, 1, &alone);
    for (uint64_t r = 0; r < 3; r++) {
        if (r == 1) dc__run_log_forgot(&log, r, 0, m->model->n_blocks, &first);
        dc__run_log_rate(&log, r, .1f);
    }
    assert_int_equal(dc__run_log_write(&log, 3), DC_OK);
    dc__run_log_destroy(&log);
    float values[2] = {m->value[0], m->value[FAKE_BLOCK]};
    char path[64];
    dc_replay *r;
    dc_replay_round_info round;
    (void)snprintf(path, sizeof path, "%s/toy.log", dir);
    assert_int_equal(dc_replay_open(&r, path) || dc_replay_begin(r, m->model), DC_OK);
    for (int passes = 0;; passes++) {
        assert_int_equal(dc_replay_round(r, &round), DC_OK);
        if (round.passes == 0) break;
        assert_int_equal(round.passes, passes == 1 ? 2 : 1);
        for (int k = 0; k < round.passes; k++) {
            (void)dc_replay_place(r, k);
            for (size_t i = 0; i < FAKE_TRAINED; i++)
                m->gradient[i] += g;
            assert_int_equal(dc_replay_take(r, k), DC_OK);
        }
        assert_int_equal(dc_replay_step(r), DC_OK);
    }
    (void)snprintf(path, sizeof path, "%s/replayed.weights", dir);
    assert_int_equal(dc_replay_save(r, path), DC_OK);
    dc_replay_close(r);
    for (int i = 0; i < 2; i++) {
        values[i] = stepped(values[i], rounded(g));
        values[i] = stepped(values[i], rounded(i ? g : g + rest));
        values[i] = stepped(values[i], rounded(g + rest));
    }
    assert_true(rounded(g + rest) != rounded(g));
    FILE *file = fopen(path, "rb");
    float saved[FAKE_BLOCK + 1];
    assert_true(file && fseek(file, 20, SEEK_SET) == 0 && fread(saved, sizeof saved, 1, file) == 1);
    (void)fclose(file);
    assert_true(saved[0] == values[0] && saved[FAKE_BLOCK] == values[1]);
    fake_model_free(m);
    end();
}

int main(void)
{
    dc__flush_denormals();
    if (!mkdtemp(dir)) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_coding),
        cmocka_unit_test(steps_that_grow),
        cmocka_unit_test(optimizers),
        cmocka_unit_test(in_other_hands),
        cmocka_unit_test(what_was_kept_is_lost),
        cmocka_unit_test(bounded_sums),
        cmocka_unit_test(a_process_lost_in_a_round),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)rmdir(dir);
    return failed;
}
