/* threads.h - the library's calls of pthread, the clock and random numbers, in a simulation (threads.c). */
#ifndef SIM_THREADS_H
#define SIM_THREADS_H

#include "sim/sched.h"

/* sim_threads_preempt - a thread may be overtaken at so many of 1024 uses of a lock; now and then it gets no processor for up to
 * hold_ns. sim_threads_forget - one is killed. */
void sim_threads_preempt(unsigned share, int64_t hold_ns);
void sim_threads_forget(sim_thread *t);

#endif
