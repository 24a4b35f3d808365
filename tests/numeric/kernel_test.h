/* kernel_test.h - shared by the kernels' tests: seeded numbers,
 * comparison with a stated error, networks from text. */
#ifndef DK_KERNEL_TEST_H
#define DK_KERNEL_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs those four first */
#include <cmocka.h>
#include <darknet.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How far the same sums in the same order may be from the packaged library's. On x86-64 it is built without
 * fused multiply-add and the bits are the same; elsewhere its compiler may fuse, ours never does. */
#ifdef __x86_64__
static const double test_same_sums = 0;
#else
static const double test_same_sums = 1e-6;
#endif

static uint64_t test_state = 0x9e3779b97f4a7c15u;

/* A number from the test's own sequence (splitmix64; Steele, Lea, Flood 2014): the library's draws do not
 * disturb it. */
static inline uint64_t test_bits(void)
{
    uint64_t z = test_state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Uniform in [lo, hi]. */
static inline int test_int(int lo, int hi)
{
    return lo + (int)(test_bits() % (uint64_t)(hi - lo + 1));
}

/* Uniform in [-1, 1). */
static inline float test_float(void)
{
    return (float)((double)(test_bits() >> 40) / (double)(1 << 23) - 1);
}

static inline void test_fill(float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = test_float();
}

static inline float *test_random(size_t n)
{
    float *x = malloc((n + 1) * sizeof *x);
    assert_non_null(x);
    test_fill(x, n);
    return x;
}

/* |got - want| as a share of want's root mean square: the error of a tensor, not of its smallest element. */
static inline double test_error(const float *got, const double *want, size_t n)
{
    double square = 0, worst = 0;
    for (size_t i = 0; i < n; i++) {
        const double away = fabs((double)got[i] - want[i]);
        square += want[i] * want[i];
        if (!(away <= worst)) /* NaN is the worst there is */
            worst = away;
    }
    const double scale = sqrt(square / (double)(n > 0 ? n : 1));
    return scale > 0 ? worst / scale : worst;
}

static inline double test_error_f(const float *got, const float *want, size_t n)
{
    double *d = malloc((n + 1) * sizeof *d);
    assert_non_null(d);
    for (size_t i = 0; i < n; i++)
        d[i] = want[i];
    const double error = test_error(got, d, n);
    free(d);
    return error;
}

/* Fails the test, naming the tensor, unless error <= most. */
static inline void test_within(const char *what, double error, double most)
{
    if (!(error <= most)) fail_msg("%s: relative error %.3g, at most %.3g allowed", what, error, most);
}

/* EACH_RUN - body for each run of a row's pixels that meet one weight of convolution l: n outputs from `out` on, with inputs
 * l->stride apart from `in` on; `wt` is the weight. */
#define EACH_RUN(l, body)                                                                              \
    for (int eb = 0; eb < (l)->batch; eb++)                                                            \
        for (int ef = 0; ef < (l)->n; ef++)                                                            \
            for (int ek = 0; ek < (l)->c / (l)->groups; ek++)                                          \
                for (int e = 0; e < (l)->size * (l)->size; e++)                                        \
                    for (int ey = 0; ey < (l)->out_h; ey++) {                                          \
                        const int row = ey * (l)->stride + e / (l)->size - (l)->pad;                   \
                        const int left = e % (l)->size - (l)->pad;                                     \
                        const int lo = left < 0 ? (-left + (l)->stride - 1) / (l)->stride : 0;         \
                        const int inside = left < (l)->w ? ((l)->w - 1 - left) / (l)->stride + 1 : 0;  \
                        const int n = (inside < (l)->out_w ? inside : (l)->out_w) - lo;                \
                        if (row < 0 || row >= (l)->h || n <= 0) continue;                              \
                        const int from = ef / ((l)->n / (l)->groups) * ((l)->c / (l)->groups) + ek;    \
                        const int in =                                                                 \
                            ((eb * (l)->c + from) * (l)->h + row) * (l)->w + lo * (l)->stride + left;  \
                        const int wt = (ef * ((l)->c / (l)->groups) + ek) * (l)->size * (l)->size + e; \
                        const int out = ((eb * (l)->n + ef) * (l)->out_h + ey) * (l)->out_w + lo;      \
                        body;                                                                          \
                    }

/* The network that cfg text describes, with random biases and scales. */
static inline network *test_network(const char *text, unsigned seed)
{
    char path[64];
    snprintf(path, sizeof path, "/tmp/dk-kernel-test-%d.cfg", (int)getpid());
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    srand(seed);
    network *net = parse_network_cfg(path);
    unlink(path);
    test_state = seed;
    for (int i = 0; i < net->n; i++) {
        layer *l = &net->layers[i];
        if (l->type != CONVOLUTIONAL && l->type != CONNECTED && l->type != BATCHNORM) continue;
        const int n = l->type == CONNECTED ? l->outputs : l->out_c;
        for (int k = 0; k < n; k++) {
            l->biases[k] = .3f * test_float();
            if (l->scales != NULL) l->scales[k] = 1 + .3f * test_float();
        }
    }
    return net;
}

#endif
