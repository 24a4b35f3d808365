/* test_average.c - the moving average of parameters, alone and over a server: against the same steps with the average
 * kept by hand, bit for bit; files, a run that is resumed in the middle, and what is no average. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <unistd.h>

#include "dynacomm_average.h"
#include "dynacomm_server.h"
#include "test_url.h"

#define KEEP .75f
enum { FROM = 4, UNTIL = 9, ROUNDS = 12, HALF = 6, WEIGHTS = 40000, OTHERS = 300, ALL = WEIGHTS + OTHERS };

typedef struct trained {
    dc_model *model;
    float values[ALL], gradients[ALL]; /* the first WEIGHTS are averaged */
} trained;

static void add(trained *t, int at, int n, bool averaged)
{
    const dc_tensor tensor = {.name = "weights",
                              .role = DC_TRAINED,
                              .is_weights = true,
                              .saved = true,
                              .averaged = averaged,
                              .count = (size_t)n,
                              .value = t->values + at,
                              .gradient = t->gradients + at,
                              .rate_scale = 1};
    assert_int_equal(dc_model_add_layer(t->model, "convolutional"), DC_OK);
    assert_int_equal(dc_model_add_tensor(t->model, &tensor), DC_OK);
}

static trained *begin_from(float average, uint64_t from)
{
    trained *t = calloc(1, sizeof *t);
    const dc_optimizer o = {.momentum = .9f,
                            .decay = 5e-4f,
                            .average = average,
                            .average_from = average > 0 ? from : 0,
                            .average_until = average > 0 ? UNTIL : 0};
    assert_non_null(t);
    assert_int_equal(dc_model_new(&t->model, "mean", &o, 1), DC_OK);
    add(t, 0, WEIGHTS, true);
    add(t, WEIGHTS, OTHERS, false);
    for (int i = 0; i < ALL; i++)
        t->values[i] = sinf((float)i);
    return t;
}

static trained *begin(float average)
{
    return begin_from(average, FROM);
}

static void end(trained *t)
{
    dc_model_free(t->model);
    free(t);
}

static void compute(trained *t, int from, int to)
{
    for (int i = from; i < to; i++)
        t->gradients[i] += cosf(3 * (float)i) - t->values[i];
}

static void train_alone(trained *t, int from, int to)
{
    for (int round = from; round < to; round++) {
        uint64_t floats;
        compute(t, 0, ALL);
        assert_int_equal(dc_model_update(t->model, .3f, (uint64_t)round + 1), DC_OK);
        assert_int_equal(dc_model_average_begin(t->model, (uint64_t)round + 1, &floats), DC_OK);
        assert_int_equal(floats, ALL);
        dc_model_average_part(t->model, 0, 1001); /* parts do not show */
        dc_model_average_part(t->model, 1001, floats - 1001);
        assert_int_equal(dc_model_averaged(t->model), round + 1 >= FROM);
    }
}

/* ---- by hand ---------------------------------------------------------------------------------------- */

static void by_hand(trained *t, float *average)
{
    for (int round = 1; round <= ROUNDS; round++) {
        compute(t, 0, ALL);
        assert_int_equal(dc_model_update(t->model, .3f, (uint64_t)round), DC_OK);
        if (round == FROM) memcpy(average, t->values, WEIGHTS * sizeof *average);
        for (int i = 0; i < WEIGHTS && round >= FROM && round < UNTIL; i++)
            average[i] = KEEP * average[i] + (1 - KEEP) * t->values[i];
        if (round == UNTIL) memcpy(t->values, average, WEIGHTS * sizeof *average);
    }
}

/* ---- over a server ---------------------------------------------------------------------------------- */

typedef struct seat {
    trained *t;
    const char *url;
    int rank, rounds;
    dc_error err;
    char line[512];
} seat;

static dc_error one_round(trained *t, dc_worker *w)
{
    dc_error err = dc_worker_round_begin(w);
    if (!err) err = dc_worker_subdivision(w, true);
    for (int layer = 0; layer < 2 && !err; layer++) {
        err = dc_worker_forward_begin(w, layer);
        if (!err) err = dc_worker_forward_end(w, layer);
    }
    if (!err) err = dc_worker_rate(w, .3f);
    for (int layer = 1; layer >= 0 && !err; layer--) {
        err = dc_worker_backward_begin(w, layer);
        compute(t, layer ? WEIGHTS : 0, layer ? ALL : WEIGHTS);
        if (!err) err = dc_worker_backward_end(w, layer);
    }
    dc_round_report report;
    return err ? err : dc_worker_round_end(w, &report);
}

static void *work(void *argument)
{
    seat *s = argument;
    dc_worker *w = NULL;
    s->err = dc_worker_join(&w, s->t->model, &(dc_worker_options){.url = s->url, .rank = s->rank});
    if (!s->err)
        for (int round = (int)dc_worker_info_get(w).round; !s->err && round < s->rounds; round++)
            s->err = one_round(s->t, w);
    if (!s->err) s->err = dc_worker_sync(w);
    (void)snprintf(s->line, sizeof s->line, "%s", s->err ? dc_last_error() : "");
    const dc_error left = w ? dc_worker_leave(w, !s->err, s->err ? s->line : NULL) : DC_OK;
    if (!s->err) s->err = left;
    return NULL;
}

static void *serve(void *server)
{
    (void)dc_server_run(server);
    return NULL;
}

