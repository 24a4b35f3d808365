/* test_queue.c - what is sent next: every block once, in the order that was asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "fault/fake.h"
#include "schedule/queue.h"

static dc__queue queue_of(const dc_model *m)
{
    dc__queue q;
    assert_int_equal(dc__queue_init(&q, dc__pieces_of_model(m)), DC_OK);
    return q;
}

static void segments_go_in_order_when_whole(void **state)
{
    (void)state;
    fake_model *m = fake_model_new("fake", true); /* blocks 0, 1 and 2 */
    dc__queue q = queue_of(m->model);
    uint32_t first, n;
    bool last;
    assert_false(dc__queue_next(&q, &first, &n, &last)); /* nothing was started */
    q.segments[0] = (dc__segment){2, 1};
    q.segments[1] = (dc__segment){0, 2};
    dc__queue_start(&q, 2, DC__IN_SEGMENTS, 1u << 18);
    dc__queue_ready(&q, 0);
    dc__queue_ready(&q, 1);
    assert_false(dc__queue_next(&q, &first, &n, &last)); /* the first segment is not ready */
    dc__queue_ready(&q, 2);
    assert_true(dc__queue_next(&q, &first, &n, &last) && first == 2 && n == 1 && last);
    assert_true(dc__queue_next(&q, &first, &n, &last) && first == 0 && n == 2 && last);
    assert_false(dc__queue_next(&q, &first, &n, &last));
    assert_int_equal(q.left, 0);
    dc__queue_free(&q);
    fake_model_free(m);
}

static void small_frames_cut_a_segment(void **state)
{
    (void)state;
    fake_model *m = fake_model_new("fake", false);
    dc__queue q = queue_of(m->model);
    uint32_t first, n;
    bool last;
    q.segments[0] = (dc__segment){0, 3};
    dc__queue_start(&q, 1, DC__IN_SEGMENTS, 1); /* never less than a block */
    for (uint32_t b = 0; b < 3; b++)
        dc__queue_ready(&q, b);
    for (uint32_t b = 0; b < 3; b++)
        assert_true(dc__queue_next(&q, &first, &n, &last) && first == b && n == 1 && last == (b == 2));
    dc__queue_free(&q);
    fake_model_free(m);
}

/* In slices, whatever is ready goes, lowest first; each
 * block once, whatever the order they become ready in. */
static void slices_overtake(void **state)
{
    (void)state;
    fake_model *m = fake_model_new("fake", false);
    dc__queue q = queue_of(m->model);
    static const uint32_t orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (int o = 0; o < 6; o++)
        for (int take = 0; take < 8; take++) { /* bit k: send after the k-th became ready */
            uint32_t first, n, sent = 0, ready = 0;
            bool last = false;
            q.segments[0] = (dc__segment){0, 3};
            dc__queue_start(&q, 1, DC__IN_SLICES, 1u << 16);
            for (int k = 0; k < 3; k++) {
                dc__queue_ready(&q, orders[o][k]);
                ready |= 1u << orders[o][k];
                while ((k == 2 || take >> k & 1) && dc__queue_next(&q, &first, &n, &last)) {
                    const uint32_t waiting = ready & ~sent;
                    assert_int_equal(first, (uint32_t)__builtin_ctz(waiting)); /* the lowest */
                    for (uint32_t b = first; b < first + n; b++) {
                        assert_true(waiting >> b & 1);
                        sent |= 1u << b;
                    }
                    assert_int_equal(last, sent == 7);
                }
            }
            assert_int_equal(sent, 7);
        }
    dc__queue_free(&q);
    fake_model_free(m);
}

/* ---- groups ---- */

#define LAYERS 8
#define MOST (3 * DC__BLOCK_FLOATS_LEAST)

static uint32_t next_random(uint32_t *seed, uint32_t below)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % below;
}

/* A model of LAYERS layers of one to three blocks, some without any. */
static dc_model *random_model(uint32_t *seed, float *value, float *gradient)
{
    dc_model *m = NULL;
    const dc_optimizer o = {.algorithm = DC_SGD, .momentum = .9f, .decay = .0005f};
    assert_int_equal(dc_model_new(&m, "layers", &o, 1), DC_OK);
    for (int i = 0; i < LAYERS; i++) {
        assert_int_equal(dc_model_add_layer(m, "connected"), DC_OK);
        if (i > 0 && next_random(seed, 4) == 0) continue;
        fake_tensor(m, "weights", DC_TRAINED, 1 + next_random(seed, MOST), value, gradient);
    }
    assert_int_equal(dc__model_seal(m), DC_OK);
    return m;
}

