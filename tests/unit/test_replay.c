/* test_replay.c - a log that is replayed gives what its records say: who is summed, divided by whose images, with whose
 * statistics. The expected numbers are computed here, one float at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dynacomm_replay.h"
#include "fault/box.h"
#include "fault/fake.h"
#include "server/run_log.h"
#include "test_url.h"

#define MOMENTUM .9f
#define DECAY .0005f

static char dir[] = "/tmp/dynacomm-test-XXXXXX", path[64], weights[64];
static fake_model *m;

static const dc__log_member a = {.id = 70, .number = 0, .images = 4},
                            b = {.id = 71, .number = 1, .images = 4},
                            c = {.id = 72, .number = 2, .images = 8, .fresh = true};

static void begin(dc__run_log *log, bool carried)
{
    const dc__log_run run = {.seed = 5,
                             .first_round = 10,
                             .carried = carried,
                             .values_hash = dc__run_log_values_hash(m->model, m->value),
                             .settings = ""};
    dc__run_log_init(log);
    assert_int_equal(dc__run_log_begin(log, dir, m->model, &run), DC_OK);
}

static void end(dc__run_log *log, uint64_t version)
{
    assert_int_equal(dc__run_log_write(log, version), DC_OK);
    dc__run_log_destroy(log);
}

static dc_replay *open_replay(void)
{
    dc_replay *replay;
    assert_int_equal(dc_replay_open(&replay, path), DC_OK);
    assert_int_equal(dc_replay_begin(replay, m->model), DC_OK);
    return replay;
}

/* Gradients of member `number` are all grad[number]; its statistics grow by 1 + number. */
static void replay_round(dc_replay *replay, const float *grad, int members)
{
    dc_replay_round round;
    assert_int_equal(dc_replay_next_round(replay, &round), DC_OK);
    assert_int_equal(round.members, members);
    for (int k = 0; k < members; k++) {
        dc_replay_member who;
        dc_replay_next_member(replay, &who);
        for (size_t i = 0; i < FAKE_TRAINED; i++)
            m->gradient[i] += grad[who.number];
        for (size_t i = 0; i < FAKE_STATS; i++)
            m->value[FAKE_TRAINED + i] += 1.f + (float)who.number;
        dc_replay_take(replay);
    }
    assert_int_equal(dc_replay_step(replay), DC_OK);
}

/* The value at i of a .weights file. */
static float read_float(const char *of, size_t i)
{
    float value;
    FILE *file = fopen(of, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, (long)(20 + i * sizeof value), SEEK_SET), 0);
    assert_int_equal(fread(&value, sizeof value, 1, file), 1);
    (void)fclose(file);
    return value;
}

static float saved(dc_replay *replay, size_t i)
{
    assert_int_equal(dc_replay_save(replay, weights), DC_OK);
    return read_float(weights, i);
}

/* Darknet's step, of one weight. */
static void step(float *value, float *velocity, float sum, float rate, int images)
{
    float u = *velocity + sum;
    u = u + -DECAY * (float)images * *value;
    *value = *value + rate / (float)images * u;
    *velocity = u * MOMENTUM;
}

static void only_blocks_that_count_are_summed(void **state)
{
    (void)state;
    dc__run_log log;
    const float grad[] = {.25f, .5f};
    const uint64_t second_block = 2;
    const dc__log_member crew[] = {a, b};
    float first = m->value[0], second = m->value[FAKE_BLOCK], v1 = 0, v2 = 0;
    begin(&log, false);
    dc__run_log_roster(&log, 10, 2, crew);
    dc__run_log_rate(&log, 10, .1f);
    dc__run_log_partial(&log, 11, 1, m->model->n_blocks, &second_block);
    dc__run_log_rate(&log, 11, .2f);
    dc__run_log_rate(&log, 12, .2f);
    end(&log, 13);
    dc_replay *replay = open_replay();
    assert_int_equal(dc_replay_info_get(replay).last_round, 13);
    assert_int_equal(dc_replay_info_get(replay).n_members, 2);
    replay_round(replay, grad, 2);
    step(&first, &v1, .75f, .1f, 8);
    step(&second, &v2, .75f, .1f, 8);
    replay_round(replay, grad, 2);
    step(&first, &v1, .25f, .2f, 4);
    step(&second, &v2, .75f, .2f, 8);
    replay_round(replay, grad, 2); /* all of it again */
    step(&first, &v1, .75f, .2f, 8);
    step(&second, &v2, .75f, .2f, 8);
    assert_true(saved(replay, 0) == first);
    assert_true(saved(replay, FAKE_BLOCK) == second);
    dc_replay_round round;
    assert_int_equal(dc_replay_next_round(replay, &round), DC_OK);
    assert_int_equal(round.members, 0);
    dc_replay_free(replay);
}

