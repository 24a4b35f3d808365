/* test_gradient_sign.c - a regression by a worker and a server in this process, with gradients in either sign:
 * both find the line, with the same weights, bit for bit; the wrong sign diverges; two workers must agree. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>

#include "dynacomm_server.h"
#include "test_url.h"

/* y = 2 x - 3, from IMAGES points; w[0] x + w[1]. */
#define IMAGES 16
#define ROUNDS 400

typedef struct regression {
    dc_model *model;
    float weights[1], bias[1], weights_gradient[1], bias_gradient[1];
    float sign; /* of what is added to the gradients: -1 = d(-loss) */
    double loss;
} regression;

static void add_tensor(dc_model *m, const char *name, float *value, float *gradient)
{
    const dc_tensor t = {.name = name,
                         .role = DC_TRAINED,
                         .is_weights = strcmp(name, "weights") == 0,
                         .saved = true,
                         .count = 1,
                         .value = value,
                         .gradient = gradient,
                         .rate_scale = 1};
    assert_int_equal(dc_model_add_tensor(m, &t), DC_OK);
}

static void open_regression(regression *r, dc_algorithm algorithm, dc_gradient_sign declared, float sign)
{
    *r = (regression){.sign = sign};
    const dc_optimizer o = {.algorithm = algorithm,
                            .momentum = .9f,
                            .decay = 1e-6f,
                            .b1 = .9f,
                            .b2 = .999f,
                            .eps = 1e-7f,
                            .gradient_sign = declared};
    assert_int_equal(dc_model_new(&r->model, "line", &o, IMAGES), DC_OK);
    assert_int_equal(dc_model_add_layer(r->model, "connected"), DC_OK);
    add_tensor(r->model, "biases", r->bias, r->bias_gradient);
    add_tensor(r->model, "weights", r->weights, r->weights_gradient);
}

/* Adds the gradients of half the squared error over all points. */
static void compute(regression *r)
{
    r->loss = 0;
    for (int k = 0; k < IMAGES; k++) {
        const float x = (float)k / IMAGES - .5f, error = r->weights[0] * x + r->bias[0] - (2 * x - 3);
        r->weights_gradient[0] += r->sign * error * x;
        r->bias_gradient[0] += r->sign * error;
        r->loss += .5 * (double)error * (double)error / IMAGES;
    }
}

static void train_alone(regression *r, float rate)
{
    for (int round = 1; round <= ROUNDS; round++) {
        compute(r);
        assert_int_equal(dc_model_update(r->model, rate, (uint64_t)round), DC_OK);
    }
}

static dc_error one_round(regression *r, dc_worker *w, float rate)
{
    dc_error err = dc_worker_round_begin(w);
    if (!err) err = dc_worker_subdivision(w, true);
    if (!err) err = dc_worker_forward_begin(w, 0);
    if (!err) err = dc_worker_forward_end(w, 0);
    if (!err) err = dc_worker_rate(w, rate);
    if (!err) err = dc_worker_backward_begin(w, 0);
    if (!err) compute(r);
    if (!err) err = dc_worker_backward_end(w, 0);
    dc_round_report report;
    return err ? err : dc_worker_round_end(w, &report);
}

typedef struct seat {
    regression *r;
    const char *url;
    float rate;
    int rank;
    dc_error err;
    char line[512];
} seat;

static void *work(void *argument)
{
    seat *s = argument;
    dc_worker *w = NULL;
    const dc_worker_options options = {.url = s->url, .rank = s->rank, .timeout_s = 20};
    s->err = dc_worker_join(&w, s->r->model, &options);
    if (!s->err) {
        for (int round = 0; !s->err && round < ROUNDS; round++)
            s->err = one_round(s->r, w, s->rate);
        if (!s->err) s->err = dc_worker_sync(w);
        (void)snprintf(s->line, sizeof s->line, "%s", s->err ? dc_last_error() : "");
        const dc_error left = dc_worker_leave(w, !s->err, s->err ? s->line : NULL);
        if (!s->err) s->err = left;
    } else {
        (void)snprintf(s->line, sizeof s->line, "%s", dc_last_error());
    }
    return NULL;
}

static void *serve(void *server)
{
    (void)dc_server_run(server);
    return NULL;
}

static void train_over_a_server(regression *r, int workers, float rate, const char *name)
{
    dc_server *server;
    const char *url = test_url(name);
    const dc_server_options options = {.url = url, .workers = workers, .timeout_s = 20};
    assert_int_equal(dc_server_start(&server, &options), DC_OK);
    pthread_t server_thread, threads[2];
    seat seats[2];
    assert_int_equal(pthread_create(&server_thread, NULL, serve, server), 0);
    for (int k = 0; k < workers; k++) {
        seats[k] = (seat){.r = &r[k], .url = url, .rate = rate, .rank = k};
        assert_int_equal(pthread_create(&threads[k], NULL, work, &seats[k]), 0);
    }
    for (int k = 0; k < workers; k++) {
        pthread_join(threads[k], NULL);
        if (seats[k].err) fail_msg("worker %d: %s", k, seats[k].line);
    }
    pthread_join(server_thread, NULL);
    dc_server_free(server);
}

