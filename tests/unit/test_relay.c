/* test_relay.c - relays: who stands behind whom, sums along the tree, slices on their way down, and whole runs of toys. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "endpoint/values.h"
#include "relay/fan.h"
#include "relay/sums.h"
#include "relay_run.h"
#include "server/tree.h"

static dc__path path_of(int n, ...)
{
    dc__path path = {0};
    va_list ids;
    va_start(ids, n);
    for (int k = 0; k < n; k++)
        assert_true(dc__path_add(&path, (uint64_t)va_arg(ids, int), 2));
    va_end(ids);
    return path;
}

static void paths_travel_whole_or_not_at_all(void **state)
{
    (void)state;
    uint8_t bytes[128];
    dc__path path = {0}, back;
    for (int n = 0; n <= DC__RELAYS_MOST; n++) {
        dc__bytes out = dc__bytes_over(bytes, sizeof bytes), in;
        dc__path_put(&out, &path);
        const size_t size = (size_t)(out.at - bytes);
        in = dc__bytes_over(bytes, size);
        assert_true(dc__path_get(&in, &back));
        assert_int_equal(back.n, n);
        for (int k = 0; k < n; k++)
            assert_true(back.at[k].id == path.at[k].id && back.at[k].workers == path.at[k].workers);
        for (size_t cut = 0; cut < size; cut++) {
            in = dc__bytes_over(bytes, cut);
            assert_false(dc__path_get(&in, &back));
        }
        assert_int_equal(dc__path_add(&path, (uint64_t)n + 9, n + 1), n < DC__RELAYS_MOST);
    }
    const struct {
        uint64_t id, workers;
    } bad[] = {{0, 1}, {1, 0}, {1, DC_MAX_WORKERS + 1}};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        dc__bytes out = dc__bytes_over(bytes, sizeof bytes), in = dc__bytes_over(bytes, sizeof bytes);
        dc__put_uint(&out, 1, 1);
        dc__put_uint(&out, bad[k].id, 8);
        dc__put_uint(&out, bad[k].workers, 4);
        assert_false(dc__path_get(&in, &back));
    }
    const dc__path twice = {.n = 2, .at = {{7, 1}, {7, 1}}};
    dc__bytes out = dc__bytes_over(bytes, sizeof bytes), in = dc__bytes_over(bytes, sizeof bytes);
    dc__path_put(&out, &twice);
    assert_false(dc__path_get(&in, &back));
}

static void places_are_counted_by_the_nearest_relay(void **state)
{
    (void)state;
    const dc__path none = {0}, a = path_of(1, 1), b = path_of(1, 2), deep = path_of(2, 3, 1);
    const dc__path *const paths[] = {&none, &a, &none, &deep, &b, &a};
    assert_int_equal(dc__path_promised(paths, 1), 1);
    assert_int_equal(dc__path_promised(paths, 2), 3);
    assert_int_equal(dc__path_promised(paths, 3), 4);
    assert_int_equal(dc__path_promised(paths, 4), 4); /* the same relay is nearest to the server */
    assert_int_equal(dc__path_promised(paths, 6), 6);
    assert_true(dc__path_same(&a, &deep, 1));
    assert_false(dc__path_same(&a, &deep, 2));
    assert_false(dc__path_same(&none, &none, 1));
}

/* ---- sums ---- */

enum { MEMBERS = 7 };

static float *gradient(const dc_model *m, uint32_t seed)
{
    float *g = malloc(m->start[DC_FROZEN] * sizeof *g);
    for (uint64_t i = 0; i < m->start[DC_FROZEN]; i++)
        g[i] = toy_number(toy_hash((uint32_t)i, seed, 1, 2)) *
               expf(8 * toy_number(toy_hash((uint32_t)i, seed, 5, 6)));
    return g;
}

static void *message_of(const float *values, uint64_t n)
{
    float *to;
    void *message = dc__values_alloc(NULL, (uint32_t)n, &to);
    memcpy(to, values, n * sizeof *to);
    return message;
}