/* One leaves, a new one begins with the mean of the others' statistics, and goes on with its own. */
static void rosters_change(void **state)
{
    (void)state;
    dc__run_log log;
    const float grad[] = {.25f, .5f, .125f};
    const dc__log_member two[] = {a, b}, three[] = {a, b, c},
                         last[] = {a, {.id = 72, .number = 2, .images = 8}};
    float value = m->value[0], velocity = 0;
    const float statistic = m->value[FAKE_TRAINED];
    begin(&log, false);
    dc__run_log_roster(&log, 10, 2, two);
    dc__run_log_rate(&log, 10, .1f);
    dc__run_log_roster(&log, 11, 3, three);
    dc__run_log_rate(&log, 11, .1f);
    dc__run_log_roster(&log, 12, 2, last);
    dc__run_log_rate(&log, 12, .1f);
    end(&log, 13);
    dc_replay *replay = open_replay();
    replay_round(replay, grad, 2);
    step(&value, &velocity, .75f, .1f, 8);
    replay_round(replay, grad, 3);
    step(&value, &velocity, .875f, .1f, 16);
    replay_round(replay, grad, 2);
    step(&value, &velocity, .375f, .1f, 12);
    assert_true(saved(replay, 0) == value);
    /* member 0: 1 a round; 2: from the mean of 1 and 2, 3 in each of two rounds */
    const float mean = ((statistic + 3) + (statistic + 1.5f + 6)) / 2;
    assert_true(fabsf(saved(replay, FAKE_TRAINED) - mean) < 1e-5f);
    dc_replay_free(replay);
}

/* A single worker finds its momentum in its gradients; when there are two of them, the server has it. */
static void momentum_moves(void **state)
{
    (void)state;
    dc__run_log log;
    char note[512];
    const float grad[] = {.25f, .5f};
    const dc__log_member crew[] = {a, b};
    float value = m->value[0], velocity = 0;
    begin(&log, true);
    dc__run_log_roster(&log, 10, 1, crew);
    dc__run_log_rate(&log, 10, .1f);
    dc__run_log_rate(&log, 11, .1f);
    end(&log, 12);
    dc__run_log_init(&log);
    const dc__log_run two = {.seed = 5, .first_round = 12, .carried = false, .settings = ""};
    assert_int_equal(dc__run_log_resume(&log, dir, m->model, &two, 12, note), DC_OK);
    assert_string_equal(note, "");
    dc__log_member fresh[] = {a, b};
    fresh[0].fresh = fresh[1].fresh = true;
    dc__run_log_roster(&log, 12, 2, fresh);
    dc__run_log_rate(&log, 12, .1f);
    end(&log, 13);
    dc_replay *replay = open_replay();
    replay_round(replay, grad, 1);
    step(&value, &velocity, .25f, .1f, 4);
    replay_round(replay, grad, 1);
    step(&value, &velocity, .25f, .1f, 4);
    replay_round(replay, grad, 2);
    step(&value, &velocity, .75f, .1f, 8);
    assert_true(saved(replay, 0) == value);
    dc_replay_free(replay);
}

