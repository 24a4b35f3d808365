/* wait.h - how OpenMP threads wait for each other. */
#ifndef DK_WAIT_H
#define DK_WAIT_H

/* dk_wait_briefly - makes OpenMP threads spin for some 20 microseconds before they sleep. A step has hundreds
 * of parallel sections a fraction of a millisecond apart: sleeping at once costs a training step of one image
 * 20 to 25 %. Spinning longer gains nothing alone and takes the processor from threads that communicate, load
 * images, or belong to another worker (GOMP_SPINCOUNT=10000: up to 3 times slower beside a busy process;
 * this: 3 to 20 %). libgomp reads its environment once, before main, so the program starts itself anew with
 * GOMP_SPINCOUNT set. Returns if that or OMP_WAIT_POLICY is set already (by the user, or by this function),
 * or if starting anew is not possible. Call first thing in main. */
void dk_wait_briefly(char **argv);

#endif
