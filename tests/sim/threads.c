/* threads.c - the library's calls of pthread, the clock and random numbers, in a simulation. The linker sends them here
 * (wraps.opt). A mutex and a condition are this file's own, in the memory of the system's. */
#include "sim/threads.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

/* All zero: free. */
typedef struct mutex {
    sim_thread *owner;
    int waiting;
} mutex;

typedef struct condition {
    int waiting;
} condition;

_Static_assert(sizeof(mutex) <= sizeof(pthread_mutex_t), "a mutex fits");
_Static_assert(sizeof(condition) <= sizeof(pthread_cond_t), "a condition fits");

static unsigned preempt;
static int64_t hold_ns;

void sim_threads_preempt(unsigned share, int64_t hold)
{
    preempt = share;
    hold_ns = hold;
}

static void maybe_step(void)
{
    if (!preempt || sim_draw(1024) >= preempt) return;
    if (hold_ns && sim_draw(8) == 0)
        sim_sleep((int64_t)sim_draw((uint64_t)hold_ns));
    else
        sim_step();
}

/* ---- mutexes ---- */

static bool waits_for_lock(const sim_thread *t, const void *lock)
{
    return t->lock == lock;
}

static void take(mutex *m)
{
    sim_thread *me = sim_thread_self();
    while (m->owner) {
        if (m->owner == me) abort();
        m->waiting++;
        me->lock = m;
        (void)sim_block("a mutex", SIM_FOREVER);
        me->lock = NULL;
        m->waiting--;
    }
    m->owner = me;
}

static void give_back(mutex *m)
{
    int n;
    if (m->owner != sim_thread_self()) abort();
    m->owner = NULL;
    if (m->waiting > 0) sim_wake(sim_thread_any(waits_for_lock, m, &n));
}

int __wrap_pthread_mutex_init(pthread_mutex_t *lock, const pthread_mutexattr_t *unused);
int __wrap_pthread_mutex_init(pthread_mutex_t *lock, const pthread_mutexattr_t *unused)
{
    (void)unused;
    memset(lock, 0, sizeof *lock);
    return 0;
}

int __wrap_pthread_mutex_destroy(pthread_mutex_t *lock);
int __wrap_pthread_mutex_destroy(pthread_mutex_t *lock)
{
    const mutex *m = (const mutex *)lock;
    if (m->owner || m->waiting > 0) abort();
    return 0;
}

int __wrap_pthread_mutex_lock(pthread_mutex_t *lock);
int __wrap_pthread_mutex_lock(pthread_mutex_t *lock)
{
    if (!sim_thread_self()) return 0;
    maybe_step();
    take((mutex *)lock);
    return 0;
}

int __wrap_pthread_mutex_unlock(pthread_mutex_t *lock);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *lock)
{
    if (!sim_thread_self()) return 0;
    give_back((mutex *)lock);
    maybe_step();
    return 0;
}

/* ---- conditions ---- */

static bool waits_for_signal(const sim_thread *t, const void *signal)
{
    return t->signal == signal;
}

int __wrap_pthread_cond_init(pthread_cond_t *cond, const pthread_condattr_t *unused);
int __wrap_pthread_cond_init(pthread_cond_t *cond, const pthread_condattr_t *unused)
{
    (void)unused;
    memset(cond, 0, sizeof *cond);
    return 0;
}

int __wrap_pthread_cond_destroy(pthread_cond_t *cond);
int __wrap_pthread_cond_destroy(pthread_cond_t *cond)
{
    if (((const condition *)cond)->waiting > 0) abort();
    return 0;
}

static int wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t until_ns)
{
    condition *c = (condition *)cond;
    sim_thread *me = sim_thread_self();
    c->waiting++;
    me->signal = c;
    give_back((mutex *)lock);
    const bool woken = sim_block("a condition", until_ns);
    me->signal = NULL;
    c->waiting--;
    take((mutex *)lock);
    return woken ? 0 : ETIMEDOUT;
}

int __wrap_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock);
int __wrap_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock)
{
    return wait_until(cond, lock, SIM_FOREVER);
}

int __wrap_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *lock, const struct timespec *until);
int __wrap_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *lock, const struct timespec *until)
{
    return wait_until(cond, lock, (int64_t)until->tv_sec * SIM_S + until->tv_nsec);
}

int __wrap_pthread_cond_signal(pthread_cond_t *cond);
int __wrap_pthread_cond_signal(pthread_cond_t *cond)
{
    int n;
    if (((const condition *)cond)->waiting > 0) sim_wake(sim_thread_any(waits_for_signal, cond, &n));
    return 0;
}

int __wrap_pthread_cond_broadcast(pthread_cond_t *cond);
int __wrap_pthread_cond_broadcast(pthread_cond_t *cond)
{
    int n = 1;
    while (((const condition *)cond)->waiting > 0 && n > 0)
        sim_wake(sim_thread_any(waits_for_signal, cond, &n));
    return 0;
}

/* ---- threads ---- */

int __wrap_pthread_create(pthread_t *id, const pthread_attr_t *unused, void *(*start)(void *),
                          void *argument);
int __wrap_pthread_create(pthread_t *id, const pthread_attr_t *unused, void *(*start)(void *), void *argument)
{
    (void)unused;
    sim_thread *t = sim_thread_new(sim_self(), start, argument);
    t->joinable = true;
    *id = (pthread_t)(uintptr_t)t;
    sim_step();
    return 0;
}

int __wrap_pthread_join(pthread_t id, void **result);
int __wrap_pthread_join(pthread_t id, void **result)
{
    sim_thread *t = (sim_thread *)(uintptr_t)id; /* NOLINT(performance-no-int-to-ptr) */
    while (t->state != SIM_OVER) {
        t->joiner = sim_thread_self();
        (void)sim_block("a thread's end", SIM_FOREVER);
    }
    t->joinable = false;
    if (result) *result = t->result;
    return 0;
}

int __wrap_pthread_detach(pthread_t id);
int __wrap_pthread_detach(pthread_t id)
{
    ((sim_thread *)(uintptr_t)id)->joinable = false; /* NOLINT(performance-no-int-to-ptr) */
    return 0;
}

/* Whoever it waited for hears nothing any more; its process's own memory is nobody's. */
void sim_threads_forget(sim_thread *t)
{
    if (t->lock) ((mutex *)(uintptr_t)t->lock)->waiting--;
    if (t->signal) ((condition *)(uintptr_t)t->signal)->waiting--;
    t->lock = t->signal = NULL;
}

/* ---- time and chance ---- */

int __wrap_clock_gettime(clockid_t clock, struct timespec *to);
int __wrap_clock_gettime(clockid_t clock, struct timespec *to)
{
    (void)clock;
    const int64_t ns = sim_now();
    *to = (struct timespec){.tv_sec = (time_t)(ns / SIM_S), .tv_nsec = (long)(ns % SIM_S)};
    return 0;
}

int __wrap_nanosleep(const struct timespec *time, struct timespec *left);
int __wrap_nanosleep(const struct timespec *time, struct timespec *left)
{
    (void)left;
    sim_sleep((int64_t)time->tv_sec * SIM_S + time->tv_nsec);
    return 0;
}

ssize_t __wrap_getrandom(void *to, size_t n, unsigned flags);
ssize_t __wrap_getrandom(void *to, size_t n, unsigned flags)
{
    (void)flags;
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)to)[i] = (uint8_t)sim_draw(256);
    return (ssize_t)n;
}
