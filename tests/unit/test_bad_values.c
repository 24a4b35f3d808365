/* test_bad_values.c - numbers that are none: they are found wherever they stand, never summed, and what happens to who
 * sent them is --on-bad-value's word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <unistd.h>

#include "fault/box.h"
#include "fault/fake.h"
#include "model/finite.h"
#include "test_url.h"

static void found_at_every_place(void **state)
{
    (void)state;
    float x[131] = {0};
    static const float good[] = {0, -0.f, FLT_MAX, -FLT_MAX, FLT_MIN / 2, 1},
                       bad[] = {NAN, INFINITY, -INFINITY, -NAN};
    for (size_t n = 0; n <= 131; n++) {
        for (size_t i = 0; i < n; i++)
            x[i] = good[i % 6];
        assert_true(dc__is_finite(n, x));
        for (size_t i = 0; i < n; i++) {
            const float kept = x[i];
            x[i] = bad[(i + n) % 4];
            assert_false(dc__is_finite(n, x));
            assert_true(dc__is_finite(i, x));
            assert_true(dc__is_finite(n - i - 1, x + i + 1));
            x[i] = kept;
        }
    }
}

typedef struct run {
    char dir[32];
    box *b;
    fake_model *m;
    fake f[3];
    int n;
} run;

static void begin_with(run *r, int workers, int least, dc_bad_value policy, bool statistics)
{
    *r = (run){.dir = "/tmp/dynacomm-test-XXXXXX", .n = workers};
    const char *url = test_url("values");
    assert_non_null(mkdtemp(r->dir));
    r->m = fake_model_new("fake", statistics);
    r->b = box_open((dc_server_options){.url = url,
                                        .workers = workers,
                                        .min_workers = least,
                                        .loss_wait_s = least ? 1 : 0,
                                        .backup_dir = r->dir,
                                        .bounds = {.on_bad_value = policy}});
    if (!r->b) fail_msg("%s", dc_last_error());
    for (int i = 0; i < workers; i++)
        assert_int_equal(fake_enter(&r->f[i], url, i, r->m), DC_OK);
    for (int i = 0; i < workers; i++)
        assert_int_equal(fake_wait_start(&r->f[i]), DC_OK);
}

static void begin(run *r, int workers, dc_bad_value policy, bool statistics)
{
    begin_with(r, workers, 0, policy, statistics);
}

static void end(run *r)
{
    char command[64];
    for (int i = 0; i < r->n; i++)
        fake_close(&r->f[i]);
    box_close(r->b);
    fake_model_free(r->m);
    (void)snprintf(command, sizeof command, "rm -r %s", r->dir);
    assert_int_equal(system(command), 0);
}

static void bye(run *r, uint64_t rounds)
{
    for (int i = 0; i < r->n; i++) {
        dc__frame frame;
        if (r->f[i].link.channel == NULL) continue;
        assert_int_equal(fake_bye(&r->f[i], rounds, true), DC_OK);
        assert_int_equal(fake_expect(&r->f[i], DC__BYE_ACK, &frame), DC_OK);
        dc__frame_free(&frame);
    }
    box_wait_end(r->b);
    if (r->b->err) fail_msg("the run ended with: %s", r->b->line);
}

/* The saved value of the model's float i. */
static float saved(const run *r, long i)
{
    char path[64];
    float x;
    (void)snprintf(path, sizeof path, "%s/fake_final.weights", r->dir);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 20 + 4 * i, SEEK_SET), 0);
    assert_int_equal(fread(&x, sizeof x, 1, file), 1);
    (void)fclose(file);
    return x;
}

/* Version r + 1 of all, from these gradients of layer 0's blocks and of layer 2. */
static void push_all(run *r, uint64_t round, int who, float number)
{
    fake *f = &r->f[who];
    assert_int_equal(fake_pull(f, round), DC_OK);
    assert_int_equal(fake_take(f, round), DC_OK);
    assert_int_equal(fake_push(f, round, 0, r->m->model->n_blocks, number), DC_OK);
    f->round = round + 1;
}

