/* test_loader.c - random streams and the loader: what is
 * drawn and loaded depends on names, not on threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <darknet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "train/loader.h"
#include "replace/random.h"

#define IMAGES 24
#define SIZE 20

static char directory[] = "/tmp/test-loader-XXXXXX";
static char *paths[IMAGES];
static char *labels[] = {"cat", "dog", "owl"};

static int make_images(void **state)
{
    (void)state;
    if (!mkdtemp(directory)) return -1;
    for (int i = 0; i < IMAGES; i++) {
        char path[256];
        snprintf(path, sizeof path, "%s/%02d_%s.pgm", directory, i, labels[i % 3]);
        paths[i] = strdup(path);
        FILE *file = fopen(path, "wb");
        if (!file || !paths[i]) return -1;
        fprintf(file, "P5\n%d %d\n255\n", SIZE + 5, SIZE + i % 4);
        for (int p = 0; p < (SIZE + 5) * (SIZE + i % 4); p++)
            fputc((p * 31 + i * 17) & 255, file);
        fclose(file);
    }
    return 0;
}

static int remove_images(void **state)
{
    (void)state;
    for (int i = 0; i < IMAGES; i++) {
        unlink(paths[i]);
        free(paths[i]);
    }
    return rmdir(directory);
}

static load_args arguments(void)
{
    return (load_args){.w = SIZE,
                       .h = SIZE,
                       .size = SIZE,
                       .min = SIZE,
                       .max = SIZE + 8,
                       .angle = 7,
                       .aspect = .75f,
                       .hue = .1f,
                       .saturation = .75f,
                       .exposure = .75f,
                       .paths = paths,
                       .m = IMAGES,
                       .n = 16,
                       .labels = labels,
                       .classes = 3,
                       .type = CLASSIFICATION_DATA};
}

static dk_loader *open_loader(uint64_t seed, uint64_t rank, uint64_t round, int threads)
{
    const dk_loader_options options = {.args = arguments(),
                                       .list = "list",
                                       .seed = seed,
                                       .rank = rank,
                                       .first_round = round,
                                       .threads = threads};
    dk_loader *loader = dk_loader_open(&options);
    assert_non_null(loader);
    return loader;
}

static int compare(const data *a, const data *b)
{
    assert_int_equal(a->X.rows, b->X.rows);
    assert_int_equal(a->X.cols, b->X.cols);
    assert_int_equal(a->y.cols, b->y.cols);
    int differences = 0;
    for (int i = 0; i < a->X.rows; i++) {
        differences += memcmp(a->X.vals[i], b->X.vals[i], (size_t)a->X.cols * sizeof(float)) != 0;
        differences += memcmp(a->y.vals[i], b->y.vals[i], (size_t)a->y.cols * sizeof(float)) != 0;
    }
    return differences;
}

/* Round `round` of a loader that started at `first`. */
static data load_round(uint64_t seed, uint64_t rank, uint64_t first, uint64_t round, int threads)
{
    dk_loader *loader = open_loader(seed, rank, first, threads);
    data d = {0};
    for (uint64_t r = first; r <= round; r++) {
        if (r > first) free_data(d);
        assert_int_equal(dk_loader_next(loader, &d), 0);
    }
    dk_loader_close(loader);
    return d;
}

static void test_threads_and_resume(void **state)
{
    (void)state;
    const data reference = load_round(9, 0, 0, 3, 1);
    assert_int_equal(reference.X.rows, 16);
    assert_int_equal(reference.X.cols, SIZE * SIZE * 3);
    const int threads[] = {2, 3, 16};
    for (size_t i = 0; i < 3; i++) {
        const data again = load_round(9, 0, i, 3, threads[i]); /* started at rounds 0, 1, 2 */
        assert_int_equal(compare(&reference, &again), 0);
        free_data(again);
    }
    free_data(reference);
}

static void test_names_matter(void **state)
{
    (void)state;
    const data reference = load_round(9, 0, 0, 0, 2);
    const data other_seed = load_round(8, 0, 0, 0, 2);
    const data other_worker = load_round(9, 1, 0, 0, 2);
    const data other_round = load_round(9, 0, 0, 1, 2);
    assert_true(compare(&reference, &other_seed) > 20);
    assert_true(compare(&reference, &other_worker) > 20);
    assert_true(compare(&reference, &other_round) > 20);
    for (int i = 0; i < 16; i++) { /* one label each, and more than one image is drawn */
        const float *y = reference.y.vals[i];
        assert_true(y[0] + y[1] + y[2] == 1);
    }
    free_data(reference);
    free_data(other_seed);
    free_data(other_worker);
    free_data(other_round);
}

