/* sched.c - coroutines, the clock, and who is next. See sched.h. */
#undef _FORTIFY_SOURCE /* its longjmp takes a switch to another stack for an error */
#include "sim/sched.h"

#include <errno.h>
#include <execinfo.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dynacomm.h"

#define STACK_BYTES ((size_t)1 << 20) /* touched as far as it is used */
#define MOST_THREADS 512
#define MOST_PROCESSES 512
#define STEP_NS 2000 /* at most, of the clock for each step */
#define STEPS_MOST 20000000u

struct sim_process {
    char name[24];
    void (*main)(void *);
    void *argument;
    bool lives;
    int64_t stopped_until; /* 0 = it runs */
};

static sim_thread *threads[MOST_THREADS], *ready[MOST_THREADS], *self;
static sim_process *processes[MOST_PROCESSES];
static int n_threads, n_ready, n_processes;
static int64_t now_ns, next_ns, limit_ns, last_ns;
static uint64_t steps;
static bool traces, reporting;
static const bool *is_done;
static const sim_kernel *kernel;
static jmp_buf home;    /* sim_run's */
static char *last_line; /* the library's last error: it is a thread's own */

/* ---- the trace ---- */

uint64_t sim_steps(void)
{
    return steps;
}

void sim_event(const char *format, ...)
{
    char line[1024];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (traces)
        (void)fprintf(stderr, "%12.6f %-10s %s\n", (double)now_ns * 1e-9, self ? self->process->name : "-",
                      line);
}

/* ---- switching ---- */

static void become(sim_thread *t)
{
    self = t;
    if (!t) longjmp(home, 1);
    errno = t->error;
    (void)memccpy(last_line, t->line, '\0', sizeof t->line);
    if (t->begun) longjmp(t->context, 1);
    t->begun = true;
    (void)setcontext(&t->first);
}

/* Leaves the calling thread where it is, and goes on with another, or with sim_run. */
static void switch_to(sim_thread *t)
{
    sim_thread *me = self;
    if (t == me) return;
    me->error = errno;
    (void)memccpy(me->line, last_line, '\0', sizeof me->line);
    if (setjmp(me->context) == 0) become(t);
}

static void enqueue(sim_thread *t)
{
    if (t->process->stopped_until || t->at >= 0) return;
    t->at = n_ready;
    ready[n_ready++] = t;
}

static void dequeue(sim_thread *t)
{
    if (t->at < 0) return;
    ready[t->at] = ready[--n_ready];
    ready[t->at]->at = t->at;
    t->at = -1;
}

void sim_by(int64_t when_ns)
{
    if (when_ns < next_ns) next_ns = when_ns;
}

void sim_wake(sim_thread *t)
{
    if (!t || t->state != SIM_BLOCKED) return;
    t->state = SIM_READY;
    t->until_ns = SIM_FOREVER;
    enqueue(t);
}

static void go_on(sim_process *p)
{
    p->stopped_until = 0;
    sim_event("%s runs on", p->name);
    for (int i = 0; i < n_threads; i++)
        if (threads[i]->process == p && threads[i]->state == SIM_READY) enqueue(threads[i]);
}

/* The clock has come to where something is due. */
static void expire(void)
{
    next_ns = SIM_FOREVER;
    sim_by(kernel->advance(now_ns));
    for (int i = 0; i < n_processes; i++) {
        sim_process *p = processes[i];
        if (!p->lives || !p->stopped_until) continue;
        if (p->stopped_until <= now_ns)
            go_on(p);
        else
            sim_by(p->stopped_until);
    }
    for (int i = 0; i < n_threads; i++) {
        sim_thread *t = threads[i];
        if (t->state != SIM_BLOCKED) continue;
        if (t->until_ns <= now_ns) {
            t->timed_out = true;
            sim_wake(t);
        } else {
            sim_by(t->until_ns);
        }
    }
}

static void end_badly(const char *why)
{
    (void)fprintf(stderr, "%s after %.3f s and %llu steps\n", why, (double)now_ns * 1e-9,
                  (unsigned long long)steps);
    sim_report();
    _exit(2);
}

static sim_thread *pick(void)
{
    now_ns += 1 + (int64_t)sim_draw(STEP_NS);
    steps++;
    for (;;) {
        if (now_ns >= next_ns) expire();
        if (n_ready > 0) break;
        if (next_ns == SIM_FOREVER) end_badly("nothing can happen any more");
        now_ns = next_ns;
    }
    if (now_ns > limit_ns) end_badly("it has not come to its end");
    if (steps > STEPS_MOST) end_badly("it goes round in circles");
    sim_thread *t = ready[n_ready > 1 ? (int)sim_draw((uint64_t)n_ready) : 0];
    sim_mark((uint64_t)t->number * 31 + (uint64_t)now_ns);
    return t;
}

void sim_step(void)
{
    if (!self) return;
    switch_to(*is_done ? NULL : pick());
}

static void where_it_is(void)
{
    void *frames[24];
    const int n = backtrace(frames, 24);
    (void)fprintf(stderr, "  %s thread %d: %s\n", self->process->name, self->number,
                  self->state == SIM_BLOCKED ? self->what : "ready");
    backtrace_symbols_fd(frames, n, STDERR_FILENO);
}

bool sim_block(const char *what, int64_t until_ns)
{
    sim_thread *me = self;
    if (until_ns <= now_ns) {
        sim_step();
        return false;
    }
    dequeue(me);
    me->state = SIM_BLOCKED;
    me->what = what;
    me->until_ns = until_ns;
    me->timed_out = false;
    sim_by(until_ns);
    for (;;) {
        switch_to(*is_done ? NULL : pick());
        if (!reporting) break;
        where_it_is();
        longjmp(home, 1);
    }
    return !me->timed_out;
}

