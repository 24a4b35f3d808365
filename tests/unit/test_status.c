/* test_status.c - what a server shows of itself: curves in bounded memory, words of real workers on the way
 * to dc_server_status, and the same as JSON, metrics and a table, whatever a peer is called. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cjson/cJSON.h>
#include <cmocka.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "dynacomm_plan.h"
#include "fault/box.h"
#include "server/curve.h"
#include "test_url.h"
#include "tool/status_view.h"
#include "toy.h"

/* ---- curves ---- */

static void add(dc__curve *c, uint64_t round, double value)
{
    dc__curve_add(c, &(dc_curve_point){round, (double)round, value, value - 1, value + 1});
}

static void a_curve_keeps_its_ends_and_its_mean(void **state)
{
    (void)state;
    dc__curve *c = calloc(1, sizeof *c);
    assert_non_null(c);
    const uint64_t rounds = 40 * DC_CURVE_POINTS;
    for (uint64_t r = 1; r <= rounds; r++) {
        add(c, r, (double)r);
        assert_in_range(c->n, 1, DC_CURVE_POINTS);
    }
    assert_true(c->n > DC_CURVE_POINTS / 2);
    double weight = 0, sum = 0;
    for (int k = 0; k < c->n; k++) {
        const dc_curve_point *p = &c->points[k];
        assert_true(k == 0 || p->round > c->points[k - 1].round);
        assert_true(p->round % c->width == 0 && p->mean >= (double)p->round &&
                    p->mean < (double)(p->round + c->width));
        assert_true(p->least == fmax((double)p->round, 1) - 1 && p->most >= p->mean + 1);
        weight += c->weight[k];
        sum += c->weight[k] * p->mean;
    }
    assert_true(weight == (double)rounds);
    assert_true(fabs(sum / weight - (double)(rounds + 1) / 2) < 1e-6 * (double)rounds);
    free(c);
}

static void a_curve_takes_rounds_in_any_order(void **state)
{
    (void)state;
    dc__curve *c = calloc(1, sizeof *c);
    assert_non_null(c);
    for (uint64_t k = 0; k < 1000; k++)
        add(c, k * 7919 % 1000 * 1000003, (double)k); /* a permutation, far apart */
    assert_int_equal(c->n, 1000);
    for (int k = 1; k < c->n; k++)
        assert_true(c->points[k].round > c->points[k - 1].round);
    add(c, 1000003, 5); /* what is known later of a round stands */
    assert_int_equal(c->n, 1000);
    assert_true(c->points[1].mean == 5);
    for (uint64_t k = 0; k < 3000; k++) /* sparse: merging has to widen many times */
        add(c, k << 20, 1);
    assert_in_range(c->n, 1, DC_CURVE_POINTS);
    free(c);
}

/* ---- a server ---- */

#define ROUNDS 30
#define MAP_ROUND 7

typedef struct edge {
    pthread_t thread;
    int rank;
    const char *url;
    dc_error err;
} edge;

static void *run_edge(void *argument)
{
    edge *e = argument;
    toy *t = toy_make("toy", DC_SGD, 0, 0);
    dc_worker *w;
    const dc_worker_options options = {
        .url = e->url, .rank = e->rank, .strategy = DC_DUPLEX, .seed = 5, .timeout_s = 60};
    e->err = dc_worker_join(&w, t->model, &options);
    for (int r = 1; !e->err && r <= ROUNDS; r++) {
        dc_round_report report;
        e->err = toy_round(t, w, 1, &report);
        const dc_report word = {.loss = 10 + e->rank, .map = NAN, .last_round = ROUNDS};
        if (!e->err) dc_worker_report(w, &word);
        /* an evaluation is always reported, whatever was reported just before */
        const dc_report map = {.loss = 10 + e->rank, .map = .25 + .5 * e->rank, .last_round = ROUNDS};
        if (!e->err && r == MAP_ROUND) dc_worker_report(w, &map);
    }
    if (!e->err) e->err = dc_worker_sync(w);
    if (!e->err) e->err = dc_worker_leave(w, true, "");
    if (e->err) print_error("worker %d: %s\n", e->rank, dc_last_error());
    toy_free(t);
    return NULL;
}

static _Atomic bool watching;

/* Somebody who looks all the time, from a thread of his own. */
static void *watch(void *argument)
{
    box *b = argument;
    uint64_t round = 0;
    while (watching) {
        dc_status *s;
        if (dc_server_status(b->server, &s)) abort();
        if (s->round < round || s->n_workers != 2) abort();
        round = s->round;
        dc_plan plan;
        dc_profile profile;
        dc_layer_cost *layers;
        if (s->workers[1].plans && !dc_server_plan(b->server, 1, &plan, &profile, &layers)) {
            if (plan.strategy != DC_DUPLEX || profile.layers[6].up_bytes < 600000) abort();
            dc_plan_free(&plan);
            free(layers);
        }
        dc_status_free(s);
    }
    return NULL;
}

