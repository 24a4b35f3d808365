/* test_augment.c - examples in the forks' way: boxes lie where their things
 * are, whatever is done to the pictures, and the same names give the same
 * example. Things are red or green rectangles, by class, on dark grey. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <darknet.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "replace/random.h"
#include "train/augment.h"
#include "train/picture.h"

enum { PICTURES = 6, WIDE = 120, HIGH = 80, W = 96, H = 64, BOXES = 20, ROUNDS = 300 };

static char directory[] = "/tmp/test-augment-XXXXXX";
static char *paths[PICTURES];
static float x[W * H * 3], y[BOXES * 5];

/* Two rectangles on each picture, well apart; sides are whole pixels. */
static void rectangle(int picture, int k, int side[4])
{
    side[0] = 10 + 60 * k + 3 * picture;
    side[1] = 12 + 30 * k - 2 * picture * k;
    side[2] = 24 + picture;
    side[3] = 20 + picture;
}

static int make_pictures(void **state)
{
    (void)state;
    if (!mkdtemp(directory)) return -1;
    for (int i = 0; i < PICTURES; i++) {
        char path[256];
        snprintf(path, sizeof path, "%s/%d.ppm", directory, i);
        paths[i] = strdup(path);
        FILE *file = fopen(path, "wb");
        if (!file || !paths[i]) return -1;
        fprintf(file, "P6\n%d %d\n255\n", WIDE, HIGH);
        for (int p = 0; p < WIDE * HIGH; p++) {
            unsigned char pixel[3] = {30, 30, 30};
            for (int k = 0; k < 2; k++) {
                int r[4];
                rectangle(i, k, r);
                const int dx = p % WIDE - r[0], dy = p / WIDE - r[1];
                if (dx >= 0 && dx < r[2] && dy >= 0 && dy < r[3]) pixel[k] = 220;
            }
            fwrite(pixel, 1, 3, file);
        }
        fclose(file);
        snprintf(path, sizeof path, "%s/%d.txt", directory, i);
        file = fopen(path, "w");
        if (!file) return -1;
        for (int k = 0; k < 2; k++) {
            int r[4];
            rectangle(i, k, r);
            fprintf(file, "%d %.6f %.6f %.6f %.6f\n", k, (r[0] + r[2] / 2.) / WIDE, (r[1] + r[3] / 2.) / HIGH,
                    (double)r[2] / WIDE, (double)r[3] / HIGH);
        }
        fclose(file);
    }
    return 0;
}

static int remove_pictures(void **state)
{
    (void)state;
    for (int i = 0; i < PICTURES; i++) {
        char path[256];
        unlink(paths[i]);
        snprintf(path, sizeof path, "%s/%d.txt", directory, i);
        unlink(path);
        free(paths[i]);
    }
    return rmdir(directory);
}

static dk_augmentation plain(void)
{
    return (dk_augmentation){
        .w = W, .h = H, .c = 3, .boxes = BOXES, .classes = 2, .resize = 1, .saturation = 1, .exposure = 1};
}

static void draw(const dk_augmentation *a, uint64_t image)
{
    char text[4096];
    memset(x, 0, sizeof x);
    memset(y, 0, sizeof y);
    dk_random_begin(DK_STREAM_LOAD, 7, 0, 3, image);
    if (dk_augment_draw(a, paths, PICTURES, x, y, text, sizeof text) != 0) fail_msg("%s", text);
}

static int rows(void)
{
    int n = 0;
    while (n < BOXES && y[5 * n] > 0)
        n++;
    return n;
}

/* How much more of a channel than of blue a pixel has. */
static float excess(int channel, int px, int py)
{
    const int at = py * W + px;
    return x[channel * W * H + at] - x[2 * W * H + at];
}

/* True if the pixel is inside a box of that class, grown by some pixels. */
static bool inside(int class, int px, int py, float grown)
{
    for (int i = 0; i < rows(); i++) {
        const float *b = y + 5 * i;
        if ((int)b[4] == class && fabsf((float)px + .5f - b[0] * W) <= b[2] * W / 2 + grown &&
            fabsf((float)py + .5f - b[1] * H) <= b[3] * H / 2 + grown)
            return true;
    }
    return false;
}

/* Every box is full of its colour, and there is no colour outside of boxes but for slivers that are too thin
 * for one. Returns how many pixels have a colour. */
