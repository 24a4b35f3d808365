/* gemm.c - the library's gemm, by oneDNN, and by our own loops where one side is so thin that packing costs
 * more than the product (fully connected layers at small batch).
 *
 * DESIGN
 *   A thin product has at most DK_THIN images; its weights are read once, from memory, and that is all the
 * time there is. Rows of C are split over threads; each element is summed in one fixed order by one thread,
 * so the result does not depend on the number of threads. Where oneDNN is not built in, the blocked loops
 * here do every product. */
#include "kernels/gemm.h"

#include "kernels/isa.h"
#include "kernels/kernels.h"
#include "kernels/stock.h"

#include <stdbool.h>
#include <string.h>
#ifndef DK_NO_DNNL
#include <dnnl.h>
#endif

DK_STOCK_SLOT(gemm);

enum { DK_THIN = 16, DK_COLS = 2048 };

/* C[m,n] += a * A[m,:] . B[n,:] for rows n in [n0, n1): both operands are read along k (TA = 0, TB = 1). */
DK_CLONES static void thin_nt(int M, int n0, int n1, int K, float a, const float *A, int lda, const float *B,
                              int ldb, float *C, int ldc)
{
    for (int n = n0; n < n1; n++) {
        const float *b = B + (size_t)n * (size_t)ldb;
        for (int m0 = 0; m0 < M; m0 += 4) {
            dk_v16 acc[4] = {{0}};
            float tail[4] = {0};
            const int ms = M - m0 < 4 ? M - m0 : 4;
            const float *r[4];
            for (int m = 0; m < 4; m++)
                r[m] = A + (size_t)(m0 + (m < ms ? m : 0)) * (size_t)lda;
            int k = 0;
            for (; k + DK_LANES <= K; k += DK_LANES) {
                const dk_v16 w = *(const dk_v16 *)(b + k);
                for (int m = 0; m < 4; m++)
                    acc[m] += w * *(const dk_v16 *)(r[m] + k);
            }
            for (; k < K; k++)
                for (int m = 0; m < 4; m++)
                    tail[m] += b[k] * r[m][k];
            for (int m = 0; m < ms; m++) {
                float lanes[DK_LANES];
                memcpy(lanes, &acc[m], sizeof lanes);
                C[(size_t)(m0 + m) * (size_t)ldc + (size_t)n] += a * (dk_sum_lanes(lanes) + tail[m]);
            }
        }
    }
}

/* C[m, n0..n1) += a * sum over k of op(A)[m,k] B[k,n]: rows of B are added up (TB = 0), four at a time. */
DK_CLONES static void rows_nn(bool ta, int m0, int m1, int n0, int n1, int K, float a, const float *A,
                              int lda, const float *B, int ldb, float *C, int ldc)
{
    const size_t row = ta ? 1 : (size_t)lda, col = ta ? (size_t)lda : 1;
    for (int c0 = n0; c0 < n1; c0 += DK_COLS) {
        const int n = c0 + DK_COLS < n1 ? DK_COLS : n1 - c0;
        for (int k0 = 0; k0 < K; k0 += 4) {
            const int ks = K - k0 < 4 ? K - k0 : 4;
            for (int m = m0; m < m1; m++) {
                float *c = C + (size_t)m * (size_t)ldc + c0;
                const float *p = A + (size_t)m * row + (size_t)k0 * col;
                const float *b = B + (size_t)k0 * (size_t)ldb + c0;
                if (ks == 4) {
                    const float w0 = a * p[0], w1 = a * p[col], w2 = a * p[2 * col], w3 = a * p[3 * col];
                    const float *b1 = b + ldb, *b2 = b1 + ldb, *b3 = b2 + ldb;
                    for (int j = 0; j < n; j++)
                        c[j] += (w0 * b[j] + w1 * b1[j]) + (w2 * b2[j] + w3 * b3[j]);
                } else {
                    for (int k = 0; k < ks; k++, b += ldb) {
                        const float w = a * p[(size_t)k * col];
                        for (int j = 0; j < n; j++)
                            c[j] += w * b[j];
                    }
                }
            }
        }
    }
}