static void check_status(const dc_status *s)
{
    assert_string_equal(s->model, "toy");
    assert_int_equal(s->state, DC_RUN_FINISHED);
    assert_int_equal(s->round, ROUNDS);
    assert_int_equal(s->last_round, ROUNDS);
    assert_int_equal(s->layers, TOY_LAYERS);
    assert_true(s->elapsed_s > 0 && s->round_s > 0 && s->rate > 0);
    assert_true(s->loss == 10.5);
    assert_true(s->n_loss >= 1 && s->loss_curve[s->n_loss - 1].round == ROUNDS);
    assert_true(s->loss_curve[s->n_loss - 1].least == 10 && s->loss_curve[s->n_loss - 1].most == 11);
    assert_int_equal(s->n_map, 1);
    assert_int_equal(s->map_curve[0].round, MAP_ROUND);
    assert_true(s->map_curve[0].mean == .5 && s->map_curve[0].least == .25 && s->map_curve[0].most == .75);
    for (int i = 0; i < 2; i++) {
        const dc_status_worker *w = &s->workers[i];
        assert_int_equal(w->state, DC_WORKER_DONE);
        assert_int_equal(w->round, ROUNDS);
        assert_int_equal(w->strategy, DC_DUPLEX);
        assert_true(w->loss == 10 + i && w->map == .25 + .5 * i);
        assert_true(w->plans > 0 && w->predicted_s > 0 && w->floor_s > 0 && w->slice_bytes > 0);
        assert_true(w->images_per_s > 0 && w->round_s >= w->compute_s && w->up_Bps > 0 && w->rtt_s > 0);
        assert_true(w->up_bytes > ROUNDS * s->trained_bytes && w->down_bytes >= ROUNDS * s->trained_bytes);
    }
}

static void workers_words_arrive(void **state)
{
    (void)state;
    const char *url = test_url("status");
    box *b = box_open((dc_server_options){.url = url, .workers = 2, .timeout_s = 60});
    if (!b) fail_msg("%s", dc_last_error());
    dc_status *s;
    assert_int_equal(dc_server_status(b->server, &s), DC_OK);
    assert_int_equal(s->state, DC_RUN_WAITING);
    assert_true(s->model[0] == '\0' && s->workers[1].state == DC_WORKER_AWAITED && s->n_loss == 0);
    dc_status_free(s);
    pthread_t watcher;
    watching = true;
    assert_int_equal(pthread_create(&watcher, NULL, watch, b), 0);
    edge edges[2] = {{.rank = 0, .url = url}, {.rank = 1, .url = url}};
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&edges[i].thread, NULL, run_edge, &edges[i]), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(edges[i].thread, NULL), 0);
        assert_int_equal(edges[i].err, DC_OK);
    }
    box_wait_end(b);
    assert_int_equal(b->err, DC_OK);
    watching = false;
    assert_int_equal(pthread_join(watcher, NULL), 0);
    assert_int_equal(dc_server_status(b->server, &s), DC_OK);
    check_status(s);
    dc_status_free(s);
    dc_plan plan;
    dc_profile profile;
    dc_layer_cost *layers;
    assert_int_equal(dc_server_plan(b->server, 2, &plan, &profile, &layers), DC_EINVAL);
    assert_int_equal(dc_server_plan(b->server, -1, &plan, &profile, &layers), DC_EINVAL);
    box_close(b);
}

/* ---- views ---- */

#define EVIL "<b>\"\\\n&\033[2J"

static void fill(dc_status *s, dc_status_worker w[2], dc_curve_point points[2])
{
    w[0] = (dc_status_worker){.state = DC_WORKER_TRAINING,
                              .round = 12,
                              .reported_s = .2,
                              .loss = 1.5,
                              .map = NAN,
                              .round_s = .1,
                              .compute_s = .05,
                              .wait_s = .025,
                              .images_per_s = 80,
                              .up_Bps = 1e6,
                              .up_bytes = 123456789012345,
                              .plans = 1,
                              .predicted_s = .09,
                              .strategy = DC_DUPLEX};
    w[1] = (dc_status_worker){.state = DC_WORKER_LOST, .rank = 1, .reported_s = -1, .loss = NAN, .map = NAN};
    points[0] = (dc_curve_point){0, 1, 2, 1, 3};
    points[1] = (dc_curve_point){10, 2, 1.5, 1, 2};
    *s = (dc_status){.model = EVIL,
                     .state = DC_RUN_FAILED,
                     .straggler = -1,
                     .line = EVIL,
                     .round = 11,
                     .last_round = 100,
                     .loss = NAN,
                     .n_workers = 2,
                     .n_loss = 2,
                     .workers = w,
                     .loss_curve = points,
                     .map_curve = points};
}

static double number(const cJSON *o, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(o, name);
    assert_true(cJSON_IsNumber(item));
    return item->valuedouble;
}

