/* test_coded_training.c - runs whose coding loses something: the same bits from every strategy, at every worker, after a
 * resume, and from the same arithmetic on one machine without a frame. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dirent.h>
#include <unistd.h>

#include "codec/coding.h"
#include "codings.h"
#include "model/model.h"
#include "toy_run.h"

#define ROUNDS 6

/* ---- one machine ---- */

/* What all workers and the server hold, in arrays as long as the trained part. */
typedef struct machine {
    dc__coding coding;
    bool plain;
    toy *shown; /* what workers compute on */
    toy *part;  /* one worker's gradients */
    size_t n;
    float *value, *moment, *sum;
    float *kept[MOST], *velocity[MOST];
    toy *own[MOST]; /* with local steps: what a worker has stepped alone, its momentum in the gradients */
} machine;

static float *floats(const machine *m)
{
    return calloc(m->n, sizeof(float));
}

/* A worker's steps alone, and what it sends for a gradient. */
static void step_alone(machine *m, int r, uint64_t round, int subdivisions, const float *begin, float *change)
{
    toy *own = m->own[r];
    dc__model_scatter(own->model, 0, m->n, begin);
    const dc__batches batches = dc__coding_batches(&m->coding);
    const dc__steps steps = dc__batches_of(&batches, round);
    for (uint64_t batch = steps.batch; batch < steps.batch + steps.n; batch++) {
        for (int s = 0; s < subdivisions; s++)
            for (int i = TOY_LAYERS - 1; i >= 0; i--)
                toy_backward(own, i, r, batch, s);
        dc__model_update_range(own->model, 0, m->n, toy_rate(batch), 8, 1);
    }
    dc__model_gather(own->model, false, 0, m->n, change);
    for (size_t i = 0; i < m->n; i++)
        change[i] = (change[i] - begin[i]) * 8;
}

/* A worker's gradients as the server decodes them, added to the sum. */
static void push(machine *m, int r, uint64_t round, int subdivisions)
{
    const dc_model *model = m->part->model;
    const dc__way way = dc__coding_up(&m->coding, round);
    float *gradient = floats(m), *values = floats(m);
    unsigned char *payload = malloc(5 * DC__BLOCK_FLOATS_MOST);
    dc__model_gather(m->shown->model, false, 0, m->n, values);
    dc__model_scatter(m->part->model, 0, m->n, values);
    dc__model_zero_gradients(m->part->model, 0, m->n);
    for (int s = 0; s < subdivisions && !m->own[r]; s++)
        for (int i = TOY_LAYERS - 1; i >= 0; i--)
            toy_backward(m->part, i, r, round, s);
    if (m->own[r])
        step_alone(m, r, round, subdivisions, values, gradient);
    else
        dc__model_gather(model, true, 0, m->n, gradient);
    if (m->plain) {
        dc__model_velocity(model, 0, m->n, gradient, m->velocity[r], m->velocity[r]);
        memcpy(gradient, m->velocity[r], m->n * sizeof *gradient);
    }
    for (uint32_t b = 0; b < model->n_blocks; b++) {
        const size_t at = (size_t)model->block_offset[b], n = (size_t)model->block_offset[b + 1] - at;
        (void)way.codec->encode(gradient + at, n, way.share, m->kept[r] + at, m->kept[r] + at, payload);
        way.codec->add(payload, m->sum + at, n);
        if (m->plain) way.codec->mask(payload, m->velocity[r] + at, n);
    }
    free(gradient);
    free(values);
    free(payload);
}

static void add_mean(machine *m, int workers)
{
    for (size_t i = 0; i < m->n; i++)
        m->value[i] = m->value[i] + m->sum[i] / (float)(8 * workers);
}

static void step(machine *m, uint64_t round, int workers)
{
    const dc_model *model = m->shown->model;
    for (int i = 0; i < model->n_tensors; i++) {
        const dc__arena_tensor *t = &model->tensors[i];
        if (t->t.role != DC_TRAINED) continue;
        dc__step s = dc__model_step(model, t, toy_rate(round), 8 * (uint64_t)workers, round + 1);
        if (m->plain) s.momentum = 0, s.decays = false;
        dc__sgd(t->t.count, &s, m->value + t->offset, m->value + t->offset, m->sum + t->offset,
                m->sum + t->offset);
    }
    memcpy(m->moment, m->sum, m->n * sizeof *m->moment);
}

