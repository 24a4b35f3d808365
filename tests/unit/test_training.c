/* test_training.c - workers and a server over real sockets give, bit for bit, what one machine gives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <unistd.h>

#include "dynacomm_server.h"
#include "base/floatmode.h"
#include "model/model.h"
#include "toy_run.h"

/* The same on one machine: gradients of all workers, summed as the server sums them, one update. */
static toy *alone(const setting *x, int rounds, int stats_of)
{
    dc__flush_denormals();
    toy *t = toy_make("toy", x->algorithm, x->frozen, 0.0005f);
    if (x->workers > 1) { /* images_per_round counts one worker's */
        t->model->images_per_round = 8 * (uint32_t)x->workers;
    }
    for (int round = 0; round < rounds; round++) {
        const bool sum_apart = x->workers > 1;
        toy *part = sum_apart ? toy_make("toy", x->algorithm, x->frozen, 0) : NULL;
        for (int r = 0; r < x->workers; r++) {
            toy *g = sum_apart ? part : t;
            for (int i = 0; sum_apart && i < TOY_LAYERS; i++)
                for (int k = 0; k < 2; k++)
                    if (g->count[i][k]) {
                        memcpy(g->value[i][k], t->value[i][k], g->count[i][k] * sizeof(float));
                        memset(g->gradient[i][k], 0, g->count[i][k] * sizeof(float));
                    }
            for (int s = 0; s < x->subdivisions; s++) {
                for (int i = 0; i < TOY_LAYERS; i++)
                    if (r == stats_of) toy_forward(t, i, r, (uint64_t)round);
                for (int i = TOY_LAYERS - 1; i >= 0 && (t->role[i] == DC_TRAINED || !t->count[i][0]); i--)
                    toy_backward(g, i, r, (uint64_t)round, s);
            }
            for (int i = 0; sum_apart && i < TOY_LAYERS; i++)
                for (int k = 0; k < 2; k++)
                    for (size_t j = 0; t->role[i] == DC_TRAINED && j < t->count[i][k]; j++)
                        t->gradient[i][k][j] += part->gradient[i][k][j];
        }
        assert_int_equal(dc_model_update(t->model, toy_rate((uint64_t)round), (uint64_t)round + 1), DC_OK);
        if (part) toy_free(part);
    }
    return t;
}

static void check(setting x)
{
    toy *got[MOST];
    train(&x, got);
    for (int r = 0; r < x.workers; r++) {
        toy *want = alone(&x, x.rounds, r);
        if (!toy_same(got[r], want, 1))
            fail_msg("%s, %d workers, %d subdivisions, %d frozen, optimizer %d over %s: worker %d differs "
                     "from one machine",
                     dc_strategy_name(x.strategy), x.workers, x.subdivisions, x.frozen, (int)x.algorithm,
                     x.url, r);
        toy_free(want);
        toy_free(got[r]);
    }
}

static void one_worker_equals_one_machine(void **state)
{
    (void)state;
    for (int s = DC_SEQUENTIAL; s <= DC_AUTO; s++)
        for (int subdivisions = 1; subdivisions <= 3; subdivisions += 2)
            check((setting){.url = test_url("one"),
                            .workers = 1,
                            .rounds = 6,
                            .subdivisions = subdivisions,
                            .strategy = (dc_strategy)s});
}

static void many_workers_equal_one_machine(void **state)
{
    (void)state;
    for (int workers = 2; workers <= MOST; workers++)
        for (int s = DC_SEQUENTIAL; s <= DC_AUTO; s++)
            check((setting){.url = test_url("many"),
                            .workers = workers,
                            .rounds = 5,
                            .subdivisions = 2,
                            .strategy = (dc_strategy)s});
}

static void frozen_layers_and_adam(void **state)
{
    (void)state;
    for (int s = DC_SEQUENTIAL; s <= DC_DUPLEX; s++)
        for (int workers = 1; workers <= 2; workers++)
            for (int adam = 0; adam <= 1; adam++)
                for (int frozen = 0; frozen <= 3; frozen += 3)
                    check((setting){.url = test_url("mix"),
                                    .workers = workers,
                                    .rounds = 4,
                                    .subdivisions = 1,
                                    .frozen = frozen,
                                    .algorithm = adam ? DC_ADAM : DC_SGD,
                                    .strategy = (dc_strategy)s});
}

static void over_tcp_and_ipc(void **state)
{
    (void)state;
    char ipc[64];
    (void)snprintf(ipc, sizeof ipc, "ipc:///tmp/dynacomm-test-%ld", (long)getpid());
    const char *urls[] = {"tcp://127.0.0.1:17710", ipc};
    for (int u = 0; u < 2; u++)
        for (int s = DC_SEQUENTIAL; s <= DC_DUPLEX; s++)
            check((setting){
                .url = urls[u], .workers = 2, .rounds = 5, .subdivisions = 1, .strategy = (dc_strategy)s});
}