/* Sums of these members' gradients, which arrive block by block in an order drawn from seed. */
static float *relay_sums(const dc_model *m, int n, const int *numbers, float *const *gradients, uint32_t seed)
{
    dc__summing s = {0};
    float *out = malloc(m->start[DC_FROZEN] * sizeof *out);
    for (int k = 0; k < n; k++)
        s.crew.member[s.crew.n++] = (dc__crew_member){.number = numbers[k], .images = 1, .slot = n - 1 - k};
    assert_int_equal(dc__summing_allocate(&s, m, n), DC_OK);
    for (uint32_t b = 0; b < m->n_blocks; b++) {
        const uint64_t from = m->block_offset[b], count = m->block_offset[b + 1] - from;
        int order[MEMBERS];
        for (int k = 0; k < n; k++)
            order[k] = k;
        for (int k = n - 1; k > 0; k--) {
            const int j = (int)(toy_hash(b, seed, (uint32_t)k, 3) % (uint32_t)(k + 1)), was = order[k];
            order[k] = order[j];
            order[j] = was;
        }
        for (int k = 0; k < n; k++) {
            const int slot = n - 1 - order[k];
            void *message = message_of(gradients[order[k]] + from, count);
            dc__held *held = dc__reduce_hold(&s.reduce, slot, b, 1, message);
            const dc__slot one = {
                .data = (uint8_t *)message + DC__HEADER_BYTES, .held = held, .rate = (float)order[k]};
            bool whole;
            float rate = -1;
            assert_int_equal(dc__summing_put(&s, b, slot, &one, &whole, &rate), DC_OK);
            assert_int_equal(whole, k == n - 1);
            if (whole) assert_true(rate == 0); /* the first member's */
        }
        dc__summing_give(&s, b, b + 1, out + from);
    }
    dc__summing_free(&s);
    return out;
}

/* Members 0, 3 and a relay with 1, 4 and a relay with 5, 6 behind it; and a relay with 2: the tree makes what the relays make,
 * whatever comes first, and what it makes is no further from the sum in one row than the bound says. */
static void the_tree_is_what_relays_sum(void **state)
{
    (void)state;
    toy *t = toy_make("toy", DC_SGD, 0, 0);
    dc_model *m = t->model;
    assert_int_equal(dc__model_seal(m), DC_OK);
    float *g[MEMBERS];
    for (uint32_t k = 0; k < MEMBERS; k++)
        g[k] = gradient(m, k);
    const dc__path none = {0}, outer = path_of(1, 1), inner = path_of(2, 2, 1), alone = path_of(1, 3);
    const dc__path *const paths[MEMBERS] = {&none, &outer, &alone, &none, &outer, &inner, &inner};
    dc__tree tree = {0};
    double worst = 0;
    for (uint32_t seed = 0; seed < 3; seed++) {
        float *deep = relay_sums(m, 2, (int[]){5, 6}, (float *[]){g[5], g[6]}, seed),
              *near = relay_sums(m, 3, (int[]){1, 4, 5}, (float *[]){g[1], g[4], deep}, seed + 9),
              *single = relay_sums(m, 1, (int[]){2}, &g[2], seed);
        assert_memory_equal(single, g[2], m->start[DC_FROZEN] * sizeof(float));
        for (uint32_t b = 0; b < m->n_blocks; b++) {
            const uint64_t from = m->block_offset[b];
            const size_t n = (size_t)(m->block_offset[b + 1] - from);
            float server[DC__BLOCK_FLOATS_MOST], again[DC__BLOCK_FLOATS_MOST], flat[DC__BLOCK_FLOATS_MOST];
            dc__addends a = {.n = 4,
                             .codec = &dc__codec_f32,
                             .data = {g[0] + from, near + from, single + from, g[3] + from}},
                        all = {.n = MEMBERS, .codec = &dc__codec_f32};
            dc__reduce_sum(&a, n, NULL, server);
            for (int k = 0; k < MEMBERS; k++)
                all.data[k] = g[k] + from;
            dc__reduce_sum(&all, n, NULL, flat);
            assert_int_equal(dc__tree_sum(&tree, paths, n, &all), DC_OK);
            assert_int_equal(all.n, 4);
            dc__reduce_sum(&all, n, NULL, again);
            assert_memory_equal(server, again, n * sizeof *server);
            for (size_t i = 0; i < n; i++) {
                double sizes = 0;
                for (int k = 0; k < MEMBERS; k++)
                    sizes += fabs((double)g[k][from + i]);
                const double unit = (MEMBERS - 1) * ldexp(1, -24), bound = 2 * unit / (1 - unit) * sizes;
                const double off = fabs((double)again[i] - (double)flat[i]);
                assert_true(off <= bound);
                if (sizes > 0 && off / bound > worst) worst = off / bound;
            }
        }
        free(deep);
        free(near);
        free(single);
    }
    assert_true(worst > 0.01); /* the orders differ, and the bound is not far away */
    dc__tree_free(&tree);
    for (int k = 0; k < MEMBERS; k++)
        free(g[k]);
    toy_free(t);
}

/* ---- down ---- */