static void is_the_line(const regression *r)
{
    assert_true(r->loss < 1e-5);
    assert_true(fabsf(r->weights[0] - 2) < .01f && fabsf(r->bias[0] + 3) < .01f);
}

static void same_bits(const regression *a, const regression *b)
{
    assert_memory_equal(a->weights, b->weights, sizeof a->weights);
    assert_memory_equal(a->bias, b->bias, sizeof a->bias);
}

/* A worker alone keeps its momentum in its gradients; two leave it with the server. */
static void both_signs_find_the_line(void **state)
{
    (void)state;
    for (int algorithm = DC_SGD; algorithm <= DC_ADAM; algorithm++) {
        const float rate = algorithm == DC_SGD ? .3f : .1f;
        regression alone[2], served[2][2][2]; /* [sign], [workers][sign][rank] */
        for (int sign = DC_DESCENT; sign <= DC_ASCENT; sign++) {
            const float added = sign == DC_DESCENT ? -1.f : 1.f;
            open_regression(&alone[sign], (dc_algorithm)algorithm, (dc_gradient_sign)sign, added);
            train_alone(&alone[sign], rate);
            is_the_line(&alone[sign]);
            for (int workers = 1; workers <= 2; workers++) {
                regression *r = served[workers - 1][sign];
                char name[32];
                (void)snprintf(name, sizeof name, "sign-%d-%d-%d", algorithm, sign, workers);
                for (int k = 0; k < 2; k++)
                    open_regression(&r[k], (dc_algorithm)algorithm, (dc_gradient_sign)sign, added);
                train_over_a_server(r, workers, rate, name);
                is_the_line(&r[0]);
                if (workers == 2) same_bits(&r[0], &r[1]);
            }
            same_bits(&served[0][sign][0], &alone[sign]);
        }
        same_bits(&alone[DC_DESCENT], &alone[DC_ASCENT]);
        for (int workers = 0; workers < 2; workers++)
            same_bits(&served[workers][DC_DESCENT][0], &served[workers][DC_ASCENT][0]);
        for (int sign = 0; sign < 2; sign++) {
            dc_model_free(alone[sign].model);
            for (int k = 0; k < 4; k++)
                dc_model_free(served[k / 2][sign][k % 2].model);
        }
    }
}

static void the_wrong_sign_diverges(void **state)
{
    (void)state;
    regression r;
    open_regression(&r, DC_SGD, DC_DESCENT, 1.f);
    train_alone(&r, .3f);
    assert_false(r.loss < 1e3);
    dc_model_free(r.model);
}

static void workers_must_agree(void **state)
{
    (void)state;
    regression r[2];
    open_regression(&r[0], DC_SGD, DC_DESCENT, -1.f);
    open_regression(&r[1], DC_SGD, DC_ASCENT, 1.f);
    dc_server *server;
    const char *url = test_url("sign-mixed");
    const dc_server_options options = {.url = url, .workers = 2, .timeout_s = 20};
    assert_int_equal(dc_server_start(&server, &options), DC_OK);
    pthread_t server_thread, threads[2];
    seat seats[2];
    assert_int_equal(pthread_create(&server_thread, NULL, serve, server), 0);
    for (int k = 0; k < 2; k++) {
        seats[k] = (seat){.r = &r[k], .url = url, .rate = .3f, .rank = k};
        assert_int_equal(pthread_create(&threads[k], NULL, work, &seats[k]), 0);
    }
    /* whoever comes second is refused; the other waits for it until the server stops */
    struct timespec now;
    int refused = -1;
    while (refused < 0)
        for (int k = 0; k < 2 && refused < 0; k++) {
            assert_int_equal(clock_gettime(CLOCK_REALTIME, &now), 0);
            now.tv_nsec += now.tv_nsec < 900000000 ? 100000000 : 0;
            if (pthread_timedjoin_np(threads[k], NULL, &now) == 0) refused = k;
        }
    assert_int_equal(seats[refused].err, DC_EMODEL);
    assert_non_null(strstr(seats[refused].line, "opposite signs"));
    dc_server_stop(server);
    pthread_join(threads[1 - refused], NULL);
    pthread_join(server_thread, NULL);
    dc_server_free(server);
    for (int k = 0; k < 2; k++)
        dc_model_free(r[k].model);
}

static void other_signs_are_refused(void **state)
{
    (void)state;
    dc_model *m;
    const dc_optimizer o = {.gradient_sign = (dc_gradient_sign)2};
    assert_int_equal(dc_model_new(&m, "line", &o, 1), DC_EINVAL);
    assert_non_null(strstr(dc_last_error(), "gradient sign 2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_signs_find_the_line), cmocka_unit_test(the_wrong_sign_diverges),
        cmocka_unit_test(workers_must_agree), cmocka_unit_test(other_signs_are_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