/* The change of the version, as every worker adds it. */
static void show(machine *m, uint64_t round, int workers)
{
    dc_model *model = m->shown->model;
    const dc__way way = dc__coding_down(&m->coding, round, workers);
    unsigned char *payload = malloc(5 * DC__BLOCK_FLOATS_MOST);
    float *shown = floats(m), *change = floats(m), *left = floats(m);
    dc__model_gather(model, false, 0, m->n, shown);
    for (uint32_t b = 0; b < model->n_blocks; b++) {
        const size_t at = (size_t)model->block_offset[b], n = (size_t)model->block_offset[b + 1] - at;
        for (size_t i = at; i < at + n; i++)
            change[i] = m->value[i] - shown[i];
        (void)way.codec->encode(change + at, n, way.share, NULL, left, payload);
        way.codec->add(payload, shown + at, n);
    }
    dc__model_scatter(model, 0, m->n, way.codec->exact ? m->value : shown);
    free(payload);
    free(shown);
    free(change);
    free(left);
}

static toy *alone(const setting *x, int rounds)
{
    dc__flush_denormals();
    machine m = {.shown = toy_make("toy", x->algorithm, 0, 0.0005f),
                 .part = toy_make("toy", x->algorithm, 0, 0.0005f)};
    assert_int_equal(dc__coding_parse(x->codec ? x->codec : x->serves, &m.coding), DC_OK);
    assert_int_equal(dc__model_seal(m.shown->model), DC_OK);
    assert_int_equal(dc__model_seal(m.part->model), DC_OK);
    m.n = (size_t)m.shown->model->start[DC_TRAINED + 1];
    m.plain = dc__coding_plain(&m.coding, m.shown->model);
    m.value = floats(&m), m.moment = floats(&m), m.sum = floats(&m);
    dc__model_gather(m.shown->model, false, 0, m.n, m.value);
    const bool local = m.coding.local_steps > 1;
    for (int r = 0; r < x->workers; r++) {
        m.kept[r] = floats(&m), m.velocity[r] = floats(&m);
        if (local) m.own[r] = toy_make("toy", x->algorithm, 0, 0.0005f);
        assert_true(!local || dc__model_seal(m.own[r]->model) == DC_OK);
    }
    const dc__batches batches = dc__coding_batches(&m.coding);
    for (int round = 0; dc__batches_of(&batches, (uint64_t)round).batch < (uint64_t)rounds; round++) {
        if (local)
            memset(m.sum, 0, m.n * sizeof *m.sum);
        else
            memcpy(m.sum, m.moment, m.n * sizeof *m.sum);
        for (int r = 0; r < x->workers; r++)
            push(&m, r, (uint64_t)round, x->subdivisions);
        if (local)
            add_mean(&m, x->workers);
        else
            step(&m, (uint64_t)round, x->workers);
        show(&m, (uint64_t)round, x->workers);
    }
    for (int r = 0; r < x->workers; r++) {
        free(m.kept[r]);
        free(m.velocity[r]);
        if (m.own[r]) toy_free(m.own[r]);
    }
    free(m.value);
    free(m.moment);
    free(m.sum);
    toy_free(m.part);
    return m.shown;
}

/* ---- runs ---- */

static void every_strategy_equals_one_machine(void **state)
{
    (void)state;
    for (int c = 0; c < CODINGS; c++)
        for (int workers = 1; workers <= 3; workers += 2) {
            setting x = {.url = test_url("coded"), .workers = workers, .rounds = ROUNDS, .subdivisions = 2};
            *(c % 2 ? &x.codec : &x.serves) = codings[c];
            toy *want = alone(&x, ROUNDS);
            for (int s = DC_SEQUENTIAL; s <= DC_DUPLEX; s++) {
                toy *got[MOST];
                x.strategy = (dc_strategy)s;
                train(&x, got);
                for (int r = 0; r < workers; r++) {
                    if (!toy_same(got[r], want, 0))
                        fail_msg("%s, %s: worker %d of %d differs from one machine", codings[c],
                                 dc_strategy_name(x.strategy), r, workers);
                    toy_free(got[r]);
                }
            }
            toy_free(want);
        }
}

/* The optimizer's moments stay at the server; compared with another strategy, not with one machine. */
static void adam_too(void **state)
{
    (void)state;
    for (int c = 0; c < 3; c++) {
        toy *first[MOST], *second[MOST];
        setting x = {.url = test_url("coded-adam"),
                     .workers = 2,
                     .rounds = ROUNDS,
                     .subdivisions = 1,
                     .algorithm = DC_ADAM,
                     .codec = codings[c]};
        train(&x, first);
        x.strategy = DC_DUPLEX;
        train(&x, second);
        for (int r = 0; r < 2; r++)
            assert_true(toy_same(first[0], second[r], 0) && toy_same(first[r], second[r], 1));
        for (int r = 0; r < 2; r++) {
            toy_free(first[r]);
            toy_free(second[r]);
        }
    }
}

