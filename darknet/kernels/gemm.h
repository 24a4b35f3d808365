/* gemm.h - matrix products. */
#ifndef DK_GEMM_H
#define DK_GEMM_H

/* gemm - C[M,N] = ALPHA op(A)[M,K] op(B)[K,N] + BETA C, row-major with leading dimensions lda, ldb, ldc; op
 * transposes where TA, TB are non-zero. The library's own contract; BETA = 0 does not read C. */
void gemm(int TA, int TB, int M, int N, int K, float ALPHA, float *A, int lda, float *B, int ldb, float BETA,
          float *C, int ldc);

#endif