static void json_holds_it_all(void **state)
{
    (void)state;
    dc_status s;
    dc_status_worker w[2];
    dc_curve_point points[2];
    char *text;
    const char *lines[] = {"one", EVIL};
    fill(&s, w, points);
    assert_int_equal(dc__status_json(&s, lines, 2, &text), DC_OK);
    for (const char *c = text; *c; c++)
        assert_true(*c == '\n' || (unsigned char)*c >= 0x20);
    cJSON *root = cJSON_Parse(text);
    assert_non_null(root);
    assert_string_equal(cJSON_GetObjectItem(root, "model")->valuestring, EVIL);
    assert_string_equal(cJSON_GetObjectItem(root, "state")->valuestring, "failed");
    assert_string_equal(cJSON_GetArrayItem(cJSON_GetObjectItem(root, "events"), 1)->valuestring, EVIL);
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(root, "loss")));
    assert_true(number(root, "round") == 11);
    const cJSON *curve = cJSON_GetObjectItem(cJSON_GetObjectItem(root, "loss_curve"), "points");
    assert_int_equal(cJSON_GetArraySize(curve), 2);
    assert_true(cJSON_GetArrayItem(cJSON_GetArrayItem(curve, 1), 2)->valuedouble == 1.5);
    const cJSON *workers = cJSON_GetObjectItem(root, "workers"), *first = workers->child;
    assert_int_equal(cJSON_GetArraySize(workers), 2);
    assert_true(number(first, "up_bytes") == 123456789012345 && number(first, "wait_share") == .25);
    assert_string_equal(cJSON_GetObjectItem(first, "strategy")->valuestring, "duplex");
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(first->next, "loss")));
    cJSON_Delete(root);
    free(text);
}

static void metrics_are_escaped_and_leave_out_the_unknown(void **state)
{
    (void)state;
    dc_status s;
    dc_status_worker w[2];
    dc_curve_point points[2];
    char *text;
    size_t n;
    fill(&s, w, points);
    FILE *out = open_memstream(&text, &n);
    assert_non_null(out);
    dc__status_metrics(out, &s);
    assert_int_equal(fclose(out), 0);
    assert_non_null(strstr(text, "model=\"<b>\\\"\\\\\\n&"));
    assert_non_null(strstr(text, "\ndynacomm_rounds_total 11\n"));
    assert_non_null(strstr(text, "\ndynacomm_run_state{state=\"failed\"} 1\n"));
    assert_non_null(strstr(text, "\ndynacomm_worker_up_bytes_total{worker=\"0\"} 123456789012345\n"));
    assert_non_null(strstr(text, "\ndynacomm_worker_wait_ratio{worker=\"0\"} 0.25\n"));
    assert_non_null(strstr(text, "\ndynacomm_worker_connected{worker=\"1\"} 0\n"));
    assert_null(strstr(text, "nan"));
    assert_null(strstr(text, "\ndynacomm_loss "));
    assert_null(strstr(text, "dynacomm_worker_loss{worker=\"1\"}"));
    free(text);
}

static char *table_of(const char *json, dc_error expected)
{
    cJSON *root = cJSON_Parse(json);
    assert_non_null(root);
    char *text;
    size_t n;
    FILE *out = open_memstream(&text, &n);
    assert_non_null(out);
    assert_int_equal(dc__status_table(out, root, "http://here"), expected);
    assert_int_equal(fclose(out), 0);
    cJSON_Delete(root);
    return text;
}

static void a_table_holds_no_control_characters(void **state)
{
    (void)state;
    dc_status s;
    dc_status_worker w[2];
    dc_curve_point points[2];
    char *json;
    fill(&s, w, points);
    assert_int_equal(dc__status_json(&s, NULL, 0, &json), DC_OK);
    char *table = table_of(json, DC_OK);
    assert_non_null(strstr(table, "failed, round 11 of 100 (11 %)"));
    assert_non_null(strstr(table, "25 %"));
    assert_non_null(strstr(table, "duplex"));
    for (const char *c = table; *c; c++)
        assert_true(*c == '\n' || (unsigned char)*c >= 0x20);
    free(table);
    free(json);
}

static void a_table_of_something_else_is_refused(void **state)
{
    (void)state;
    static const char *const others[] = {"[]",
                                         "{}",
                                         "7",
                                         "{\"workers\":[]}",
                                         "{\"workers\":7,\"state\":\"x\",\"round\":1}",
                                         "{\"workers\":[],\"state\":1,\"round\":1}"};
    for (size_t k = 0; k < sizeof others / sizeof *others; k++) {
        free(table_of(others[k], DC_EFORMAT));
        assert_non_null(strstr(dc_last_error(), "http://here"));
    }
    static const char odd[] =
        "{\"workers\":[7,null,{\"state\":[],\"loss\":\"x\"}],\"state\":\"\",\"round\":1e300,"
        "\"loss\":1,\"elapsed_s\":-1e99,\"loss_curve\":{\"points\":[1,[],[1,2,\"x\"],[0,0,1e308]]},"
        "\"map_curve\":{\"points\":[{}]}}";
    free(table_of(odd, DC_OK));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_curve_keeps_its_ends_and_its_mean),
                                       cmocka_unit_test(a_curve_takes_rounds_in_any_order),
                                       cmocka_unit_test(workers_words_arrive),
                                       cmocka_unit_test(json_holds_it_all),
                                       cmocka_unit_test(metrics_are_escaped_and_leave_out_the_unknown),
                                       cmocka_unit_test(a_table_holds_no_control_characters),
                                       cmocka_unit_test(a_table_of_something_else_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
