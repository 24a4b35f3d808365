/* random.h - every random number of a run, reproducible whatever the number of threads.
 *
 * DESIGN
 *   The library draws from rand(): one hidden state for all threads, so that the order in which threads run
 * decides who gets which number. random.c replaces rand() and srand() by a generator per thread, and each
 * unit of work (one image of one round, one round of training) first sets its thread's generator from what
 * names it: the run's seed, the worker, the round, the image. A run that is repeated, resumed, or loaded by
 * another number of threads draws the same numbers. */
#ifndef DK_RANDOM_H
#define DK_RANDOM_H

#include <stdint.h>

typedef enum dk_stream {
    DK_STREAM_INIT = 1, /* initial weights */
    DK_STREAM_LOAD,     /* choice and augmentation of one image */
    DK_STREAM_TRAIN,    /* dropout, crop layers, a lone worker's random learning rates of one round */
    DK_STREAM_SIZE,     /* multi-scale input size: the same for all workers */
    DK_STREAM_RATE,     /* random learning rates of several workers: the same for all */
} dk_stream;

/* dk_random_begin - sets the calling thread's generator to the start of the stream so named. */
void dk_random_begin(dk_stream stream, uint64_t seed, uint64_t worker, uint64_t round, uint64_t image);

/* dk_random_below - a number in 0..n-1 (n > 0) from the calling thread's generator, without bias. */
uint64_t dk_random_below(uint64_t n);

/* dk_random_seed - a seed from the system's entropy, below 2^31 so that it is easy to type again. */
uint64_t dk_random_seed(void);

#endif
