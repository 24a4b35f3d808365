/* test_block_size.c - blocks and frames follow from the model's size, the same wherever it is known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "model/model.h"
#include "schedule/units.h"

/* A block is a power of two of floats within its bounds, and none smaller would make few enough blocks. */
static void test_sizes_follow_the_model(void **state)
{
    (void)state;
    static const struct {
        uint64_t floats;
        uint32_t block;
    } cases[] = {{1, 1024},
                 {55 * 1024, 1024},
                 {128 * 1024, 1024},
                 {128 * 1024 + 1, 2048},
                 {500000, 4096},
                 {1 << 20, 8192},
                 {(1 << 20) + 1, 16384},
                 {25600000, 16384},
                 {143700000, 16384},
                 {DC__MAX_MODEL_FLOATS, 16384}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++)
        assert_int_equal(dc__block_floats(cases[k].floats), cases[k].block);
}

/* The planner, which knows layers in bytes, and both ends, which know tensors, cut alike: layer by layer. */
static void test_planner_and_model_cut_alike(void **state)
{
    (void)state;
    for (size_t scale = 1; scale < 3000; scale = 2 * scale + 1) {
        const size_t sizes[] = {17 * scale, 3 * scale, 0, 1000 * scale, 1};
        enum { LAYERS = sizeof sizes / sizeof *sizes };
        const dc_optimizer o = {.algorithm = DC_SGD};
        dc_layer_cost layers[LAYERS] = {{0}};
        dc_model *m;
        assert_int_equal(dc_model_new(&m, "cut", &o, 1), DC_OK);
        for (int i = 0; i < LAYERS; i++) {
            assert_int_equal(dc_model_add_layer(m, "connected"), DC_OK);
            dc_tensor t = {.name = "weights", .role = DC_TRAINED, .count = sizes[i], .rate_scale = 1};
            if (sizes[i]) assert_int_equal(dc_model_add_tensor(m, &t), DC_OK);
            dc_tensor frozen = {.name = "frozen", .role = DC_FROZEN, .count = 1000000, .rate_scale = 1};
            if (i == 0) assert_int_equal(dc_model_add_tensor(m, &frozen), DC_OK); /* does not travel */
            layers[i].up_bytes = layers[i].down_bytes = sizes[i] * sizeof(float);
        }
        assert_int_equal(dc__model_seal(m), DC_OK);
        dc__unit units[4096];
        assert_in_range(m->n_blocks, 1, 4096);
        assert_int_equal(dc__units_blocks(layers, LAYERS, true, NULL), m->n_blocks);
        (void)dc__units_blocks(layers, LAYERS, true, units);
        for (uint32_t b = 0; b < m->n_blocks; b++) {
            assert_int_equal(units[b].first, m->block_layer[b]);
            assert_int_equal(units[b].bytes, (m->block_offset[b + 1] - m->block_offset[b]) * sizeof(float));
        }
        dc_model_free(m);
    }
}

/* Two-phase frames: at most DC__SLICE_MOST, blocks at least, and 16 or more where blocks allow it. */
static void test_a_direction_takes_several_frames(void **state)
{
    (void)state;
    for (uint64_t bytes = 4; bytes < (uint64_t)1 << 30; bytes = bytes * 5 / 2 + 4) {
        const dc_layer_cost layer = {.up_bytes = bytes, .down_bytes = bytes};
        const uint32_t frame = dc__frame_bytes(&layer, 1), block = dc__block_bytes(&layer, 1);
        assert_in_range(frame, block, DC__SLICE_MOST);
        assert_int_equal(frame % block, 0);
        if (bytes >= 16 * (uint64_t)block)
            assert_true(dc__units_frames(&layer, 0, 0, true, block, frame) >= 8);
        if (frame > block && frame < DC__SLICE_MOST) assert_true(bytes <= 16 * (uint64_t)frame);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes_follow_the_model),
        cmocka_unit_test(test_planner_and_model_cut_alike),
        cmocka_unit_test(test_a_direction_takes_several_frames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
