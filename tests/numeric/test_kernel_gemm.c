/* test_kernel_gemm.c - gemm, im2col and col2im against plain definitions in double, on random shapes. */
#include "kernel_test.h"

#include "kernels/dots.h"
#include "kernels/gemm.h"
#include "kernels/im2col.h"
#include "kernels/kernels.h"

/* Products of at most 600 terms of size up to 1: single precision, any order of summation. */
static const double most = 2e-6;

static double element(const float *a, int row, int col, int ld, int transposed)
{
    return transposed ? a[col * ld + row] : a[row * ld + col];
}

static void check_gemm(int ta, int tb, int m, int n, int k, float alpha, float beta)
{
    const int lda = (ta ? m : k) + test_int(0, 3), ldb = (tb ? k : n) + test_int(0, 3),
              ldc = n + test_int(0, 3);
    float *a = test_random((size_t)(ta ? k : m) * (size_t)lda),
          *b = test_random((size_t)(tb ? n : k) * (size_t)ldb);
    float *c = test_random((size_t)m * (size_t)ldc);
    double *want = malloc((size_t)m * (size_t)ldc * sizeof *want);
    for (int i = 0; i < m; i++)
        for (int j = 0; j < ldc; j++) {
            double sum = 0;
            for (int t = 0; t < k && j < n; t++)
                sum += element(a, i, t, lda, ta) * element(b, t, j, ldb, tb);
            want[i * ldc + j] =
                j < n ? (double)alpha * sum + (double)beta * (double)c[i * ldc + j] : (double)c[i * ldc + j];
        }
    gemm(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
    char what[96];
    snprintf(what, sizeof what, "gemm TA=%d TB=%d %dx%dx%d alpha %g beta %g", ta, tb, m, n, k, (double)alpha,
             (double)beta);
    test_within(what, test_error(c, want, (size_t)m * (size_t)ldc), most * sqrt(k + 1.));
    free(a);
    free(b);
    free(c);
    free(want);
}

static void test_gemm(void **state)
{
    (void)state;
    const float factors[] = {1, 0, -.5f};
    for (int i = 0; i < 400; i++)
        check_gemm(test_int(0, 1), test_int(0, 1), test_int(1, 70), test_int(1, 130), test_int(1, 200),
                   factors[test_int(0, 2) == 1 ? 2 : 0], factors[test_int(0, 2)]);
}

/* The products of fully connected layers at small batch have loops of their own. */
static void test_gemm_thin(void **state)
{
    (void)state;
    for (int i = 0; i < 60; i++) {
        const int batch = test_int(1, 17), in = test_int(60, 600), out = test_int(60, 600);
        check_gemm(0, 1, batch, out, in, 1, 1);
        check_gemm(1, 0, out, in, batch, 1, 1);
        check_gemm(0, 0, batch, 1024 + in, out, 1, 1);
    }
}

/* BETA = 0 must not read C: 0 * NaN would stay. The library's own product reads it. */
static void test_gemm_ignores_old_c(void **state)
{
    (void)state;
    const char *const kernels[] = {"fast", "stock"};
    for (int k = 0; k < 2; k++) {
        float a[] = {1, 2, 3, 4}, b[] = {5, 6, 7, 8}, c[] = {NAN, NAN, NAN, NAN};
        assert_int_equal(dk_kernels_select(kernels[k]), 0);
        gemm(0, 0, 2, 2, 2, 1, a, 2, b, 2, 0, c, 2);
        const double want[] = {19, 22, 43, 50};
        test_within("gemm over NaN", test_error(c, want, 4), 1e-7);
    }
    assert_int_equal(dk_kernels_select("fast"), 0);
}

/* Same bits whatever the address and whenever it is run; m = 8 takes the loops for thin products. */
static void check_same_bits(int m, int n, int k)
{
    float *a = test_random((size_t)(m * k)), *b = test_random((size_t)(k * n));
    float *moved_a = malloc((size_t)(m * k + 16) * sizeof *a),
          *moved_b = malloc((size_t)(k * n + 16) * sizeof *b);
    float *first = calloc((size_t)(m * n), sizeof *first);
    gemm(0, 0, m, n, k, 1, a, k, b, n, 1, first, n);
    for (int shift = 0; shift < 16; shift++) {
        float *c = calloc((size_t)(m * n + 16), sizeof *c);
        memcpy(moved_a + shift, a, (size_t)(m * k) * sizeof *a);
        memcpy(moved_b + shift, b, (size_t)(k * n) * sizeof *b);
        gemm(0, 0, m, n, k, 1, moved_a + shift, k, moved_b + shift, n, 1, c + shift, n);
        assert_memory_equal(c + shift, first, (size_t)(m * n) * sizeof *c);
        free(c);
    }
    free(a);
    free(b);
    free(moved_a);
    free(moved_b);
    free(first);
}

static void test_gemm_same_bits(void **state)
{
    (void)state;
    check_same_bits(37, 1100, 70);
    check_same_bits(8, 1100, 70);
}

/* Numbers of rows and pixels that blocks of four and sixteen do not divide, and runs that do not fit. */
static void check_dots(int images, int m, int k, int pixels)
{
    const size_t row = (size_t)pixels;
    float *delta = test_random((size_t)(images * m) * row), *input = test_random((size_t)(images * k) * row);
    float *updates = test_random((size_t)(m * k)), *again = malloc((size_t)(m * k) * sizeof *again);
    double *want = malloc((size_t)(m * k) * sizeof *want);
    memcpy(again, updates, (size_t)(m * k) * sizeof *again);
    for (int i = 0; i < m * k; i++) {
        want[i] = (double)updates[i];
        for (int b = 0; b < images; b++)
            for (size_t p = 0; p < row; p++)
                want[i] += (double)delta[(size_t)(b * m + i / k) * row + p] *
                           (double)input[(size_t)(b * k + i % k) * row + p];
    }
    const dk_dots d = {images, m, k, pixels, delta, input};
    dk_dots_add(&d, updates);
    char what[96];
    snprintf(what, sizeof what, "dots of %d images, %dx%d, %d pixels", images, m, k, pixels);
    test_within(what, test_error(updates, want, (size_t)(m * k)), most * sqrt(images * pixels + 1.));
    const int threads = dk_threads();
    dk_threads_set(threads == 1 ? 2 : 1);
    dk_dots_add(&d, again);
    dk_threads_set(threads);
    assert_memory_equal(again, updates, (size_t)(m * k) * sizeof *again);
    free(delta);
    free(input);
    free(updates);
    free(again);
    free(want);
}

static void test_dots(void **state)
{
    (void)state;
    if (!dk_dots_takes(4, 64, 4096)) skip();
    for (int i = 0; i < 30; i++)
        check_dots(test_int(1, 3), test_int(4, 24), test_int(4, 24), test_int(1, 2500));
    check_dots(2, 5, 140, 1100);
    check_dots(1, 140, 5, 1100);
    assert_false(dk_dots_takes(3, 64, 4096));
}

static void test_im2col(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        const int channels = test_int(1, 5), h = test_int(3, 17), w = test_int(3, 17), size = test_int(1, 3);
        const int stride = test_int(1, 3), pad = test_int(0, 2);
        const int oh = (h + 2 * pad - size) / stride + 1, ow = (w + 2 * pad - size) / stride + 1;
        const size_t n = (size_t)(channels * h * w), cols = (size_t)(channels * size * size * oh * ow);
        float *im = test_random(n), *col = test_random(cols), *back = test_random(n);
        double *want = malloc(cols * sizeof *want), *want_back = malloc(n * sizeof *want_back);
        for (size_t k = 0; k < n; k++)
            want_back[k] = (double)back[k];
        float *add = test_random(cols);
        for (int c = 0; c < channels * size * size; c++)
            for (int y = 0; y < oh; y++)
                for (int x = 0; x < ow; x++) {
                    const int row = y * stride + c / size % size - pad, column = x * stride + c % size - pad;
                    const bool inside = row >= 0 && row < h && column >= 0 && column < w;
                    const int at = (c / size / size * h + row) * w + column;
                    want[(c * oh + y) * ow + x] = inside ? (double)im[at] : 0;
                    if (inside) want_back[at] += (double)add[(c * oh + y) * ow + x];
                }
        im2col_cpu(im, channels, h, w, size, stride, pad, col);
        test_within("im2col", test_error(col, want, cols), 0);
        col2im_cpu(add, channels, h, w, size, stride, pad, back);
        test_within("col2im", test_error(back, want_back, n), 1e-6);
        free(im);
        free(col);
        free(back);
        free(add);
        free(want);
        free(want_back);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gemm),
        cmocka_unit_test(test_gemm_thin),
        cmocka_unit_test(test_gemm_ignores_old_c),
        cmocka_unit_test(test_gemm_same_bits),
        cmocka_unit_test(test_dots),
        cmocka_unit_test(test_im2col),
    };
    return cmocka_run_group_tests_name("kernels: products", tests, NULL, NULL);
}