static int check_example(float edge)
{
    int coloured = 0, lost = 0;
    for (int i = 0; i < rows(); i++) {
        const float *b = y + 5 * i;
        const int class = (int)b[4];
        assert_true(class == 0 || class == 1);
        assert_true(b[0] - b[2] / 2 >= -1e-5f && b[0] + b[2] / 2 <= 1 + 1e-5f);
        assert_true(b[1] - b[3] / 2 >= -1e-5f && b[1] + b[3] / 2 <= 1 + 1e-5f);
        for (int k = 0; k < 25; k++) {
            const float side_x = b[2] * W / 2 - edge, side_y = b[3] * H / 2 - edge;
            if (side_x <= 0 || side_y <= 0) continue;
            const int px = (int)(b[0] * W + side_x * ((float)(k % 5) - 2) / 2);
            const int py = (int)(b[1] * H + side_y * ((float)(k / 5) - 2) / 2);
            if (excess(class, px, py) < .1f) fail_msg("box %d is not where its thing is", i);
        }
    }
    for (int py = 0; py < H; py++)
        for (int px = 0; px < W; px++)
            for (int class = 0; class < 2; class ++) {
                if (excess(class, px, py) < .3f) continue;
                coloured++;
                lost += !inside(class, px, py, edge);
            }
    assert_true(lost <= 2 * H + coloured / 50); /* at most a thin strip along an edge */
    return coloured;
}

static void a_picture_as_it_is(void **state)
{
    (void)state;
    const dk_augmentation a = plain();
    for (uint64_t i = 0; i < 10; i++) {
        draw(&a, i);
        assert_int_equal(rows(), 2);
        assert_true(check_example(1.5f) > 300);
    }
}

static void boxes_follow(const char *what, const dk_augmentation *a, float edge)
{
    int found = 0;
    for (uint64_t i = 0; i < ROUNDS; i++) {
        draw(a, i);
        found += check_example(edge) > 0;
    }
    if (found < ROUNDS * 9 / 10) fail_msg("%s: only %d of %d examples show anything", what, found, ROUNDS);
}

static void boxes_follow_their_things(void **state)
{
    (void)state;
    dk_augmentation a = plain();
    a.flip = true;
    boxes_follow("flip", &a, 1.5f);
    a.jitter = .3f;
    boxes_follow("jitter", &a, 2);
    a.resize = 1.5f;
    boxes_follow("resize", &a, 2.5f);
    a.mix = DK_MIX_FOUR;
    boxes_follow("mosaic", &a, 2.5f);
    a.mosaic_bound = true;
    boxes_follow("mosaic_bound", &a, 2.5f);
    a.mix = DK_MIX_TWO;
    boxes_follow("mixup", &a, 2.5f);
}

static void chances(void **state)
{
    (void)state;
    dk_augmentation a = plain();
    a.mix = DK_MIX_TWO;
    int two = 0;
    for (uint64_t i = 0; i < ROUNDS; i++) {
        draw(&a, i);
        two += rows() == 4;
    }
    assert_true(two > ROUNDS * 4 / 10 && two < ROUNDS * 6 / 10);
    a = plain();
    a.flip = true;
    int mirrored = 0;
    for (uint64_t i = 0; i < ROUNDS; i++) {
        draw(&a, i);
        for (int k = 0; k < 2; k++)
            mirrored += (int)y[5 * k + 4] == 0 && y[5 * k] > .5f; /* red stands left */
    }
    assert_true(mirrored > ROUNDS * 4 / 10 && mirrored < ROUNDS * 6 / 10);
}

static void proportions_and_sizes(void **state)
{
    (void)state;
    dk_augmentation a = plain();
    a.w = a.h = 48; /* 120 x 80 pictures: with proportions kept, a third of the height is border */
    draw(&a, 1);
    const float stretched = y[3];
    a.letter_box = true;
    draw(&a, 1);
    assert_true(fabsf(y[3] / stretched - 2 / 3.f) < .02f);
    a = plain();
    a.resize = 1.5f;
    float least = 9, most = 0;
    for (uint64_t i = 0; i < ROUNDS; i++) {
        draw(&a, i);
        for (int k = 0; k < rows(); k++) {
            const float wide = y[5 * k + 2] * WIDE / (24 + 2.5f);
            least = fminf(least, wide);
            most = fmaxf(most, wide);
        }
    }
    assert_true(least > .4f && least < .85f && most > 1.2f && most < 1.9f);
}

static void the_same_names_the_same_example(void **state)
{
    (void)state;
    static float again_x[W * H * 3], again_y[BOXES * 5];
    dk_augmentation a = plain();
    a.flip = true;
    a.mix = DK_MIX_FOUR;
    a.jitter = .3f;
    a.hue = .1f;
    a.saturation = a.exposure = 1.5f;
    a.blur = 8;
    a.noise = 20;
    for (uint64_t i = 0; i < 20; i++) {
        draw(&a, i);
        memcpy(again_x, x, sizeof x);
        memcpy(again_y, y, sizeof y);
        draw(&a, i + 1);
        assert_true(memcmp(again_x, x, sizeof x) != 0);
        draw(&a, i);
        assert_memory_equal(again_x, x, sizeof x);
        assert_memory_equal(again_y, y, sizeof y);
    }
}

