/* test_shard.c - who holds what of a model: every float once, every layer evenly, the same blocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "model/shard.h"
#include "toy.h"

/* Small layers, and large ones that do not divide. */
static dc_model *make(int layers)
{
    const size_t sizes[] = {100, 1023, 5000, 1, 70000, 0, 16384, 40000, 3};
    dc_model *m;
    const dc_optimizer o = {.algorithm = DC_SGD};
    assert_int_equal(dc_model_new(&m, "spread", &o, 8), DC_OK);
    for (int i = 0; i < layers; i++) {
        assert_int_equal(dc_model_add_layer(m, "convolutional"), DC_OK);
        const size_t n = sizes[i % 9];
        for (int k = 0; n > 0 && k < 3; k++) {
            const dc_tensor t = {.name = k == 0   ? "weights"
                                         : k == 1 ? "biases"
                                                  : "rolling_mean",
                                 .role = k == 2 ? DC_STATISTIC : DC_TRAINED,
                                 .count = k ? 7 : n,
                                 .rate_scale = 1};
            assert_int_equal(dc_model_add_tensor(m, &t), DC_OK);
        }
    }
    assert_int_equal(dc__model_seal(m), DC_OK);
    return m;
}

static dc_error init(dc__shard *s, const dc_model *whole, int index, int n)
{
    const dc__shares shares = dc__shares_even(n, false);
    return dc__shard_init(s, whole, index, &shares);
}

static uint64_t trained(const dc_model *m)
{
    return m->start[DC_FROZEN];
}

static void every_float_is_held_once(void **state)
{
    (void)state;
    dc_model *m = make(20);
    for (int n = 1; n <= DC__SHARDS_MOST; n++) {
        const uint64_t all = dc__model_floats(m);
        float *whole = calloc(all, sizeof *whole), *held = calloc(all, sizeof *held);
        for (uint64_t i = 0; i < all; i++)
            whole[i] = (float)(i + 1);
        uint64_t sum = 0;
        for (int k = 0; k < n; k++) {
            dc__shard s;
            assert_int_equal(init(&s, m, k, n), DC_OK);
            const uint64_t own = dc__model_floats(s.model);
            float *part = calloc(own + 1, sizeof *part);
            dc__shard_give(&s, own, whole, part);
            for (uint64_t at = 0; at < own; at += 1000) /* in pieces that cross runs */
                dc__shard_take(&s, at, own - at < 1000 ? own - at : 1000, part + at, held);
            sum += own;
            if (k > 0) assert_true(own == trained(s.model));
            free(part);
            dc__shard_free(&s);
        }
        assert_true(sum == all);
        assert_memory_equal(whole, held, all * sizeof *whole);
        free(whole);
        free(held);
    }
    dc_model_free(m);
}

static void layers_and_shards_are_even(void **state)
{
    (void)state;
    dc_model *m = make(27);
    for (int n = 2; n <= DC__SHARDS_MOST; n++) {
        uint64_t least = UINT64_MAX, most = 0;
        uint32_t low[27], high[27] = {0};
        memset(low, 0xff, sizeof low);
        for (int k = 0; k < n; k++) {
            dc__shard s;
            assert_int_equal(init(&s, m, k, n), DC_OK);
            const uint64_t own = trained(s.model);
            least = own < least ? own : least;
            most = own > most ? own : most;
            for (int i = 0; i < 27; i++) {
                const uint32_t blocks = s.model->layers[i].n_blocks;
                low[i] = blocks < low[i] ? blocks : low[i];
                high[i] = blocks > high[i] ? blocks : high[i];
            }
            dc__shard_free(&s);
        }
        for (int i = 0; i < 27; i++)
            assert_true(high[i] - low[i] <= 1);
        assert_true(most - least <= 2 * m->block_floats);
    }
    dc_model_free(m);
}

/* Codecs choose within blocks: a shard's are the whole model's. */
static void blocks_are_the_same(void **state)
{
    (void)state;
    dc_model *m = make(20);
    uint32_t blocks = 0;
    for (int k = 0; k < 3; k++) {
        dc__shard s;
        assert_int_equal(init(&s, m, k, 3), DC_OK);
        for (uint32_t b = 0; b < s.model->n_blocks; b++) {
            int run = s.n_runs - 1;
            while (s.runs[run].part > s.model->block_offset[b])
                run--;
            const uint64_t at = s.model->block_offset[b] - s.runs[run].part + s.runs[run].whole;
            uint32_t first, end;
            assert_true(dc__model_blocks(m, at, s.model->block_offset[b + 1] - s.model->block_offset[b],
                                         &first, &end));
            assert_int_equal(end - first, 1);
            assert_int_equal(m->block_layer[first], s.model->block_layer[b]);
        }
        blocks += s.model->n_blocks;
        dc__shard_free(&s);
    }
    assert_int_equal(blocks, m->n_blocks);
    dc_model_free(m);
}

/* Blocks of a shard that do not count, every third of them, are the whole model's where their floats are; others' count. */
static void bitmaps_are_the_whole_models(void **state)
{
    (void)state;
    dc_model *m = make(20);
    const size_t words = (size_t)m->n_blocks / 64 + 1;
    for (int n = 2; n <= 4; n++)
        for (int k = 0; k < n; k++) {
            dc__shard s;
            assert_int_equal(init(&s, m, k, n), DC_OK);
            const dc_model *p = s.model;
            float *part = calloc(dc__model_floats(p) + 1, sizeof *part),
                  *whole = calloc(dc__model_floats(m), sizeof *whole);
            uint64_t *its = calloc(words, sizeof *its), *blocks = calloc(words, sizeof *blocks);
            for (uint32_t b = 0; b < p->n_blocks; b++) {
                if (b % 3) its[b / 64] |= (uint64_t)1 << (b % 64);
                for (uint64_t i = p->block_offset[b]; i < p->block_offset[b + 1]; i++)
                    part[i] = b % 3 ? 1 : 2;
            }
            dc__shard_take(&s, 0, trained(p), part, whole);
            dc__shard_blocks(&s, m, its, blocks);
            for (uint32_t b = 0; b < m->n_blocks; b++)
                assert_int_equal(blocks[b / 64] >> (b % 64) & 1, whole[m->block_offset[b]] != 2);
            free(part);
            free(whole);
            free(its);
            free(blocks);
            dc__shard_free(&s);
        }
    dc_model_free(m);
}

