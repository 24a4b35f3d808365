/* main.c - simulate [--trace] [--jobs N] [--twice] SEED | FIRST-LAST: seeded schedules of a server and its workers as they are, with what
 * happens to machines on edges. Each seed is run in a process of its own; one that fails is named with the command that
 * repeats it. --twice runs each seed a second time, and compares the traces. The files of a seed that fails with --trace stay; all others
 * are removed by a process of their own, which outlives these whatever ends them. */
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/floatmode.h"
#include "base/quantity.h"
#include "sim/run.h"

#define FAILED_MOST 64
#define JOBS_MOST 1024
#define USAGE "simulate [--trace] [--twice] [--jobs N] SEED | FIRST-LAST"

/* What the processes of this program share. */
typedef struct shared {
    _Atomic uint64_t next, passed;
    _Atomic uint64_t failed[FAILED_MOST];
    _Atomic uint32_t n_failed;
    _Atomic bool keeps; /* somebody wants to look at the files */
    _Atomic uint64_t count[sizeof(sim_count) / sizeof(uint64_t)];
} shared;

static shared *all;
static char root[64]; /* of all files */
static bool traces, twice;
static const char *program;

static void add_counts(const sim_count *c)
{
    uint64_t numbers[sizeof *c / sizeof(uint64_t)];
    memcpy(numbers, c, sizeof numbers);
    for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
        all->count[k] += numbers[k];
}

/* In a process of its own: 0 if all is as it must be. The trace's hash goes to `to`. */
static int run_seed(uint64_t seed, const char *dir, int to)
{
    static sim_plan plan;
    static sim_run_state state;
    char why[700] = "", text[2048];
    dc__flush_denormals();
    sim_plan_draw(&plan, seed);
    state.plan = &plan;
    state.dir = dir;
    sim_plan_text(&plan, text, sizeof text);
    if (traces) (void)fprintf(stderr, "seed %llu: %s\n", (unsigned long long)seed, text);
    const bool ok = sim_play(&state, seed, traces, why, sizeof why) && sim_check(&state, why, sizeof why);
    const uint64_t hash = sim_hash();
    if (!ok) (void)fprintf(stderr, "%s\n%s\n", text, why);
    if (traces)
        (void)fprintf(stderr, "%llu steps, trace %016llx\n", (unsigned long long)sim_steps(),
                      (unsigned long long)hash);
    add_counts(&state.count);
    return write(to, &hash, sizeof hash) == sizeof hash && ok ? 0 : 1;
}

static int remove_one(const char *path, const struct stat *unused, int kind, struct FTW *at)
{
    (void)unused;
    (void)at;
    return kind == FTW_DP ? rmdir(path) : unlink(path);
}

static void remove_all(const char *dir)
{
    if (nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS) != 0) (void)fprintf(stderr, "cannot remove %s\n", dir);
}

/* Out of reach of what ends the others: waits until the last of them has gone, and `alive` with it. */
static void clean_up(int alive)
{
    char byte;
    (void)setsid();
    (void)close(STDOUT_FILENO);
    (void)close(STDERR_FILENO);
    while (read(alive, &byte, 1) < 0 && errno == EINTR) {
    }
    if (!all->keeps) remove_all(root);
    _exit(0);
}

