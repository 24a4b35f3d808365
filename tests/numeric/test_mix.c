/* test_mix.c - a classifier's mixed examples: shares of pixels are shares of labels, and all adds up to one. Images
 * are of one value each, so that pixels can be counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <darknet.h>
#include <math.h>

#include "replace/random.h"
#include "train/mix.h"

enum { W = 40, H = 30, C = 3, CLASSES = 5, ROUNDS = 200 };

/* rows[i]: value i + 1 everywhere, class i. */
static void make_rows(data rows[DK_MIX_MOST])
{
    for (int i = 0; i < DK_MIX_MOST; i++) {
        rows[i] = (data){.X = make_matrix(1, W * H * C), .y = make_matrix(1, CLASSES)};
        for (int k = 0; k < W * H * C; k++)
            rows[i].X.vals[0][k] = (float)(i + 1);
        rows[i].y.vals[0][i] = 1;
    }
}

static void free_rows(data rows[DK_MIX_MOST])
{
    for (int i = 0; i < DK_MIX_MOST; i++) {
        free_matrix(rows[i].X);
        free_matrix(rows[i].y);
    }
}

static void check_shares(int kind)
{
    for (uint64_t image = 0; image < ROUNDS; image++) {
        data rows[DK_MIX_MOST];
        float pixels[DK_MIX_MOST + 1] = {0}, sum = 0;
        make_rows(rows);
        dk_random_begin(DK_STREAM_LOAD, 1, 0, 2, image);
        dk_mix_rows(&(dk_class_mix){.kind = kind}, kind, W, H, C, rows);
        for (int k = 0; k < W * H * C; k++) {
            const int value = (int)rows[0].X.vals[0][k];
            assert_true(value >= 1 && value <= DK_MIX_MOST);
            pixels[value - 1] += 1.f / (W * H * C);
        }
        for (int k = 0; k < CLASSES; k++) {
            sum += rows[0].y.vals[0][k];
            assert_true(fabsf(rows[0].y.vals[0][k] - pixels[k]) < 1e-4f);
        }
        assert_true(fabsf(sum - 1) < 1e-4f);
        if (kind == DK_CUT) assert_true(pixels[1] >= .07f && pixels[1] <= .65f);
        for (int k = 0; kind == DK_MOSAIC && k < DK_MIX_MOST; k++)
            assert_true(pixels[k] >= .03f);
        free_rows(rows);
    }
}

static void cutmix_and_mosaic(void **state)
{
    (void)state;
    check_shares(DK_CUT);
    check_shares(DK_MOSAIC);
}

static void mixup_and_smooth_labels(void **state)
{
    (void)state;
    data rows[DK_MIX_MOST];
    make_rows(rows);
    dk_random_begin(DK_STREAM_LOAD, 1, 0, 2, 3);
    dk_mix_rows(&(dk_class_mix){.kind = DK_BLEND, .smooth = .1f}, DK_BLEND, W, H, C, rows);
    for (int k = 0; k < W * H * C; k++)
        assert_true(fabsf(rows[0].X.vals[0][k] - 1.5f) < 1e-6f);
    const float high = (.9f + .025f) / 2, low = .025f;
    for (int k = 0; k < CLASSES; k++)
        assert_true(fabsf(rows[0].y.vals[0][k] - (k < 2 ? high : low)) < 1e-6f);
    free_rows(rows);
}

static void chances(void **state)
{
    (void)state;
    int seen[4] = {0};
    dk_random_begin(DK_STREAM_LOAD, 1, 0, 2, 3);
    for (int i = 0; i < 1000; i++)
        seen[dk_mix_draw(&(dk_class_mix){.kind = DK_CUT_OR_MOSAIC})]++;
    assert_true(seen[0] > 430 && seen[0] < 570 && seen[DK_BLEND] == 0);
    assert_true(seen[DK_CUT] > 190 && seen[DK_MOSAIC] > 190);
    assert_int_equal(dk_mix_draw(&(dk_class_mix){0}), 0);
}

static void blur_spreads(void **state)
{
    (void)state;
    int blurred = 0;
    for (uint64_t image = 0; image < ROUNDS; image++) {
        data rows[DK_MIX_MOST];
        make_rows(rows);
        rows[0].X.vals[0][15 * W + 20] = 100;
        dk_random_begin(DK_STREAM_LOAD, 1, 0, 2, image);
        dk_mix_rows(&(dk_class_mix){.blur = 1}, 0, W, H, C, rows);
        blurred += rows[0].X.vals[0][15 * W + 21] > 1.1f;
        free_rows(rows);
    }
    assert_true(blurred > ROUNDS / 6 && blurred < ROUNDS / 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cutmix_and_mosaic),
        cmocka_unit_test(mixup_and_smooth_labels),
        cmocka_unit_test(chances),
        cmocka_unit_test(blur_spreads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
