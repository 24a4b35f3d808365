/* wait.h - how OpenMP threads wait for each other. */
#ifndef DK_WAIT_H
#define DK_WAIT_H

/* dk_wait_passively - makes OpenMP threads sleep, not spin, while they wait: a spinning thread takes the
 * processor from the threads that communicate, load images, or belong to another worker. libgomp reads its
 * environment once, before main, so the program starts itself anew with OMP_WAIT_POLICY=passive. Returns if
 * that or GOMP_SPINCOUNT is set already (by the user, or by this function), or if starting anew is not
 * possible. Call first thing in main. */
void dk_wait_passively(char **argv);

#endif
