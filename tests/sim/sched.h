/* sched.h - processes and threads of a simulation: one thread of this program runs all of theirs, one at a time.
 *
 * DESIGN
 *   The library is linked as it is; the linker puts this scheduler before whatever blocks a thread or tells the time
 * (wraps.opt). A thread is a coroutine. At each such call, and now and then where it takes or gives back a lock, the
 * seed decides who runs next. The clock is virtual: it moves a little with each step, and jumps to the next deadline
 * when nobody can run. So a seed is a schedule: the same one each time.
 *
 *   A process is a group of threads. One that is killed never runs again: what it had from the kernel (sockets, open
 * files) is given back by net.h and disk.h. One that is stopped keeps everything, and does not run until a time. */
#ifndef SIM_SCHED_H
#define SIM_SCHED_H

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <ucontext.h>

#include "sim/chance.h"

typedef struct sim_process sim_process;
typedef struct sim_thread sim_thread;

#define SIM_FOREVER INT64_MAX
#define SIM_MS ((int64_t)1000000)
#define SIM_S ((int64_t)1000000000)

/* What a kernel does. */
typedef struct sim_kernel {
    int64_t (*advance)(int64_t now_ns);  /* what is due by now happens; when to look again */
    void (*forget)(sim_thread *t);       /* a thread is killed: what waits for it, and what it waits for */
    void (*close)(const sim_process *p); /* a process is gone: what it had open */
} sim_kernel;

/* sim_begin - nothing runs yet; traces: events are printed. sim_run - runs until `done` is true; the caller's stack is no thread's.
 * Ends the program with status 2 and every thread's state when nothing can happen any more, or limit_ns is past. */
void sim_begin(uint64_t seed, bool traces, int64_t limit_ns, const sim_kernel *kernel);
void sim_run(const bool *done);

/* sim_spawn - a process whose first thread runs main(argument); it ends when that returns. sim_kill - none of its
 * threads runs again. sim_stop - it does not run until until_ns. Not of the caller's own process. */
sim_process *sim_spawn(const char *name, void (*main)(void *), void *argument);
void sim_kill(sim_process *p);
void sim_stop(sim_process *p, int64_t until_ns);
bool sim_lives(const sim_process *p);
const char *sim_name(const sim_process *p);
sim_process *sim_self(void); /* NULL: none of them */

/* The clock, in ns. sim_sleep - the calling thread. */
int64_t sim_now(void);
void sim_sleep(int64_t ns);

/* sim_event - what has happened, for people. sim_steps - so far. */
void sim_event(const char *format, ...) __attribute__((format(printf, 1, 2)));
uint64_t sim_steps(void);

typedef enum sim_thread_state { SIM_READY, SIM_BLOCKED, SIM_OVER } sim_thread_state;

struct sim_thread {
    sim_process *process;
    int number;
    sim_thread_state state;
    int at; /* among those that are ready, -1 = it is not */
    void *(*start)(void *);
    void *argument, *result;
    bool begun, joinable, timed_out;
    const char *what;   /* BLOCKED: on what, for people */
    const void *lock;   /* likewise: the mutex, or NULL */
    const void *signal; /* likewise: the condition, or NULL */
    int64_t until_ns;   /* likewise */
    sim_thread *joiner; /* who waits for its end */
    void *stack;
    ucontext_t first;
    jmp_buf context;
    int error;      /* errno */
    char line[512]; /* dc_last_error */
};

/* For what stands for the system's calls.
 * sim_thread_new - a thread of a process. sim_thread_end - of the caller. sim_thread_any - one of those that are blocked
 * and are `is_one`, and how many are.
 * sim_block - the calling thread waits for sim_wake, or until until_ns; what: for people. False: it was the time.
 * sim_step - another thread may run. sim_by - the clock stops there, and the kernel advances. */
sim_thread *sim_thread_new(sim_process *p, void *(*start)(void *), void *argument);
void sim_thread_end(void) __attribute__((noreturn));
sim_thread *sim_thread_any(bool (*is_one)(const sim_thread *t, const void *what), const void *what, int *n);
sim_thread *sim_thread_self(void);
bool sim_block(const char *what, int64_t until_ns);
void sim_wake(sim_thread *t);
void sim_step(void);
void sim_by(int64_t when_ns);

/* sim_report - all threads, and where each is, to standard error. */
void sim_report(void);

#endif