static dc__frame frame_of(const dc_model *m, uint32_t first, uint32_t end, uint64_t round)
{
    const uint64_t from = m->block_offset[first], n = m->block_offset[end] - from;
    float *to;
    dc__frame f = {.header = {.type = DC__PARAM,
                              .round = round,
                              .offset = from,
                              .count = (uint32_t)n,
                              .payload_bytes = (uint32_t)(n * sizeof(float)),
                              .rate = 0.5f},
                   .message = dc__values_alloc(NULL, (uint32_t)n, &to)};
    for (uint64_t i = 0; i < n; i++)
        to[i] = (float)(from + i + round);
    f.payload = (uint8_t *)(void *)to;
    return f;
}

static void slices_stay_until_all_have_them(void **state)
{
    (void)state;
    toy *t = toy_make("toy", DC_SGD, 0, 0);
    dc_model *m = t->model;
    assert_int_equal(dc__model_seal(m), DC_OK);
    dc__fan f = {0};
    float *to = malloc(m->start[DC_FROZEN] * sizeof *to);
    uint32_t first, end;
    assert_int_equal(dc__fan_allocate(&f, m, 2), DC_OK);
    assert_true(dc__fan_may_ask(&f, 5, 5));
    assert_false(dc__fan_may_ask(&f, 6, 5));
    for (uint64_t version = 5; version < 8; version++) {
        dc__fan_ask(&f, version);
        assert_false(dc__fan_may_ask(&f, version + 1, 5));
        for (uint32_t b = 0, n; b < m->n_blocks; b += n) {
            n = m->n_blocks - b < 3 ? m->n_blocks - b : 3;
            dc__frame frame = frame_of(m, b, b + n, version);
            const dc__header h = frame.header;
            assert_int_equal(dc__fan_take(&f, version, &frame, &first, &end), DC_OK);
            assert_null(frame.message);
            assert_true(first == b && end == b + n);
            assert_false(dc__fan_has(&f, b, version));
            dc__fan_offer(&f, &h, first, end);
            assert_true(dc__fan_has(&f, b, version));
            dc__fan_give(&f, b, b + n, to); /* the first one at once */
        }
        assert_true(dc__fan_may_ask(&f, version + 1, 5));
        dc__frame again = frame_of(m, 0, 1, version);
        assert_int_equal(dc__fan_take(&f, version, &again, &first, &end), DC_EPROTO);
        dc__frame_free(&again);
        dc__frame other = frame_of(m, 0, 1, version + 1);
        assert_int_equal(dc__fan_take(&f, version, &other, &first, &end), DC_EPROTO);
        dc__frame_free(&other);
        dc__fan_give(&f, 0, m->n_blocks, to); /* the second one in one piece */
        for (uint64_t i = 0; i < m->start[DC_FROZEN]; i++)
            assert_true(to[i] == (float)(i + version));
        for (uint32_t b = 0; b < m->n_blocks; b++)
            assert_null(f.held[b].message);
    }
    dc__fan_ask(&f, 8);
    dc__frame rest = frame_of(m, 0, 2, 8); /* nobody gets it: it is freed with the fan */
    assert_int_equal(dc__fan_take(&f, 8, &rest, &first, &end), DC_OK);
    dc__fan_free(&f);
    free(to);
    toy_free(t);
}

/* ---- whole runs ---- */

static void one_worker_behind_each_is_the_plain_server(void **state)
{
    (void)state;
    for (int a = DC_SGD; a <= DC_ADAM; a++) {
        toy *plain[MOST], *over[MOST];
        train_over(PLAIN, (dc_algorithm)a, DC_DUPLEX, plain);
        train_over(SINGLES, (dc_algorithm)a, DC_DUPLEX, over);
        for (int r = 0; r < 2; r++)
            assert_true(toy_same(plain[r], over[r], 1));
        free_all(plain, 2);
        free_all(over, 2);
    }
}

static void every_strategy_makes_the_same(void **state)
{
    (void)state;
    for (int topology = PAIRS; topology <= NESTED; topology++) {
        toy *first[MOST];
        for (int s = DC_SEQUENTIAL; s <= DC_DUPLEX; s++) {
            toy *out[MOST];
            train_over(topology, DC_SGD, (dc_strategy)s, s == DC_SEQUENTIAL ? first : out);
            if (s == DC_SEQUENTIAL) continue;
            for (int r = 0; r < 4; r++) {
                assert_true(toy_same(first[r], out[r], 1));
                assert_true(toy_same(out[0], out[r], 0));
            }
            free_all(out, 4);
        }
        free_all(first, 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_travel_whole_or_not_at_all),
        cmocka_unit_test(places_are_counted_by_the_nearest_relay),
        cmocka_unit_test(the_tree_is_what_relays_sum),
        cmocka_unit_test(slices_stay_until_all_have_them),
        cmocka_unit_test(one_worker_behind_each_is_the_plain_server),
        cmocka_unit_test(every_strategy_makes_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
