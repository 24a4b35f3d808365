/* test_replay.c - a log that is replayed gives what its records say: who is summed, divided by whose images, with whose
 * statistics. The expected numbers are computed here, one float at a time, or are those of a server that refused some. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/floatmode.h"
#include "dynacomm_replay.h"
#include "fault/box.h"
#include "fault/fake.h"
#include "server/run_log.h"
#include "server/run_log_read.h"
#include "test_url.h"

#define MOMENTUM .9f
#define DECAY .0005f

static char dir[] = "/tmp/dynacomm-test-XXXXXX", path[64], weights[64];
static fake_model *m;

static const dc__log_member a = {.id = 70, .number = 0, .images = 4},
                            b = {.id = 71, .number = 1, .images = 4},
                            c = {.id = 72, .number = 2, .images = 8, .statistics = DC__LOG_OF_OTHERS};

static void begin(dc__run_log *log, bool carried)
{
    const dc__log_run run = {
        .seed = 5, .first_round = 10, .values_hash = dc__run_log_hash(m->model, m->value), .coding = "exact"};
    const dc__log_server server = {.workers = carried ? 1 : 2, .carried = carried};
    dc__run_log_init(log);
    assert_int_equal(dc__run_log_begin(log, dir, m->model, &run), DC_OK);
    dc__run_log_server(log, 10, &server);
}

static void end(dc__run_log *log, uint64_t version)
{
    assert_int_equal(dc__run_log_write(log, version), DC_OK);
    dc__run_log_destroy(log);
}

static dc_replay *open_replay(void)
{
    dc_replay *replay;
    if (dc_replay_open(&replay, path) || dc_replay_begin(replay, m->model)) fail_msg("%s", dc_last_error());
    return replay;
}

/* What a worker adds: gradients of member `number` are all grad[number], of its last two blocks NAN if it is `nan`; its
 * statistics grow by 1 + number, or are NAN. */
typedef struct plan {
    const float *grad;
    int members;
    int nan, nan_statistics; /* a number, or -1 */
} plan;

static void replay_round(dc_replay *replay, const plan *p)
{
    dc_replay_round_info round;
    if (dc_replay_round(replay, &round)) fail_msg("%s", dc_last_error());
    assert_int_equal(round.members, p->members);
    for (int k = 0; k < p->members; k++) {
        const int number = dc_replay_member_get(replay, dc_replay_place(replay, k)).number;
        for (size_t i = 0; i < FAKE_TRAINED; i++)
            m->gradient[i] += number == p->nan && i >= FAKE_BLOCK ? NAN : p->grad[number];
        for (size_t i = 0; i < FAKE_STATS; i++)
            m->value[FAKE_TRAINED + i] =
                number == p->nan_statistics ? NAN : m->value[FAKE_TRAINED + i] + 1.f + (float)number;
        assert_int_equal(dc_replay_take(replay, k), DC_OK);
    }
    assert_int_equal(dc_replay_step(replay), DC_OK);
}