static int files_of_round(const char *dir, const char *round)
{
    int n = 0;
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));)
        n += strstr(e->d_name, ".kept-") && strcmp(strrchr(e->d_name, '-') + 1, round) == 0;
    (void)closedir(d);
    return n;
}

/* Who holds the model: 0 one server, 1 a mesh, else so many shards. */
static void spread_over(setting *x, int servers)
{
    x->shards = servers > 1 ? servers : 0;
    x->mesh = servers == 1;
}

static void shards_and_meshes_equal_one_machine(void **state)
{
    (void)state;
    for (int c = 0; c < CODINGS; c++) {
        toy *got[MOST];
        setting x = {.url = test_url("coded-spread"), .workers = 2, .rounds = ROUNDS, .subdivisions = 1};
        x.strategy = (dc_strategy)(DC_SEQUENTIAL + c % 5);
        *(c % 2 ? &x.codec : &x.serves) = codings[c];
        spread_over(&x, 1 + c % 3);
        toy *want = alone(&x, ROUNDS);
        train(&x, got);
        for (int r = 0; r < x.workers; r++) {
            if (!toy_same(got[r], want, 0))
                fail_msg("%s over %d: worker %d differs from one machine", codings[c], 1 + c % 3, r);
            toy_free(got[r]);
        }
        toy_free(want);
    }
}

/* What was not sent is in the workers' files, what was not shown in the server's. */
static void resume_over(int c, int before, int after)
{
    char dir[] = "/tmp/dynacomm-test-XXXXXX", command[96];
    assert_non_null(mkdtemp(dir));
    setting x = {.url = test_url("coded-resume"),
                 .backup = dir,
                 .keep = dir,
                 .workers = 2,
                 .rounds = 4,
                 .subdivisions = 1,
                 .strategy = DC_DYNACOMM,
                 .every = 2,
                 .codec = codings[c]};
    toy *got[MOST], *want = alone(&x, 8);
    spread_over(&x, before);
    train(&x, got);
    const bool local = strchr(codings[c], '+') != NULL, grows = strstr(codings[c], ":2:2") != NULL,
               exact = strncmp(codings[c], "exact/", 6) == 0;
    assert_int_equal(files_of_round(dir, grows ? "3" : local ? "2" : "4"), exact ? 0 : 2);
    toy_free(got[0]);
    toy_free(got[1]);
    x.strategy = DC_DUPLEX;
    spread_over(&x, after);
    train(&x, got);
    for (int r = 0; r < 2; r++) {
        if (!toy_same(got[r], want, 0)) fail_msg("%s: worker %d differs after a resume", codings[c], r);
        toy_free(got[r]);
    }
    toy_free(want);
    (void)snprintf(command, sizeof command, "rm -r %s", dir);
    assert_int_equal(system(command), 0);
}

static void a_resumed_run_goes_on_bit_for_bit(void **state)
{
    (void)state;
    for (int c = 0; c < CODINGS; c++)
        resume_over(c, 0, 0);
}

/* Over other servers than before. */
static void a_run_goes_on_over_other_servers(void **state)
{
    (void)state;
    static const int before[] = {2, 3, 1}, after[] = {3, 1, 2};
    for (int c = 0; c < CODINGS; c++)
        resume_over(c, before[c % 3], after[c % 3]);
}

/* One line names both; the worker that agrees goes on. */
static void who_asks_for_another_codec_is_refused(void **state)
{
    (void)state;
    dc_server *server;
    const dc_server_options so = {.url = test_url("coded-refused"), .workers = 1, .codec = "int8"};
    assert_int_equal(dc_server_start(&server, &so), DC_OK);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, run_server, server), 0);
    toy *t = toy_make("toy", DC_SGD, 0, 0);
    dc_worker *w;
    dc_worker_options o = {.url = so.url, .rank = -1, .codec = "topk:0.01"};
    assert_int_equal(dc_worker_join(&w, t->model, &o), DC_EINVAL);
    assert_non_null(strstr(dc_last_error(), "the run's codec is int8, this worker asks for topk:0.01"));
    o.codec = NULL;
    assert_int_equal(dc_worker_join(&w, t->model, &o), DC_OK);
    assert_int_equal(dc_worker_leave(w, false, "enough"), DC_OK);
    void *result;
    assert_int_equal(pthread_join(thread, &result), 0);
    dc_server_free(server);
    toy_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_strategy_equals_one_machine),
        cmocka_unit_test(adam_too),
        cmocka_unit_test(shards_and_meshes_equal_one_machine),
        cmocka_unit_test(a_resumed_run_goes_on_bit_for_bit),
        cmocka_unit_test(a_run_goes_on_over_other_servers),
        cmocka_unit_test(who_asks_for_another_codec_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