/* A row is what the library makes of that image under that seed, on any thread. */
static void test_rows_are_the_library_s(void **state)
{
    (void)state;
    const data rows = load_round(9, 2, 5, 5, 3);
    for (int i = 0; i < 16; i++) {
        dk_random_begin(DK_STREAM_LOAD, 9, 2, 5, (uint64_t)i);
        char *path = paths[dk_random_below(IMAGES)];
        load_args args = arguments();
        data d = {0};
        args.paths = &path;
        args.n = 1;
        args.m = 0;
        args.d = &d;
        load_data_blocking(args);
        assert_memory_equal(d.X.vals[0], rows.X.vals[i], (size_t)rows.X.cols * sizeof(float));
        assert_memory_equal(d.y.vals[0], rows.y.vals[i], 3 * sizeof(float));
        free_data(d);
    }
    free_data(rows);
}

static void test_missing_image(void **state)
{
    (void)state;
    char *kept = paths[3];
    paths[3] = "/nowhere/03_cat.pgm";
    dk_loader *loader = open_loader(1, 0, 0, 2);
    data d;
    int result = 0;
    for (int round = 0; round < 100 && result == 0; round++)
        if ((result = dk_loader_next(loader, &d)) == 0) free_data(d);
    assert_int_equal(result, -1);
    assert_string_equal(dk_loader_error(loader), "list: cannot read image /nowhere/03_cat.pgm");
    assert_int_equal(dk_loader_next(loader, &d), -1);
    dk_loader_close(loader);
    paths[3] = kept;
}

static void *draw(void *pointer)
{
    int *out = pointer;
    dk_random_begin(DK_STREAM_TRAIN, 1, 2, 3, 4);
    for (int i = 0; i < 1000; i++)
        out[i] = rand();
    return NULL;
}

static void test_streams(void **state)
{
    (void)state;
    static int a[1000], b[1000], c[1000];
    pthread_t t, u;
    assert_int_equal(pthread_create(&t, NULL, draw, a), 0);
    assert_int_equal(pthread_create(&u, NULL, draw, b), 0);
    pthread_join(t, NULL);
    pthread_join(u, NULL);
    draw(c);
    assert_memory_equal(a, b, sizeof a);
    assert_memory_equal(a, c, sizeof a);
    double mean = 0;
    for (int i = 0; i < 1000; i++) {
        assert_true(a[i] >= 0); /* RAND_MAX is INT_MAX */
        mean += a[i] / (double)RAND_MAX / 1000;
    }
    assert_true(mean > .45 && mean < .55); /* five standard deviations */
    /* names do not run into each other */
    dk_random_begin(DK_STREAM_TRAIN, 1, 2, 3, 5);
    assert_int_not_equal(rand(), a[0]);
    dk_random_begin(DK_STREAM_TRAIN, 2, 1, 3, 4);
    assert_int_not_equal(rand(), a[0]);
    dk_random_begin(DK_STREAM_LOAD, 1, 2, 3, 4);
    assert_int_not_equal(rand(), a[0]);
}

/* The library draws from our generator: rand_uniform is one rand() scaled. */
static void test_library_draws_here(void **state)
{
    (void)state;
    dk_random_begin(DK_STREAM_TRAIN, 1, 2, 3, 4);
    const float theirs = rand_uniform(0, 1);
    dk_random_begin(DK_STREAM_TRAIN, 1, 2, 3, 4);
    const float ours = (float)rand() / (float)RAND_MAX;
    assert_float_equal(theirs, ours, 1e-6);
    assert_true(theirs > 0);
}

static void test_below(void **state)
{
    (void)state;
    int counts[7] = {0};
    dk_random_begin(DK_STREAM_SIZE, 5, 0, 0, 0);
    for (int i = 0; i < 70000; i++)
        counts[dk_random_below(7)]++;
    for (int i = 0; i < 7; i++)
        assert_in_range(counts[i], 9500, 10500); /* five standard deviations: 463 */
    for (int i = 0; i < 100; i++)
        assert_true(dk_random_below(1) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_streams),       cmocka_unit_test(test_library_draws_here),
        cmocka_unit_test(test_below),         cmocka_unit_test(test_threads_and_resume),
        cmocka_unit_test(test_names_matter),  cmocka_unit_test(test_rows_are_the_library_s),
        cmocka_unit_test(test_missing_image),
    };
    return cmocka_run_group_tests_name("loader", tests, make_images, remove_images);
}