static void replay_honest(dc_replay *replay, const float *grad, int members)
{
    replay_round(replay, &(plan){grad, members, -1, -1});
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

/* After the last round. */
static void finish(dc_replay *replay)
{
    dc_replay_round_info round;
    assert_int_equal(dc_replay_round(replay, &round), DC_OK);
    assert_int_equal(round.members, 0);
    assert_int_equal(dc_replay_save(replay, weights), DC_OK);
    dc_replay_close(replay);
}

static float saved(size_t i)
{
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

/* The caller's thread keeps its floating-point mode. */
static void only_blocks_that_count_are_summed(void **state)
{
    const unsigned long mode = dc__float_mode();
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
    assert_int_equal(dc_replay_info_get(replay).members, 2);
    replay_honest(replay, grad, 2);
    step(&first, &v1, .75f, .1f, 8);
    step(&second, &v2, .75f, .1f, 8);
    replay_honest(replay, grad, 2);
    step(&first, &v1, .25f, .2f, 4);
    step(&second, &v2, .75f, .2f, 8);
    replay_honest(replay, grad, 2); /* all of it again */
    step(&first, &v1, .75f, .2f, 8);
    step(&second, &v2, .75f, .2f, 8);
    finish(replay);
    assert_true(saved(0) == first);
    assert_true(saved(FAKE_BLOCK) == second);
    assert_true(dc__float_mode() == mode);
}

/* One leaves, a new one begins with the mean of the others' statistics, and goes on with its own. The last one to come takes
 * part in no round, but in the mean that is saved. */
static void rosters_change(void **state)
{
    (void)state;
    dc__run_log log;
    const float grad[] = {.25f, .5f, .125f, 100};
    const dc__log_member two[] = {a, b}, three[] = {a, b, c},
                         last[] = {a, {.id = 72, .number = 2, .images = 8}},
                         late[] = {a, last[1], {.id = 73, .number = 3, .images = 4, .statistics = 1}};
    float value = m->value[0], velocity = 0;
    const float statistic = m->value[FAKE_TRAINED];
    begin(&log, false);
    dc__run_log_roster(&log, 10, 2, two);
    dc__run_log_rate(&log, 10, .1f);
    dc__run_log_roster(&log, 11, 3, three);
    dc__run_log_rate(&log, 11, .1f);
    dc__run_log_roster(&log, 12, 2, last);
    dc__run_log_rate(&log, 12, .1f);
    dc__run_log_roster(&log, 13, 3, late);
    end(&log, 13);
    dc_replay *replay = open_replay();
    replay_honest(replay, grad, 2);
    step(&value, &velocity, .75f, .1f, 8);
    replay_honest(replay, grad, 3);
    step(&value, &velocity, .875f, .1f, 16);
    replay_honest(replay, grad, 2);
    step(&value, &velocity, .375f, .1f, 12);
    finish(replay);
    assert_true(saved(0) == value);
    /* member 0: 1 a round; 2: from the mean of 1 and 2, 3 in each of two rounds; 3: their mean */
    const float of_0 = statistic + 1 + 1 + 1, of_2 = (statistic + 1 + (statistic + 2)) / 2 + 3 + 3;
    const float of_3 = (of_0 + of_2) / 2;
    assert_true(saved(FAKE_TRAINED) == (of_0 + of_2 + of_3) / 3);
}

/* A single worker finds its momentum in its gradients; when there are two of them, the server has it, and those who go on
 * with the run begin with the mean. */
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
    const dc__log_run again = {.seed = 5, .first_round = 12, .coding = "exact"};
    const dc__log_server for_two = {.workers = 2};
    assert_int_equal(dc__run_log_resume(&log, dir, m->model, &again, 12, note), DC_OK);
    assert_string_equal(note, "");
    dc__log_member mixed[] = {a, b};
    mixed[0].statistics = mixed[1].statistics = DC__LOG_OF_BEFORE;
    dc__run_log_server(&log, 12, &for_two);
    dc__run_log_roster(&log, 12, 2, mixed);
    dc__run_log_rate(&log, 12, .1f);
    end(&log, 13);
    const float statistic = m->value[FAKE_TRAINED];
    dc_replay *replay = open_replay();
    replay_honest(replay, grad, 1);
    step(&value, &velocity, .25f, .1f, 4);
    /* With momentum in its buffer, a worker adds to it what it computes: here, all of it at once. */
    replay_honest(replay, grad, 1);
    step(&value, &velocity, .25f, .1f, 4);
    replay_honest(replay, grad, 2);
    float u = velocity + .25f;
    u = u + .5f;
    velocity = 0;
    step(&value, &velocity, u, .1f, 8);
    finish(replay);
    assert_true(saved(0) == value);
    assert_true(saved(FAKE_TRAINED) == (statistic + 2 + 1 + (statistic + 2 + 2)) / 2);
}

/* ---- what a server refused ---- */

static void push(fake *f, uint64_t round, float number, bool nan, float statistic)
{
    assert_int_equal(fake_pull(f, round), DC_OK);
    assert_int_equal(fake_take(f, round), DC_OK);
    assert_int_equal(fake_stats(f, round + 1, statistic), DC_OK);
    assert_int_equal(fake_push(f, round, 0, 1, number), DC_OK);
    assert_int_equal(fake_push(f, round, 1, m->model->n_blocks, nan ? NAN : number), DC_OK);
}

/* The server has read all that was sent to it. */
static void settle(fake *f)
{
    dc__frame frame;
    assert_int_equal(fake_word(f, DC__PING, 1), DC_OK);
    assert_int_equal(fake_expect(f, DC__PONG, &frame), DC_OK);
    dc__frame_free(&frame);
}

/* Rounds of two workers. In the first two, worker 1's gradient is NAN from its second block on; its first comes when
 * worker 0's is there, and then before it. In the last two its statistics are NAN. */
static void run_with_refusals(const float *grad)
{
    const char *url = test_url("refused");
    fake f[2];
    box *server = box_open((dc_server_options){.url = url, .workers = 2, .backup_dir = dir});
    assert_non_null(server);
    for (int k = 0; k < 2; k++)
        assert_int_equal(fake_enter(&f[k], url, k, m), DC_OK);
    for (int k = 0; k < 2; k++)
        assert_int_equal(fake_wait_start(&f[k]), DC_OK);
    float statistic[2] = {m->value[FAKE_TRAINED], m->value[FAKE_TRAINED]};
    for (uint64_t r = 0; r < 5; r++)
        for (int k = 0; k < 2; k++) {
            fake *w = &f[r == 1 ? !k : k];
            const bool second = w == &f[1];
            statistic[second] = r >= 3 && second ? NAN : statistic[second] + 1.f + (float)second;
            push(w, r, grad[second], r < 2 && second, statistic[second]);
            settle(w);
        }
    for (int k = 0; k < 2; k++) {
        dc__frame frame;
        assert_int_equal(fake_bye(&f[k], 5, true), DC_OK);
        assert_int_equal(fake_expect(&f[k], DC__BYE_ACK, &frame), DC_OK);
        dc__frame_free(&frame);
        fake_close(&f[k]);
    }
    box_wait_end(server);
    if (server->err) fail_msg("%s", server->line);
    box_close(server);
}

static void the_refused_is_left_out_alike(void **state)
{
    (void)state;
    const float grad[] = {.25f, .5f};
    char final[80], command[160];
    run_with_refusals(grad);
    (void)snprintf(final, sizeof final, "%s/fake_final.weights", dir);
    dc_replay *replay = open_replay();
    replay_round(replay, &(plan){grad, 2, 1, -1});
    replay_round(replay, &(plan){grad, 2, 1, -1});
    replay_honest(replay, grad, 2);
    replay_round(replay, &(plan){grad, 2, -1, 1});
    replay_round(replay, &(plan){grad, 2, -1, 1});
    finish(replay);
    (void)snprintf(command, sizeof command, "cmp %s %s", final, weights);
    assert_int_equal(system(command), 0);
    /* They were left out: but for block 0 of the first two rounds, which is finite, also where it waited for worker 0, and summed before the
     * others. Statistics are those of before. */
    float value[2] = {0, (float)(FAKE_BLOCK % 97) / 97.f}, v[2] = {0};
    const bool both[5][2] = {{true, false}, {true, false}, {true, true}, {false, false}, {false, false}};
    for (int r = 0; r < 5; r++)
        for (int i = 0; i < 2; i++)
            step(&value[i], &v[i], both[r][i] ? .75f : .25f, .1f, both[r][i] ? 8 : 4);
    assert_true(read_float(final, 0) == value[0]);
    assert_true(read_float(final, FAKE_BLOCK) == value[1]);
    const float first = (float)(FAKE_TRAINED % 97) / 97.f;
    assert_true(read_float(final, FAKE_TRAINED) == (first + 1 + 1 + 1 + 1 + 1 + (first + 2 + 2 + 2)) / 2);
}

/* ---- what cannot be repeated ---- */

static void expect_refusal(const char *words)
{
    dc_replay *replay;
    dc_replay_round_info round;
    dc_error err = dc_replay_open(&replay, path);
    if (!err) err = dc_replay_begin(replay, m->model);
    if (!err) err = dc_replay_round(replay, &round);
    assert_int_not_equal(err, DC_OK);
    if (!strstr(dc_last_error(), words)) fail_msg("%s", dc_last_error());
    dc_replay_close(replay);
}

static void what_cannot_be_repeated_is_refused(void **state)
{
    (void)state;
    dc__run_log log;
    dc_replay *replay;
    const dc__log_member twice[] = {a, a};
    assert_int_equal(dc_replay_open(&replay, "/nowhere.log"), DC_EFILE);
    begin(&log, false);
    dc__run_log_destroy(&log);
    expect_refusal("nobody took part yet");
    begin(&log, false);
    dc__run_log_roster(&log, 10, 2, twice);
    dc__run_log_rate(&log, 10, .1f);
    end(&log, 11);
    expect_refusal("worker 0 is in a roster twice");
    begin(&log, false);
    dc__run_log_roster(&log, 10, 1, &c);
    dc__run_log_rate(&log, 10, .1f);
    end(&log, 11);
    expect_refusal("worker 2 begins in round 11 with statistics that nobody has");
    begin(&log, false);
    dc__run_log_roster(&log, 10, 1, twice);
    end(&log, 11);
    expect_refusal("does not say who makes round 11");
    m->value[3] += 1;
    expect_refusal("began with other values");
}

static int set_up(void **state)
{
    (void)state;
    m = fake_model_new("fake", true);
    for (size_t i = 1; i < FAKE_STATS; i++) /* fake_stats sends them alike */
        m->value[FAKE_TRAINED + i] = m->value[FAKE_TRAINED];
    return 0;
}

static int tear_down(void **state)
{
    char command[64];
    (void)state;
    fake_model_free(m);
    (void)snprintf(command, sizeof command, "rm -rf %s/*", dir);
    return system(command);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    if (!mkdtemp(dir)) return 1;
    (void)snprintf(path, sizeof path, "%s/fake.log", dir);
    (void)snprintf(weights, sizeof weights, "%s/replayed.weights", dir);
    const struct CMUnitTest tests[] = {
        WITH(only_blocks_that_count_are_summed),
        WITH(rosters_change),
        WITH(momentum_moves),
        WITH(the_refused_is_left_out_alike),
        WITH(what_cannot_be_repeated_is_refused),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)rmdir(dir);
    return failed;
}