/* One of three sends nan: the round is the mean of the other two, at twice the images of one. */
static void dropped_for_its_round(void **state)
{
    (void)state;
    run r;
    begin(&r, 3, DC_BAD_DROP, false);
    push_all(&r, 0, 1, NAN);
    push_all(&r, 0, 0, 4);
    push_all(&r, 0, 2, 8);
    if (!box_wait(r.b, "left out of that round")) fail_msg("%s", r.b->line);
    bye(&r, 1);
    assert_int_equal(
        box_count(r.b, "round 1: worker 1's gradient of layer 0 (connected weights) is nan: left out"), 1);
    const float v = r.m->value[0], decay = -.0005f * 8;
    const float expected = v + .1f / 8 * (12 + decay * v);
    assert_float_equal(saved(&r, 0), expected, 1e-6f);
    end(&r);
}

/* A block that was applied with it stays; those after count without it, its own finite ones, too. */
static void what_was_applied_stays(void **state)
{
    (void)state;
    run r;
    begin(&r, 2, DC_BAD_DROP, false);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(fake_pull(&r.f[i], 0), DC_OK);
        assert_int_equal(fake_take(&r.f[i], 0), DC_OK);
    }
    dc__frame frame;
    assert_int_equal(fake_push(&r.f[0], 0, 0, 3, 4), DC_OK);
    assert_int_equal(fake_word(&r.f[0], DC__PING, 1), DC_OK);
    assert_int_equal(fake_expect(&r.f[0], DC__PONG, &frame), DC_OK); /* they are there */
    dc__frame_free(&frame);
    assert_int_equal(fake_push(&r.f[1], 0, 0, 1, 8), DC_OK);
    assert_int_equal(fake_push(&r.f[1], 0, 1, 2, INFINITY), DC_OK);
    assert_int_equal(fake_push(&r.f[1], 0, 2, 3, 8), DC_OK);
    bye(&r, 1);
    const long at[3] = {0, FAKE_BLOCK, FAKE_W0};
    const float sum[3] = {12, 4, 4}, images[3] = {8, 4, 4};
    for (int k = 0; k < 3; k++) {
        const float v = r.m->value[at[k]];
        assert_float_equal(saved(&r, at[k]), v + .1f / images[k] * (sum[k] - .0005f * images[k] * v), 1e-6f);
    }
    end(&r);
}

static void two_in_a_row_may_stay_three_not(void **state)
{
    (void)state;
    run r;
    begin(&r, 2, DC_BAD_DROP, false);
    const bool bad[] = {true, true, false, true, true, true};
    char line[512];
    for (uint64_t round = 0; round < 6; round++) {
        push_all(&r, round, 0, 1);
        push_all(&r, round, 1, bad[round] ? NAN : 1);
    }
    assert_int_equal(fake_expect_stop(&r.f[0], line), DC_OK);
    box_wait_end(r.b);
    assert_int_equal(r.b->err, DC_EVALUE);
    assert_non_null(
        strstr(r.b->line, "round 6: worker 1's gradient of layer 0 (connected weights) is nan, the 3rd round "
                          "in a row: the worker is expelled"));
    assert_string_equal(line, r.b->line);
    assert_int_equal(box_count(r.b, "left out of that round"), 4);
    assert_int_equal(box_count(r.b, "saved round 5"), 1);
    end(&r);
}

/* Whoever summed its third has found it: the others go on, and its own session ends with what it sends next. */
static void expelled_while_others_go_on(void **state)
{
    (void)state;
    run r;
    begin_with(&r, 3, 2, DC_BAD_DROP, false);
    for (uint64_t round = 0; round < 3; round++) {
        push_all(&r, round, 1, NAN);
        push_all(&r, round, 0, 1);
        push_all(&r, round, 2, 1);
    }
    push_all(&r, 3, 0, 1); /* has version 3: it is found */
    (void)fake_pull(&r.f[1], 3);
    if (!box_wait(
            r.b, "the 3rd round in a row: the worker is expelled; the run goes on without it, and it is kept "
                 "out"))
        fail_msg("%s", r.b->line);
    fake_close(&r.f[1]);
    push_all(&r, 3, 2, 1);
    bye(&r, 4);
    assert_int_equal(box_count(r.b, "left out of that round"), 2);
    end(&r);
}