static void a_resumed_run_goes_on_bit_for_bit(void **state)
{
    (void)state;
    for (int adam = 0; adam <= 1; adam++)
        for (int workers = 1; workers <= 3; workers += 2) {
            char dir[] = "/tmp/dynacomm-test-XXXXXX";
            assert_non_null(mkdtemp(dir));
            setting x = {.url = test_url("resume"),
                         .backup = dir,
                         .workers = workers,
                         .rounds = 4,
                         .subdivisions = 1,
                         .frozen = 1,
                         .algorithm = adam ? DC_ADAM : DC_SGD,
                         .strategy = DC_DYNACOMM,
                         .every = 2};
            toy *got[MOST];
            for (int part = 0; part < 2; part++) {
                train(&x, got);
                if (part == 0)
                    for (int r = 0; r < workers; r++)
                        toy_free(got[r]);
                x.strategy = DC_DUPLEX;
            }
            for (int r = 0; r < workers; r++) {
                toy *want = alone(&x, 8, r);
                assert_true(toy_same(got[r], want, 1));
                toy_free(want);
                toy_free(got[r]);
            }
            char command[96];
            (void)snprintf(command, sizeof command, "rm -r %s", dir);
            assert_int_equal(system(command), 0);
        }
}

static void shards_equal_one_machine(void **state)
{
    (void)state;
    for (int shards = 2; shards <= MOST; shards++)
        for (int s = DC_SEQUENTIAL; s <= DC_AUTO; s++)
            for (int workers = 1; workers <= MOST; workers += shards == 2 ? 1 : 3)
                check((setting){.url = test_url("shards"),
                                .shards = shards,
                                .workers = workers,
                                .rounds = 4,
                                .subdivisions = 2,
                                .frozen = workers == 4 ? 2 : 0,
                                .algorithm = workers == 4 ? DC_ADAM : DC_SGD,
                                .strategy = (dc_strategy)s});
}

static void meshes_equal_one_machine(void **state)
{
    (void)state;
    for (int workers = 1; workers <= MOST; workers++)
        for (int s = DC_SEQUENTIAL; s <= DC_AUTO; s++)
            check((setting){.url = test_url("mesh"),
                            .mesh = true,
                            .workers = workers,
                            .rounds = 4,
                            .subdivisions = 2,
                            .frozen = workers == 4 ? 2 : 0,
                            .algorithm = workers == 4 ? DC_ADAM : DC_SGD,
                            .strategy = (dc_strategy)s});
}

static bool same_file(const char *a, const char *b, const char *name)
{
    char command[160];
    (void)snprintf(command, sizeof command, "cmp %s/%s %s/%s", a, name, b, name);
    return system(command) == 0;
}

/* One server, then so many shards or (0) a mesh, or the other way round; a run that had the same all the time is no other. */
static void shards_and_one_server_resume_each_other(void **state)
{
    (void)state;
    for (int k = 0; k < 6; k++) {
        char parts[] = "/tmp/dynacomm-test-XXXXXX", whole[] = "/tmp/dynacomm-test-XXXXXX";
        assert_non_null(mkdtemp(parts));
        assert_non_null(mkdtemp(whole));
        const int shards[6][2] = {{1, 3}, {2, 1}, {4, 2}, {1, 0}, {0, 1}, {0, 3}};
        setting x = {.url = test_url("both"),
                     .backup = whole,
                     .workers = 2,
                     .rounds = 4,
                     .subdivisions = 1,
                     .frozen = 1,
                     .algorithm = k == 1 || k == 4 ? DC_ADAM : DC_SGD,
                     .strategy = DC_DUPLEX,
                     .every = 1};
        toy *got[MOST], *want[MOST];
        for (int part = 0; part < 2; part++) {
            x.backup = whole;
            x.shards = 1;
            x.mesh = false;
            train(&x, want);
            x.backup = parts;
            x.shards = shards[k][part];
            x.mesh = x.shards == 0;
            train(&x, got);
            for (int r = 0; r < x.workers; r++) {
                assert_true(toy_same(got[r], want[r], 1));
                toy_free(got[r]);
                toy_free(want[r]);
            }
            assert_true(same_file(parts, whole, "toy_final.weights"));
            assert_true(same_file(parts, whole, "toy.backup"));
            assert_true(same_file(parts, whole, "toy.state"));
        }
        char command[96];
        (void)snprintf(command, sizeof command, "rm -r %s %s", parts, whole);
        assert_int_equal(system(command), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_worker_equals_one_machine),
        cmocka_unit_test(many_workers_equal_one_machine),
        cmocka_unit_test(frozen_layers_and_adam),
        cmocka_unit_test(over_tcp_and_ipc),
        cmocka_unit_test(a_resumed_run_goes_on_bit_for_bit),
        cmocka_unit_test(shards_equal_one_machine),
        cmocka_unit_test(meshes_equal_one_machine),
        cmocka_unit_test(shards_and_one_server_resume_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