void sim_report(void)
{
    reporting = true;
    static volatile int i; /* outlives the jumps */
    for (i = 0; i < n_threads; i++) {
        if (threads[i]->state == SIM_OVER || !threads[i]->begun) continue;
        if (threads[i]->state == SIM_READY || threads[i] == self) {
            (void)fprintf(stderr, "  %s thread %d: %s\n", threads[i]->process->name, threads[i]->number,
                          threads[i]->process->stopped_until ? "stopped" : "could run");
            continue;
        }
        if (setjmp(home) == 0) become(threads[i]);
    }
}

/* ---- threads and processes ---- */

static void begin_thread(void)
{
    sim_thread *me = self;
    me->result = me->start(me->argument);
    sim_thread_end();
}

static void *new_stack(void)
{
    void *stack =
        mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (stack == MAP_FAILED) abort();
    return stack;
}

/* A function of its own: to a compiler getcontext may return twice. */
static __attribute__((noinline)) void prepare(sim_thread *t)
{
    (void)getcontext(&t->first);
    t->first.uc_stack.ss_sp = t->stack;
    t->first.uc_stack.ss_size = STACK_BYTES;
    makecontext(&t->first, begin_thread, 0);
}

sim_thread *sim_thread_new(sim_process *p, void *(*start)(void *), void *argument)
{
    static int number;
    sim_thread *t = NULL;
    for (int i = 0; i < n_threads && !t; i++)
        if (threads[i]->state == SIM_OVER && !threads[i]->joinable && threads[i] != self) t = threads[i];
    void *stack = t ? t->stack : new_stack();
    if (!t && n_threads == MOST_THREADS) abort();
    if (!t) threads[n_threads++] = t = calloc(1, sizeof *t);
    memset(t, 0, sizeof *t);
    t->stack = stack;
    t->process = p;
    t->number = number++;
    t->start = start;
    t->argument = argument;
    t->until_ns = SIM_FOREVER;
    t->at = -1;
    prepare(t);
    t->state = SIM_READY;
    enqueue(t);
    return t;
}

void sim_thread_end(void)
{
    sim_thread *me = self;
    dequeue(me);
    me->state = SIM_OVER;
    sim_wake(me->joiner);
    switch_to(*is_done ? NULL : pick());
    abort();
}

static void *run_process(void *process)
{
    sim_process *p = process;
    p->main(p->argument);
    sim_event("ends");
    sim_kill(p);
    return NULL;
}

sim_process *sim_spawn(const char *name, void (*main)(void *), void *argument)
{
    if (n_processes == MOST_PROCESSES) abort();
    sim_process *p = processes[n_processes++] = calloc(1, sizeof *p);
    (void)snprintf(p->name, sizeof p->name, "%s", name);
    p->main = main;
    p->argument = argument;
    p->lives = true;
    sim_thread_new(p, run_process, p);
    sim_event("%s begins", name);
    return p;
}

/* Its first thread, if it calls this, is at its end. */
void sim_kill(sim_process *p)
{
    if (!p->lives) return;
    p->lives = false;
    p->stopped_until = 0;
    for (int i = 0; i < n_threads; i++) {
        sim_thread *t = threads[i];
        if (t->process != p || t == self) continue;
        if (t->state != SIM_OVER) kernel->forget(t);
        dequeue(t);
        t->state = SIM_OVER;
        t->joinable = false;
    }
    kernel->close(p);
}

void sim_stop(sim_process *p, int64_t until_ns)
{
    if (!p->lives || until_ns <= now_ns) return;
    if (!p->stopped_until)
        for (int i = 0; i < n_threads; i++)
            if (threads[i]->process == p) dequeue(threads[i]);
    p->stopped_until = until_ns;
    sim_by(until_ns);
}

bool sim_lives(const sim_process *p)
{
    return p && p->lives;
}

const char *sim_name(const sim_process *p)
{
    return p->name;
}

sim_process *sim_self(void)
{
    return self ? self->process : NULL;
}

sim_thread *sim_thread_self(void)
{
    return self;
}

sim_thread *sim_thread_any(bool (*is_one)(const sim_thread *t, const void *what), const void *what, int *n)
{
    sim_thread *found = NULL;
    *n = 0;
    for (int i = 0; i < n_threads; i++)
        if (threads[i]->state == SIM_BLOCKED && is_one(threads[i], what) && sim_draw((uint64_t)++ * n) == 0)
            found = threads[i];
    return found;
}

/* ---- time ---- */

int64_t sim_now(void)
{
    /* A clock that was read twice has moved. */
    return last_ns = now_ns > last_ns ? now_ns : last_ns + 1;
}

void sim_sleep(int64_t ns)
{
    (void)sim_block("sleeps", now_ns + ns);
}

void sim_begin(uint64_t seed, bool trace, int64_t limit, const sim_kernel *k)
{
    sim_chance_begin(seed);
    kernel = k;
    traces = trace;
    limit_ns = limit;
    now_ns = SIM_S;
    next_ns = SIM_FOREVER;
    (void)dc_error_set(DC_EINVAL, "none yet");
    last_line = (char *)(uintptr_t)dc_last_error();
}

void sim_run(const bool *done)
{
    is_done = done;
    while (!*done)
        if (setjmp(home) == 0) become(pick());
}