static void ends_at_once(dc_bad_value policy, const char *words)
{
    run r;
    char line[512];
    begin(&r, 2, policy, false);
    push_all(&r, 0, 0, 1);
    push_all(&r, 0, 1, 1);
    push_all(&r, 1, 0, 1);
    push_all(&r, 1, 1, -INFINITY);
    assert_int_equal(fake_expect_stop(&r.f[0], line), DC_OK);
    box_wait_end(r.b);
    assert_int_equal(r.b->err, DC_EVALUE);
    assert_non_null(strstr(line, "round 2: worker 1's gradient of layer 0 (connected weights) is -inf: "));
    assert_non_null(strstr(line, words));
    assert_int_equal(box_count(r.b, "saved round 1"), 1);
    end(&r);
}

static void stop_and_expel(void **state)
{
    (void)state;
    ends_at_once(DC_BAD_STOP, "the run ends there");
    ends_at_once(DC_BAD_EXPEL, "the worker is expelled");
}

/* There is nobody else to train with. */
static void alone(void **state)
{
    (void)state;
    run r;
    char line[512];
    begin(&r, 1, DC_BAD_DROP, false);
    push_all(&r, 0, 0, NAN);
    assert_int_equal(fake_expect_stop(&r.f[0], line), DC_OK);
    assert_non_null(strstr(line, "no other worker's gradient is left"));
    box_wait_end(r.b);
    end(&r);
}

/* Rolling statistics: those of the version before stand for them, in the file, too. */
static void statistics(void **state)
{
    (void)state;
    run r;
    begin(&r, 2, DC_BAD_DROP, true);
    push_all(&r, 0, 0, 1);
    push_all(&r, 0, 1, 1);
    assert_int_equal(fake_stats(&r.f[0], 1, 5), DC_OK);
    assert_int_equal(fake_stats(&r.f[1], 1, NAN), DC_OK);
    if (!box_wait(r.b, "round 1: worker 1's statistic of layer 2 (connected rolling_mean) is nan: left out"))
        fail_msg("%s", r.b->line);
    bye(&r, 1);
    const float before = r.m->value[FAKE_TRAINED];
    assert_float_equal(saved(&r, FAKE_TRAINED), (before + 5) / 2, 1e-6f);
    end(&r);
}

/* Finite gradients may make values that are not: they are never saved. */
static void overflow_is_not_saved(void **state)
{
    (void)state;
    run r;
    begin(&r, 2, DC_BAD_DROP, false);
    push_all(&r, 0, 0, FLT_MAX);
    push_all(&r, 0, 1, FLT_MAX);
    for (int i = 0; i < 2; i++)
        assert_int_equal(fake_bye(&r.f[i], 1, true), DC_OK);
    box_wait_end(r.b);
    assert_int_equal(r.b->err, DC_EVALUE);
    assert_non_null(strstr(r.b->line, "round 1 is not saved: a value of layer 0 (connected weights) is inf"));
    char path[64];
    (void)snprintf(path, sizeof path, "%s/fake_final.weights", r.dir);
    assert_int_not_equal(access(path, F_OK), 0);
    end(&r);
}

static void a_worker_saves_numbers_only(void **state)
{
    (void)state;
    const char *path = "/tmp/dynacomm-values.weights";
    fake_model *m = fake_model_new("fake", true);
    assert_int_equal(dc_model_save(m->model, path, 1), DC_OK);
    m->value[FAKE_W0 + 3] = INFINITY;
    assert_int_equal(dc_model_save(m->model, path, 2), DC_EVALUE);
    assert_non_null(
        strstr(dc_last_error(), "a value of layer 2 (connected weights) is inf; what was there before"));
    FILE *file = fopen(path, "rb");
    uint32_t head[4];
    assert_non_null(file);
    assert_int_equal(fread(head, sizeof *head, 4, file), 4);
    (void)fclose(file);
    assert_int_equal(head[3], 1);
    (void)unlink(path);
    fake_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(found_at_every_place),
                                       cmocka_unit_test(dropped_for_its_round),
                                       cmocka_unit_test(what_was_applied_stays),
                                       cmocka_unit_test(two_in_a_row_may_stay_three_not),
                                       cmocka_unit_test(expelled_while_others_go_on),
                                       cmocka_unit_test(stop_and_expel),
                                       cmocka_unit_test(alone),
                                       cmocka_unit_test(statistics),
                                       cmocka_unit_test(overflow_is_not_saved),
                                       cmocka_unit_test(a_worker_saves_numbers_only)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
