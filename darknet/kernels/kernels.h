/* kernels.h - which arithmetic the network runs on: ours (fast) or the packaged library's own (stock), and on
 * how many threads. Set once, before a network is parsed; read by every interposed function. */
#ifndef DK_KERNELS_H
#define DK_KERNELS_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

/* dk_kernels_select - "fast" or "stock". Returns 0, or -1 for
 * another name. Not to be called while a network runs. */
int dk_kernels_select(const char *name);

/* dk_kernels_fast - true if ours are selected (the default). Any thread. */
bool dk_kernels_fast(void);

/* dk_threads_set - threads per operation, at least 1; 0 means OMP_NUM_THREADS if set, else all cores. */
void dk_threads_set(int threads);

/* dk_threads - the number in force, at least 1. */
int dk_threads(void);

/* dk_threads_block - none of the threads that help the calling one takes these signals. Not to be called while a network runs. */
void dk_threads_block(const sigset_t *signals);

/* dk_parallel - calls work(context, lo, hi) for consecutive ranges that make up [0, n), on dk_threads()
 * threads; work must not depend on how they fall. Returns when all are done. */
void dk_parallel(size_t n, void (*work)(void *context, size_t lo, size_t hi), void *context);

/* dk_parallel_items - calls work(context, i) for each i in [0, n), on dk_threads() threads: for few items
 * that take long. Returns when all are done. */
void dk_parallel_items(int n, void (*work)(void *context, int i), void *context);

#endif