static void train_over_a_server(trained *const *t, int workers, int rounds, const char *dir, const char *name)
{
    dc_server *server;
    const char *url = test_url(name);
    const dc_server_options options = {.url = url, .workers = workers, .backup_dir = dir};
    assert_int_equal(dc_server_start(&server, &options), DC_OK);
    pthread_t server_thread, threads[2];
    seat seats[2];
    assert_int_equal(pthread_create(&server_thread, NULL, serve, server), 0);
    for (int k = 0; k < workers; k++) {
        seats[k] = (seat){.t = t[k], .url = url, .rank = k, .rounds = rounds};
        assert_int_equal(pthread_create(&threads[k], NULL, work, &seats[k]), 0);
    }
    for (int k = 0; k < workers; k++) {
        pthread_join(threads[k], NULL);
        if (seats[k].err) fail_msg("worker %d: %s", k, seats[k].line);
    }
    pthread_join(server_thread, NULL);
    dc_server_free(server);
}

/* A .weights file's floats are these. */
static void file_has(const char *dir, const char *name, const float *averaged, const float *others)
{
    char path[128];
    static float floats[5 + ALL];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "rb");
    if (!file) fail_msg("%s is not there", path);
    assert_int_equal(fread(floats, sizeof *floats, sizeof floats / sizeof *floats, file), 5 + ALL);
    (void)fclose(file);
    assert_memory_equal(floats + 5, averaged, WEIGHTS * sizeof(float));
    assert_memory_equal(floats + 5 + WEIGHTS, others, OTHERS * sizeof(float));
}

/* ---- the cases -------------------------------------------------------------------------------------- */

static float average[WEIGHTS];

static void the_same_alone_and_over_a_server(void **state)
{
    (void)state;
    char dir[] = "/tmp/dynacomm-test-XXXXXX", path[64], command[64];
    assert_non_null(mkdtemp(dir));
    trained *hand = begin(0), *alone = begin(KEEP), *one = begin(KEEP), *two[2] = {begin(KEEP), begin(KEEP)};
    by_hand(hand, average);
    train_alone(alone, 0, ROUNDS);
    assert_memory_equal(alone->values, hand->values, sizeof hand->values);
    (void)snprintf(path, sizeof path, "%s/alone.weights", dir);
    assert_int_equal(dc_model_save_average(alone->model, path, 0), DC_OK);
    file_has(dir, "alone.weights", average, hand->values + WEIGHTS);

    train_over_a_server(&one, 1, HALF, dir, "average-half"); /* stops, and goes on from its state */
    end(one);
    one = begin(KEEP);
    train_over_a_server(&one, 1, ROUNDS, dir, "average-whole");
    assert_memory_equal(one->values, hand->values, sizeof hand->values);
    file_has(dir, "mean_ema.weights", average, hand->values + WEIGHTS);

    train_over_a_server(two, 2, ROUNDS, NULL, "average-two");
    assert_memory_equal(two[0]->values, two[1]->values, sizeof hand->values);
    (void)snprintf(command, sizeof command, "rm -r %s", dir);
    assert_int_equal(system(command), 0);
    end(hand), end(alone), end(one), end(two[0]), end(two[1]);
}

/* The state of a run's first version has no average yet: that begins after the first round, whoever makes it. */
static void goes_on_from_before_its_first_round(void **state)
{
    (void)state;
    char whole[] = "/tmp/dynacomm-test-XXXXXX", parts[] = "/tmp/dynacomm-test-XXXXXX", command[256];
    assert_non_null(mkdtemp(whole));
    assert_non_null(mkdtemp(parts));
    trained *t = begin_from(KEEP, 0);
    train_over_a_server(&t, 1, HALF, whole, "average-at-once");
    end(t);
    for (int rounds = 0; rounds <= HALF; rounds += HALF) {
        t = begin_from(KEEP, 0);
        train_over_a_server(&t, 1, rounds, parts, "average-in-two");
        end(t);
    }
    (void)snprintf(command, sizeof command, "cmp %s/mean_ema.weights %s/mean_ema.weights && rm -r %s %s",
                   whole, parts, whole, parts);
    assert_int_equal(system(command), 0);
}

static void begins_late_and_never_takes_over(void **state)
{
    (void)state;
    trained *t = begin(KEEP);
    char path[64];
    (void)snprintf(path, sizeof path, "/tmp/dynacomm-test-average-%d", (int)getpid());
    assert_int_equal(dc_model_save_average(t->model, path, 0), DC_EINVAL);
    train_alone(t, UNTIL + 1, UNTIL + 2); /* a run that goes on from there */
    static float first[WEIGHTS];
    memcpy(first, t->values, sizeof first);
    train_alone(t, UNTIL + 2, UNTIL + 3);
    assert_memory_not_equal(t->values, first, sizeof first);
    assert_int_equal(dc_model_save_average(t->model, path, 0), DC_OK);
    file_has("", path + 1, first, t->values + WEIGHTS);
    (void)unlink(path);
    end(t);
}

static void no_average(void **state)
{
    (void)state;
    trained *t = begin(0);
    uint64_t floats;
    assert_int_equal(dc_model_average_begin(t->model, 1, &floats), DC_OK);
    assert_int_equal(floats, 0);
    assert_false(dc_model_averaged(t->model));
    end(t);
    dc_model *m;
    const float wrong[] = {1, -.5f, NAN, INFINITY};
    for (int i = 0; i < 4; i++)
        assert_int_equal(dc_model_new(&m, "mean", &(dc_optimizer){.average = wrong[i]}, 1), DC_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_same_alone_and_over_a_server),
                                       cmocka_unit_test(goes_on_from_before_its_first_round),
                                       cmocka_unit_test(begins_late_and_never_takes_over),
                                       cmocka_unit_test(no_average)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