/* Gradients that the server refuses are left out of the replay as they were out of the run. */
static void a_refused_gradient_is_logged(void **state)
{
    (void)state;
    const char *url = test_url("refused");
    const float grad[] = {.25f, .5f};
    float value = m->value[FAKE_BLOCK], velocity = 0;
    fake f[2];
    box *server = box_open((dc_server_options){.url = url, .workers = 2, .backup_dir = dir});
    assert_non_null(server);
    for (int k = 0; k < 2; k++)
        assert_int_equal(fake_enter(&f[k], url, k, m), DC_OK);
    for (int k = 0; k < 2; k++)
        assert_int_equal(fake_wait_start(&f[k]), DC_OK);
    for (uint64_t r = 0; r < 3; r++) {
        for (int k = 0; k < 2; k++)
            assert_int_equal(fake_pull(&f[k], r) || fake_take(&f[k], r), DC_OK);
        for (int k = 0; k < 2; k++) {
            assert_int_equal(fake_push(&f[k], r, 0, 1, grad[k]), DC_OK);
            assert_int_equal(fake_push(&f[k], r, 1, m->model->n_blocks, r == 1 && k == 1 ? NAN : grad[k]),
                             DC_OK);
            assert_int_equal(fake_stats(&f[k], r + 1, (float)(k + 1)), DC_OK);
        }
    }
    for (int k = 0; k < 2; k++) {
        dc__frame frame;
        assert_int_equal(fake_bye(&f[k], 3, true), DC_OK);
        assert_int_equal(fake_expect(&f[k], DC__BYE_ACK, &frame), DC_OK);
        dc__frame_free(&frame);
        fake_close(&f[k]);
    }
    box_wait_end(server);
    assert_int_equal(server->err, DC_OK);
    box_close(server);
    char final[80];
    (void)snprintf(final, sizeof final, "%s/fake_final.weights", dir);
    dc_replay *replay = open_replay();
    for (int r = 0; r < 3; r++)
        replay_round(replay, grad, 2);
    const size_t some[] = {0, FAKE_BLOCK, FAKE_W0, FAKE_TRAINED - 1};
    for (size_t k = 0; k < sizeof some / sizeof *some; k++)
        assert_true(saved(replay, some[k]) == read_float(final, some[k]));
    dc_replay_free(replay);
    step(&value, &velocity, .75f, .1f, 8);
    step(&value, &velocity, .25f, .1f, 4);
    step(&value, &velocity, .75f, .1f, 8);
    assert_true(read_float(final, FAKE_BLOCK) == value); /* it was left out */
    (void)unlink(final);
}

static void what_cannot_be_repeated_is_refused(void **state)
{
    (void)state;
    dc__run_log log;
    dc_replay *replay;
    dc_replay_round round;
    const dc__log_member twice[] = {a, a};
    assert_int_equal(dc_replay_open(&replay, "/nowhere.log"), DC_EFILE);
    begin(&log, false);
    dc__run_log_destroy(&log);
    assert_int_equal(dc_replay_open(&replay, path), DC_EFORMAT); /* nothing was saved */
    begin(&log, false);
    dc__run_log_roster(&log, 10, 2, twice);
    dc__run_log_rate(&log, 10, .1f);
    end(&log, 11);
    replay = open_replay();
    assert_int_equal(dc_replay_next_round(replay, &round), DC_EFORMAT);
    assert_non_null(strstr(dc_last_error(), "twice"));
    dc_replay_free(replay);
    begin(&log, false);
    dc__run_log_roster(&log, 10, 1, twice);
    dc__run_log_rate(&log, 10, .1f);
    end(&log, 11);
    assert_int_equal(dc_replay_open(&replay, path), DC_OK);
    m->value[3] += 1;
    assert_int_equal(dc_replay_begin(replay, m->model), DC_EMODEL);
    dc_replay_free(replay);
}

static int set_up(void **state)
{
    (void)state;
    m = fake_model_new("fake", true);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fake_model_free(m);
    return 0;
}

int main(void)
{
    if (!mkdtemp(dir)) return 1;
    (void)snprintf(path, sizeof path, "%s/fake.log", dir);
    (void)snprintf(weights, sizeof weights, "%s/fake.weights", dir);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(only_blocks_that_count_are_summed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rosters_change, set_up, tear_down),
        cmocka_unit_test_setup_teardown(momentum_moves, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_refused_gradient_is_logged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_repeated_is_refused, set_up, tear_down),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)unlink(path);
    (void)unlink(weights);
    (void)rmdir(dir);
    return failed;
}