/* A shard of a model with arrays works on those. */
static void arrays_are_shared(void **state)
{
    (void)state;
    toy *t = toy_make("toy", DC_SGD, 0, 0);
    assert_int_equal(dc__model_seal(t->model), DC_OK);
    for (int k = 0; k < 3; k++) {
        dc__shard s;
        assert_int_equal(init(&s, t->model, k, 3), DC_OK);
        const uint64_t n = trained(s.model);
        float *ones = calloc(n, sizeof *ones);
        for (uint64_t i = 0; i < n; i++)
            ones[i] = 1 + (float)k;
        dc__model_scatter(s.model, 0, n, ones);
        free(ones);
        dc__shard_free(&s);
    }
    for (int i = 0; i < TOY_LAYERS; i++)
        for (int j = 0; j < 2; j++)
            for (size_t x = 0; x < t->count[i][j]; x++)
                assert_true(t->value[i][j][x] == 1.f || t->value[i][j][x] == 2.f || t->value[i][j][x] == 3.f);
    toy_free(t);
}

/* The meeting server of a mesh has one block, the others all the rest, in proportion to their shares; every float is held once. */
static void shares_of_a_mesh(void **state)
{
    (void)state;
    dc_model *m = make(27);
    for (int n = 2; n <= DC__PARTS_MOST; n += n < 5 ? 1 : 7) {
        dc__shares shares = dc__shares_even(n, true);
        for (int uneven = 0; uneven < 2; uneven++) {
            uint64_t sum = 0, weights = 0, least = UINT64_MAX;
            for (int k = 1; k < n; k++)
                weights += shares.weight[k] = uneven ? (uint16_t)(1 + k % 3) : 1;
            for (int k = 0; k < n; k++) {
                dc__shard s;
                assert_int_equal(dc__shard_init(&s, m, k, &shares), DC_OK);
                const uint64_t own = trained(s.model);
                if (k == 0) assert_int_equal(s.model->n_blocks, 1);
                if (k == 0) least = own;
                const double due = (double)trained(m) * shares.weight[k] / (double)weights;
                if (k > 0)
                    assert_true((double)own > due - 3. * m->block_floats &&
                                (double)own < due + 3. * m->block_floats);
                sum += own;
                dc__shard_free(&s);
            }
            assert_int_equal(sum, trained(m));
            assert_int_equal(least, 8); /* the layer of a single weight and seven biases is the smallest */
        }
    }
    dc_model_free(m);
}

/* Links take the same time for what they carry, but those too slow to hold anything. */
static void shares_follow_links(void **state)
{
    (void)state;
    const double cases[][6] = {
        {0, 1e6, 1e6, 1e6}, {0, 1e6, 2e6, 3e6}, {0, 1e6, 1e6, 5e6, 9e6}, {0, 1e5, 1e7, 1e7, 1e7, 1e7}};
    const int sizes[] = {4, 4, 5, 6};
    for (int c = 0; c < 4; c++) {
        dc__shares shares = dc__shares_even(sizes[c], true);
        double all = 0, least_s = 1, most_s = 0;
        dc__shares_of_links(&shares, cases[c]);
        for (int k = 1; k < shares.n; k++)
            all += shares.weight[k];
        for (int k = 1; k < shares.n; k++) {
            const double s = (1 + (shares.n - 3) * shares.weight[k] / all) / cases[c][k];
            if (shares.weight[k] == 1) assert_true(1 / cases[c][k] > most_s);
            if (shares.weight[k] == 1) continue;
            most_s = s > most_s ? s : most_s;
            least_s = s < least_s ? s : least_s;
        }
        assert_true(most_s > 0 && least_s > 0.99 * most_s);
    }
    dc__shares unknown = dc__shares_even(4, true);
    dc__shares_of_links(&unknown, (const double[]){0, 1e6, 0, 1e6});
    assert_int_equal(unknown.weight[1], unknown.weight[2]);
    dc__shares two = dc__shares_even(3, true);
    dc__shares_of_links(&two, (const double[]){0, 1e6, 9e6});
    assert_int_equal(two.weight[1], two.weight[2]);
}

static void too_many_for_a_model(void **state)
{
    (void)state;
    dc_model *m = make(2);
    dc__shard s;
    assert_int_equal(m->n_blocks, 3);
    assert_int_equal(init(&s, m, 0, 3), DC_OK);
    dc__shard_free(&s);
    assert_int_equal(init(&s, m, 0, 4), DC_EINVAL);
    assert_non_null(strstr(dc_last_error(), "3 shards at most"));
    dc_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_float_is_held_once), cmocka_unit_test(layers_and_shards_are_even),
        cmocka_unit_test(blocks_are_the_same),      cmocka_unit_test(arrays_are_shared),
        cmocka_unit_test(shares_of_a_mesh),         cmocka_unit_test(shares_follow_links),
        cmocka_unit_test(too_many_for_a_model),     cmocka_unit_test(bitmaps_are_the_whole_models),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
