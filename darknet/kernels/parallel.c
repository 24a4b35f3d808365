/* parallel.c - the kernels' threads for work that is not a kernel. */
#include "kernels/kernels.h"
#include "kernels/ranges.h"
#include "kernels/isa.h"

#include <omp.h>
#include <pthread.h>

void dk_threads_block(const sigset_t *signals)
{
    const int own = dk_threads(), most = omp_get_max_threads();
#pragma omp parallel num_threads(own > most ? own : most)
    if (omp_get_thread_num() > 0) pthread_sigmask(SIG_BLOCK, signals, NULL);
}

void dk_parallel(size_t n, void (*work)(void *context, size_t lo, size_t hi), void *context)
{
    DK_RANGES(n, lo, hi, work(context, lo, hi));
}

void dk_parallel_items(int n, void (*work)(void *context, int i), void *context)
{
    const int threads = n < dk_threads() ? n : dk_threads();
#pragma omp parallel for num_threads(threads) schedule(static, 1) if (threads > 1)
    for (int i = 0; i < n; i++)
        work(context, i);
}
