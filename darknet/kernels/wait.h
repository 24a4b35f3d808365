/* wait.h - how OpenMP threads wait for each other. */
#ifndef DK_WAIT_H
#define DK_WAIT_H

/* dk_wait_briefly - makes OpenMP threads spin for a moment (GOMP_SPINCOUNT=1000) before they sleep. A step
 * has hundreds of parallel sections a fraction of a millisecond apart: sleeping at once makes a training step
 * of one image 18 to 27 % longer. Spinning longer gains nothing alone and takes the processor from threads
 * that communicate, load images, or belong to another worker (beside a busy process GOMP_SPINCOUNT=10000
 * takes 2.6 times as long as sleeping at once, this 3 to 25 % longer; figures: tests/bench/kernels.md).
 * libgomp reads its environment once, before main, so the program starts itself anew with GOMP_SPINCOUNT set.
 * Returns if that or OMP_WAIT_POLICY is set already (by the user, or by this function), or if starting anew
 * is not possible. Call first thing in main. */
void dk_wait_briefly(char **argv);

#endif