/* op(A)[m,k] with both operands transposed: no network of Darknet's asks for it. */
static void plain_tt(int m0, int m1, int N, int K, float a, const float *A, int lda, const float *B, int ldb,
                     float *C, int ldc)
{
    for (int m = m0; m < m1; m++)
        for (int n = 0; n < N; n++) {
            float sum = 0;
            for (int k = 0; k < K; k++)
                sum += A[(size_t)k * (size_t)lda + (size_t)m] * B[(size_t)n * (size_t)ldb + (size_t)k];
            C[(size_t)m * (size_t)ldc + (size_t)n] += a * sum;
        }
}

static void scale_rows(int M, int N, float beta, float *C, int ldc)
{
    for (int m = 0; m < M && beta != 1; m++) {
        float *c = C + (size_t)m * (size_t)ldc;
        if (beta == 0)
            memset(c, 0, (size_t)N * sizeof *c);
        else
            for (int n = 0; n < N; n++)
                c[n] *= beta;
    }
}

/* Splits [0, n) into parts that are multiples of 64 (a cache line is never shared). */
static int part_start(int n, int part, int parts)
{
    const int step = ((n + parts - 1) / parts + 63) & ~63;
    return (long)part * step < n ? part * step : n;
}

static void loops(int TA, int TB, int M, int N, int K, float a, const float *A, int lda, const float *B,
                  int ldb, float *C, int ldc)
{
    const int parts = (double)M * N * K < 65536 ? 1 : dk_threads();
    const bool by_rows = M > DK_THIN; /* split the longer side of C */
#pragma omp parallel for num_threads(parts) schedule(static) if (parts > 1)
    for (int part = 0; part < parts; part++) {
        if (TA && TB) {
            plain_tt((int)((long)M * part / parts), (int)((long)M * (part + 1) / parts), N, K, a, A, lda, B,
                     ldb, C, ldc);
        } else if (TB) {
            thin_nt(M, part_start(N, part, parts), part_start(N, part + 1, parts), K, a, A, lda, B, ldb, C,
                    ldc);
        } else if (by_rows) {
            /* A few rows of C at a time stay in the cache while all of B passes by. */
            const int end = (int)((long)M * (part + 1) / parts);
            for (int m = (int)((long)M * part / parts); m < end; m += 16)
                rows_nn(TA != 0, m, m + 16 < end ? m + 16 : end, 0, N, K, a, A, lda, B, ldb, C, ldc);
        } else {
            rows_nn(TA != 0, 0, M, part_start(N, part, parts), part_start(N, part + 1, parts), K, a, A, lda,
                    B, ldb, C, ldc);
        }
    }
}

#ifndef DK_NO_DNNL
/* True where the weights of the product are met only once:
 * forward, gradient of the weights, gradient of the input. */
static bool is_thin(int TA, int TB, int M, int N, int K)
{
    if (TB) return !TA && M <= DK_THIN && N >= 64;
    return (TA && K <= DK_THIN) || (!TA && M <= DK_THIN && N >= 1024 && K >= 64);
}
#endif

DK_EXPORT void gemm(int TA, int TB, int M, int N, int K, float ALPHA, float *A, int lda, float *B, int ldb,
                    float BETA, float *C, int ldc)
{
    if (!dk_kernels_fast()) {
        /* The library multiplies what is there by 0, and what a resized layer's new memory holds may be NaN. */
        if (BETA == 0) scale_rows(M, N, 0, C, ldc);
        DK_STOCK(gemm)(TA, TB, M, N, K, ALPHA, A, lda, B, ldb, BETA, C, ldc);
        return;
    }
    if (M <= 0 || N <= 0) return;
#ifndef DK_NO_DNNL
    if (!is_thin(TA, TB, M, N, K) && dnnl_sgemm(TA ? 'T' : 'N', TB ? 'T' : 'N', M, N, K, ALPHA, A, lda, B,
                                                ldb, BETA, C, ldc) == dnnl_success)
        return;
#endif
    scale_rows(M, N, BETA, C, ldc);
    loops(TA, TB, M, N, K, ALPHA, A, lda, B, ldb, C, ldc);
}