/* The process that cleans up; *alive: to be closed before it is waited for. */
static pid_t begin_files(int *alive)
{
    int ends[2];
    (void)snprintf(root, sizeof root, "%s/dynacomm-sim-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(root) || pipe(ends) != 0) abort();
    const pid_t cleaner = fork();
    if (cleaner < 0) abort();
    (void)close(ends[cleaner ? 0 : 1]);
    if (cleaner == 0) clean_up(ends[0]);
    *alive = ends[1];
    return cleaner;
}

/* Whether it is as it must be. */
static bool try_seed(uint64_t seed, const char *dir, uint64_t *hash)
{
    int ends[2], status;
    if (pipe(ends) != 0) abort();
    const pid_t child = fork();
    if (child < 0) abort();
    if (child == 0) _exit(run_seed(seed, dir, ends[1]));
    (void)close(ends[1]);
    *hash = 0;
    const bool said = read(ends[0], hash, sizeof *hash) == sizeof *hash;
    (void)close(ends[0]);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFSIGNALED(status))
        (void)fprintf(stderr, "seed %llu: signal %d\n", (unsigned long long)seed, WTERMSIG(status));
    return said && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void fail(uint64_t seed, const char *why)
{
    (void)printf("not ok simulate: seed %llu%s; repeat it with: %s --trace %llu\n", (unsigned long long)seed,
                 why, program, (unsigned long long)seed);
    (void)fflush(stdout);
    const uint32_t n = all->n_failed++;
    if (n < FAILED_MOST) all->failed[n] = seed;
}

/* With a directory of its own. */
static bool try_alone(uint64_t seed, int job, uint64_t *hash)
{
    char dir[80];
    (void)snprintf(dir, sizeof dir, "%s/%d", root, job);
    if (mkdir(dir, 0777) != 0) abort();
    const bool ok = try_seed(seed, dir, hash);
    if (ok || !traces) {
        remove_all(dir);
    } else {
        all->keeps = true;
        (void)fprintf(stderr, "%s is kept\n", dir);
    }
    return ok;
}

/* For as long as the parent lives. */
static void work(uint64_t last, int job, pid_t parent)
{
    uint64_t seed, first, second;
    while (getppid() == parent && (seed = all->next++) <= last && all->n_failed < FAILED_MOST) {
        const bool ok = try_alone(seed, job, &first);
        if (!ok) fail(seed, "");
        if (traces && !ok) break;
        if (ok && twice && (!try_alone(seed, job, &second) || first != second))
            fail(seed, " took another course the second time");
        all->passed += ok;
    }
}

static void report(uint64_t first, uint64_t last)
{
    sim_count c;
    uint64_t numbers[sizeof c / sizeof(uint64_t)];
    for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
        numbers[k] = all->count[k];
    memcpy(&c, numbers, sizeof c);
    (void)printf("seeds %llu-%llu: %llu are as they must be, %u are not\n", (unsigned long long)first,
                 (unsigned long long)last, (unsigned long long)all->passed, (unsigned)all->n_failed);
    (void)printf(
        "%llu rounds, %llu steps: %llu killed, %llu without power, %llu stopped, %llu links cut, %llu asked to leave, %llu slow "
        "disks, %llu full disks, %llu started again after an error\n",
        (unsigned long long)c.rounds, (unsigned long long)c.steps, (unsigned long long)c.deeds[SIM_KILL],
        (unsigned long long)c.deeds[SIM_POWER], (unsigned long long)c.deeds[SIM_STOP],
        (unsigned long long)c.deeds[SIM_CUT], (unsigned long long)c.deeds[SIM_LEAVE],
        (unsigned long long)c.deeds[SIM_SLOW_DISK], (unsigned long long)c.deeds[SIM_FULL_DISK],
        (unsigned long long)c.restarts);
    (void)printf(
        "%llu servers went on from a checkpoint, %llu workers joined anew, %llu came back into their round, %llu came late, "
        "%llu rounds went on without one; %llu runs with parts of a round; %llu runs equal an undisturbed one\n"
        "%llu times a run went back to a checkpoint, %llu times images were given to others, %llu gradients were left out, "
        "%llu workers heard of the end from another process of the server, %llu times workers stepped alone another number of batches, "
        "%llu workers did not hear of the end, %llu were there twice\n",
        (unsigned long long)c.resumed, (unsigned long long)c.rejoined, (unsigned long long)c.back,
        (unsigned long long)c.entered, (unsigned long long)c.passed, (unsigned long long)c.partial,
        (unsigned long long)c.undisturbed, (unsigned long long)c.went_back, (unsigned long long)c.balanced,
        (unsigned long long)c.bad, (unsigned long long)c.told, (unsigned long long)c.stepped,
        (unsigned long long)c.unheard, (unsigned long long)c.twins);
}

/* Many seeds see everything happen now and then: else they test nothing. */
static bool has_seen_all(uint64_t seeds)
{
    sim_count c;
    uint64_t numbers[sizeof c / sizeof(uint64_t)];
    for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
        numbers[k] = all->count[k];
    memcpy(&c, numbers, sizeof c);
    bool seen = c.resumed > seeds / 10 && c.rejoined > seeds / 10 && c.back > seeds / 20 &&
                c.entered > seeds / 50 && c.passed > seeds / 100 && c.partial > seeds / 200 &&
                c.undisturbed > seeds / 4 && c.went_back > seeds / 100 && c.balanced > seeds / 200 &&
                c.bad > seeds / 100 && c.stepped > seeds / 100 && c.unheard > seeds / 200 &&
                c.twins > seeds / 20;
    for (int k = SIM_KILL; k <= SIM_FULL_DISK; k++)
        seen = seen && c.deeds[k] > seeds / 100;
    if (!seen) (void)printf("not ok simulate: too little happened\n");
    return seen;
}

static dc_error take_seeds(const char *text, uint64_t *first, uint64_t *last)
{
    char number[32];
    const size_t n = strcspn(text, "-");
    (void)snprintf(number, sizeof number, "%.*s", (int)n, text);
    dc_error err = dc__parse_whole("SEED", number, 0, UINT64_MAX - 1, first);
    *last = *first;
    if (!err && text[n]) err = dc__parse_whole("LAST of FIRST-LAST", text + n + 1, 0, UINT64_MAX - 1, last);
    if (!err && *last < *first)
        err = dc__fail(DC_EINVAL, "the seeds %.80s go down: write the smaller one first", text);
    return err;
}

static dc_error take_arguments(int argc, char **argv, int *jobs, uint64_t *first, uint64_t *last)
{
    dc_error err = DC_OK;
    int at = 1;
    for (; !err && at < argc && argv[at][0] == '-'; at++) {
        if (strcmp(argv[at], "--trace") == 0)
            traces = true;
        else if (strcmp(argv[at], "--twice") == 0)
            twice = true;
        else if (strcmp(argv[at], "--jobs") == 0 && at + 1 < argc)
            err = dc__parse_integer("--jobs", argv[++at], 1, JOBS_MOST, jobs);
        else
            err = dc__fail(DC_EINVAL, "%.80s is no option, or lacks its number: " USAGE, argv[at]);
    }
    if (!err && at < argc) err = take_seeds(argv[at++], first, last);
    if (!err && at < argc) err = dc__fail(DC_EINVAL, "%.80s is one word too many: " USAGE, argv[at]);
    return err;
}

int main(int argc, char **argv)
{
    uint64_t first = 1, last = 100;
    int jobs = 1;
    program = argv[0];
    if (take_arguments(argc, argv, &jobs, &first, &last)) {
        (void)fprintf(stderr, "simulate: %s\n", dc_last_error());
        return 2;
    }
    all = mmap(NULL, sizeof *all, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED) return 1;
    all->next = first;
    int alive;
    const pid_t self = getpid(), cleaner = begin_files(&alive);
    for (int k = 0; k < jobs; k++)
        if (fork() == 0) {
            work(last, k, self);
            _exit(0);
        }
    for (int left = jobs; left > 0;) {
        const pid_t ended = wait(NULL);
        if (ended < 0 && errno != EINTR) break;
        left -= ended > 0 && ended != cleaner;
    }
    (void)close(alive);
    while (waitpid(cleaner, NULL, 0) < 0 && errno == EINTR) {
    }
    report(first, last);
    const uint64_t seeds = last - first + 1;
    return all->n_failed > 0 || all->passed != seeds || (seeds >= 1000 && !has_seen_all(seeds));
}