static double mean_of(const float *of, int channel)
{
    double sum = 0;
    for (int i = 0; i < W * H; i++)
        sum += (double)of[channel * W * H + i];
    return sum / (W * H);
}

static dk_view whole(void)
{
    return (dk_view){.width = WIDE, .height = HIGH, .saturation = 1, .exposure = 1};
}

static void colours(void **state)
{
    (void)state;
    dk_picture *p = dk_picture_read(paths[0], 3);
    assert_non_null(p);
    dk_view v = whole();
    dk_picture_view(p, &v, W, H, x);
    const double red = mean_of(x, 0), green = mean_of(x, 1), blue = mean_of(x, 2);
    v.exposure = .5f;
    dk_picture_view(p, &v, W, H, x);
    assert_true(fabs(mean_of(x, 2) / blue - .5) < .03);
    v = whole();
    v.saturation = 0;
    dk_picture_view(p, &v, W, H, x);
    assert_true(fabs(mean_of(x, 0) - mean_of(x, 2)) < .001);
    v = whole();
    v.hue = 1 / 3.f; /* red becomes green, green blue, blue red */
    dk_picture_view(p, &v, W, H, x);
    assert_true(fabs(mean_of(x, 1) - red) < .01 && fabs(mean_of(x, 2) - green) < .01);
    v.hue = -1 / 3.f; /* and round the circle the other way */
    dk_picture_view(p, &v, W, H, x);
    assert_true(fabs(mean_of(x, 2) - red) < .01 && fabs(mean_of(x, 0) - green) < .01);
    v.hue_stops = true; /* red stays red, and green is turned to it */
    v.hue = -60 / 179.f;
    dk_picture_view(p, &v, W, H, x);
    assert_true(fabs(mean_of(x, 0) - (red + green - blue)) < .02 && fabs(mean_of(x, 1) - blue) < .02);
    dk_picture_free(p);
}

static void blur_and_noise(void **state)
{
    (void)state;
    static float sharp[W * H * 3];
    dk_picture *p = dk_picture_read(paths[0], 3);
    assert_non_null(p);
    dk_view v = whole();
    dk_picture_view(p, &v, W, H, sharp);
    const float kept[] = {.18f, .275f, .2f, .25f, 0, 0, 0, 0, 0, 0}; /* the red thing */
    v.blur = 1;
    v.kept = kept;
    v.n_kept = 2;
    dk_picture_view(p, &v, W, H, x);
    const int in = (int)(.275f * H) * W + (int)(.1f * W), green = W * H + 40 * W + 56; /* an edge of each */
    assert_true(fabsf(x[in] - sharp[in]) < 1e-6f);
    assert_true(fabsf(x[green] - sharp[green]) > .02f);
    v = whole();
    v.noise = 20;
    v.noise_seed = 5;
    dk_picture_view(p, &v, W, H, x);
    double sum = 0, square = 0;
    for (int i = 0; i < W * H; i++) { /* blue is 30 nearly everywhere: noise of 20 is rarely cut off */
        const double d = 255. * (double)(x[2 * W * H + i] - sharp[2 * W * H + i]);
        sum += d;
        square += d * d;
    }
    assert_true(fabs(sum / (W * H)) < 2.5);
    assert_true(fabs(sqrt(square / (W * H)) - 20) < 3);
    dk_picture_free(p);
}

static void what_cannot_be_read(void **state)
{
    (void)state;
    char text[4096], bad[256];
    char *list[] = {bad};
    const dk_augmentation a = plain();
    snprintf(bad, sizeof bad, "%s/none.png", directory);
    assert_int_equal(dk_augment_draw(&a, list, 1, x, y, text, sizeof text), -1);
    assert_non_null(strstr(text, bad));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_picture_as_it_is),
        cmocka_unit_test(boxes_follow_their_things),
        cmocka_unit_test(chances),
        cmocka_unit_test(proportions_and_sizes),
        cmocka_unit_test(the_same_names_the_same_example),
        cmocka_unit_test(colours),
        cmocka_unit_test(blur_and_noise),
        cmocka_unit_test(what_cannot_be_read),
    };
    return cmocka_run_group_tests(tests, make_pictures, remove_pictures);
}