/* Groups of whole layers at random borders, from the highest block down; returns how many. */
static uint32_t random_groups(const dc_model *m, uint32_t *seed, dc__segment *groups)
{
    uint32_t n = 0, end = m->n_blocks;
    for (int i = LAYERS - 1; i >= 0; i--) {
        const uint32_t first = m->layers[i].first_block;
        if (m->layers[i].n_blocks == 0 || (i > 0 && first > 0 && next_random(seed, 2))) continue;
        groups[n++] = (dc__segment){first, end - first};
        end = first;
    }
    if (end > 0) groups[n++] = (dc__segment){0, end};
    return n;
}

static uint32_t group_with(const dc__segment *groups, uint32_t n, uint32_t b)
{
    for (uint32_t g = 0; g < n; g++)
        if (groups[g].first <= b && b < groups[g].first + groups[g].n) return g;
    fail();
    return 0;
}

/* What a frame must be, said plainly: while layers are to come, from the lowest group that has anything, of
 * its highest layer that has, its lowest waiting block among it; then, the lowest block of all first. */
static void check_frame(const dc_model *m, const dc__segment *groups, uint32_t n_groups, const bool *waiting,
                        bool all_ready, uint32_t first, uint32_t n, uint64_t slice_floats)
{
    uint32_t lowest = 0;
    while (!waiting[lowest])
        lowest++;
    for (uint32_t b = first; b < first + n; b++)
        assert_true(waiting[b]);
    assert_true(n == 1 || m->block_offset[first + n] - m->block_offset[first] <= slice_floats);
    if (all_ready) {
        assert_int_equal(first, lowest);
        return;
    }
    const dc__segment *group = &groups[group_with(groups, n_groups, lowest)];
    assert_in_range(first, group->first, group->first + group->n - 1);
    assert_in_range(first + n, group->first + 1, group->first + group->n);
    uint32_t must = group->first + group->n - 1;
    while (!waiting[must])
        must--;
    const int layer = m->block_layer[must];
    while (must > group->first && waiting[must - 1] && m->block_layer[must - 1] == layer)
        must--;
    assert_in_range(must, first, first + n - 1);
}

static void groups_overtake_and_layers_in_them_do_not(void **state)
{
    (void)state;
    static float value[MOST + 1], gradient[MOST + 1];
    for (uint32_t seed = 1; seed < 400; seed++) {
        uint32_t random = seed;
        dc_model *m = random_model(&random, value, gradient);
        dc__queue q = queue_of(m);
        bool *waiting = calloc(m->n_blocks, sizeof *waiting);
        assert_non_null(waiting);
        const uint32_t n_groups = random_groups(m, &random, q.segments);
        const uint32_t slice_bytes = 4 * (1 + next_random(&random, 2 * MOST));
        dc__queue_start(&q, n_groups, DC__IN_GROUPS, slice_bytes / sizeof(float));
        uint32_t sent = 0, ready = 0;
        for (int i = LAYERS - 1; i >= 0; i--) {
            for (uint32_t b = m->layers[i].first_block; b < m->layers[i].first_block + m->layers[i].n_blocks;
                 b++) {
                dc__queue_ready(&q, b);
                waiting[b] = true;
                ready++;
            }
            uint32_t takes = i == 0 ? UINT32_MAX : next_random(&random, 4), first, n;
            bool last = false;
            for (; takes > 0 && dc__queue_next(&q, &first, &n, &last); takes--) {
                check_frame(m, q.segments, n_groups, waiting, ready == m->n_blocks, first, n,
                            slice_bytes / 4);
                for (uint32_t b = first; b < first + n; b++)
                    waiting[b] = false;
                sent += n;
                assert_int_equal(last, sent == m->n_blocks);
            }
            assert_int_equal(dc__queue_waits(&q), sent < ready);
        }
        assert_int_equal(sent, m->n_blocks);
        free(waiting);
        dc__queue_free(&q);
        dc_model_free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segments_go_in_order_when_whole), cmocka_unit_test(small_frames_cut_a_segment),
        cmocka_unit_test(slices_overtake), cmocka_unit_test(groups_overtake_and_layers_in_them_do_not)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
