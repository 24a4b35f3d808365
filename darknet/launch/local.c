/* local.c - see local.h.
 *
 * DESIGN
 *   Under -dynacomm auto there is one worker here, rank 0, and the server listens for those of other
 * processes, without keys. Else the run has keys, in this process's locked memory alone: the server gets them by
 * its standard input, a worker its invitation by its environment, and they are wiped once all are started. Children run in process groups of their own, so that a Ctrl-C reaches them once, from here; they
 * are killed by the kernel if this process dies (PR_SET_PDEATHSIG). Worker 0 writes to our stdout and stderr;
 * the server and the other workers write to files in a temporary directory, whose last line is shown when
 * they fail. Signals are blocked and taken one by one with sigtimedwait, so nothing runs in a handler and no
 * child's end is missed. When a child fails, or a signal comes, the workers are asked to stop and then the
 * server, so that each ends by its own rules; what still runs after GRACE_S is killed. When all workers are
 * done the server has GRACE_S to write its last checkpoint. */
#include "launch/local.h"

#include "replace/fatal.h"
#include "kernels/kernels.h"
#include "launch/local_child.h"
#include "network/dialect.h"
#include "check/preflight.h"
#include "dynacomm_keys.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_WORKERS 64
#define GRACE_S 60
#define MAX_TMPDIR 50 /* the path of a Unix socket ends at 107 bytes */

typedef struct local {
    dk_child child[MAX_WORKERS + 1]; /* 0 = server, 1 + i = worker i */
    int n;
    char directory[96];
    int signal_number; /* the user's, 0 = none */
    int failed;        /* index of the first child that failed by itself, -1 = none */
    dc_run_keys *keys; /* until all are started; NULL: without keys */
} local;

int dk_local_workers(const dk_cli *cli)
{
    if (cli->serve) return 1;
    if (!cli->dynacomm || strncmp(cli->dynacomm, "local:", 6) != 0) return 0;
    char *end;
    const long n = strtol(cli->dynacomm + 6, &end, 10);
    if (*end != '\0' || end == cli->dynacomm + 6 || n < 1 || n > MAX_WORKERS)
        dk_die("-dynacomm %s: after local: comes the number of workers, 1 to %d", cli->dynacomm, MAX_WORKERS);
    return (int)n;
}

/* first: 0 = the server too, 1 = workers only. */
static void signal_all(local *l, int first, int number)
{
    for (int i = first; i < l->n; i++)
        if (l->child[i].pid > 0) kill(l->child[i].pid, number);
}

static int running(const local *l, int first)
{
    int n = 0;
    for (int i = first; i < l->n; i++)
        n += l->child[i].pid > 0;
    return n;
}

/* Takes every child that has ended. Returns the index of one that failed, or -1. */
static int reap(local *l)
{
    int failed = -1, status;
    for (int i = 0; i < l->n; i++) {
        if (l->child[i].pid <= 0 || waitpid(l->child[i].pid, &status, WNOHANG) != l->child[i].pid) continue;
        l->child[i].pid = 0;
        l->child[i].status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        if (l->child[i].status != 0 && failed < 0) failed = i;
    }
    return failed;
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Waits for all children; see DESIGN. set: SIGCHLD, SIGINT and SIGTERM, blocked. */
static void wait_all(local *l, const sigset_t *set)
{
    double deadline = 0; /* 0 = none yet; afterwards what still runs is killed */
    while (running(l, 0)) {
        struct timespec left = {.tv_sec = 3600};
        if (deadline > 0) {
            const double s = deadline - now_s() > 0 ? deadline - now_s() : 0;
            left = (struct timespec){.tv_sec = (time_t)s, .tv_nsec = (long)((s - (double)(time_t)s) * 1e9)};
        }
        const int number = sigtimedwait(set, NULL, &left);
        if (number == SIGINT || number == SIGTERM) {
            signal_all(l, l->signal_number ? 0 : 1, l->signal_number ? SIGKILL : number);
            l->signal_number = number;
        }
        const int failed = reap(l);
        if (failed >= 0 && l->failed < 0 && !l->signal_number) {
            l->failed = failed;
            signal_all(l, 1, SIGTERM);
        }
        const bool cut_short = l->failed >= 0 || l->signal_number;
        if (cut_short && !running(l, 1))
            signal_all(l, 0, SIGTERM); /* it may be waiting for workers to join */
        if (deadline == 0 && (cut_short || !running(l, 1))) deadline = now_s() + GRACE_S;
        if (deadline > 0 && now_s() >= deadline) {
            signal_all(l, 0, SIGKILL);
            deadline = now_s() + 1;
        }
    }
}

static void say_failed(const local *l)
{
    if (l->failed < 0) return;
    if (l->failed > 0 && l->child[1].status == 1) return; /* worker 0 has said why on our stderr */
    const dk_child *child = &l->child[l->failed];
    char line[1024];
    dk_child_last_line(child, line, sizeof line);
    const char *text = strncmp(line, "darknet: ", 9) == 0 ? line + 9 : line;
    char end[64];
    snprintf(end, sizeof end, child->status > 128 ? "killed by signal %d" : "ended with status %d",
             child->status > 128 ? child->status - 128 : child->status);
    if (l->failed == 0)
        dk_note("server: %s", *text ? text : end);
    else
        dk_note("worker %d: %s", l->failed - 1, *text && child->status < 128 ? text : end);
}

/* The server's standard input: a pipe has room for all that is in it. */
static int keys_to_read(dc_run_keys *keys)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        dk_note("cannot make a pipe: %s", strerror(errno));
        return -1; /* the server then finds no key, and ends */
    }
    dc_run_keys_to_server(keys, ends[1]);
    close(ends[1]);
    return ends[0];
}

static void start_server(local *l, const dk_cli *cli, int workers, const char *listen, const char *backup)
{
    const dk_handed handed = {.in = l->keys ? keys_to_read(l->keys) : -1};
    char count[16], every[64];
    snprintf(count, sizeof count, "%d", workers);
    const char *argv[16] = {"server",   "--listen", listen,      "--workers", count,
                            "--backup", backup,     "--on-loss", "end"};
    int n = 9;
    if (l->keys) {
        argv[n++] = "--key";
        argv[n++] = "-";
    } else {
        argv[n++] = "--insecure"; /* nobody hands out keys under mpirun and srun */
    }
    if (cli->clear) argv[n++] = "--fresh";
    dc_every_text(cli->backup_every, every, sizeof every);
    if (strcmp(every, "0") != 0) {
        argv[n++] = "--backup-every";
        argv[n++] = every;
    }
    dk_child_start(&l->child[l->n++], "dynacomm", (char *const *)(uintptr_t)argv, &handed, l->directory,
                   "server");
    if (handed.in >= 0) close(handed.in);
}

/* This command as worker number i. What is not set here is as the user gave it. */
static void start_worker(local *l, const dk_cli *cli, int threads, int i)
{
    char trace[4096], name[32], invitation[DC_INVITATION_LINE_BYTES];
    dk_handed handed = {.in = -1};
    dk_cli worker = *cli;
    if (l->keys) {
        const char *here = getenv("DYNACOMM"); /* needs no flag, and is another one there */
        dc_run_keys_to_worker(l->keys, i, invitation);
        handed.dynacomm = invitation;
        worker.dynacomm = here && *here ? here : NULL;
        worker.key = "none";
    }
    worker.rank = i;
    worker.shared_backup = true;
    worker.compute.threads = threads;
    worker.compute.dialect = (int)dk_dialect_selected();
    worker.compute.gpus = NULL; /* noted once, by this process */
    if (i > 0) {                /* the first worker's lines are the run's */
        worker.quiet = true;
        worker.log = NULL;
    }
    if (i > 0 && cli->trace) {
        snprintf(trace, sizeof trace, "%s.%d", cli->trace, i);
        worker.trace = trace;
    }
    snprintf(name, sizeof name, "worker-%d", i);
    char **argv = dk_cli_argv(&worker);
    dk_child_start(&l->child[l->n++], NULL, argv, &handed, l->directory, i ? name : NULL);
    free(argv);
    explicit_bzero(invitation, sizeof invitation);
}

static void start_all(local *l, const dk_cli *cli, int workers, const char *backup)
{
    char socket[128];
    snprintf(socket, sizeof socket, "ipc://%s/server", l->directory);
    const int share = dk_threads() / workers;
    if (!cli->serve && dc_run_keys_make(&l->keys, socket, workers)) {
        dk_child_clean(l->directory);
        dk_die("%s", dc_last_error());
    }
    start_server(l, cli, cli->serve ? cli->serve : workers, cli->serve ? cli->listen : socket, backup);
    for (int i = 0; i < workers && l->child[l->n - 1].pid > 0; i++)
        start_worker(l, cli, share > 0 ? share : 1, i);
    dc_run_keys_free(l->keys);
    l->keys = NULL;
}

int dk_local_run(const dk_cli *cli, const char *backup)
{
    const int workers = dk_local_workers(cli);
    dk_check_backup(backup);
    static local l;
    l = (local){.failed = -1};
    const char *tmp = getenv("TMPDIR");
    if (!tmp || strlen(tmp) > MAX_TMPDIR) tmp = "/tmp";
    snprintf(l.directory, sizeof l.directory, "%s/darknet-local-XXXXXX", tmp);
    if (!mkdtemp(l.directory)) dk_die("cannot make a directory in %s for local:%d", tmp, workers);

    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    start_all(&l, cli, workers, backup);
    if (l.child[l.n - 1].pid <= 0) {
        l.failed = l.n - 1;
        signal_all(&l, 0, SIGTERM);
    }
    wait_all(&l, &set);
    if (!l.signal_number) say_failed(&l);
    int status = 0;
    for (int i = 0; i < l.n; i++)
        if (l.child[i].status != 0 && status == 0) status = 1;
    dk_child_clean(l.directory);
    return l.signal_number ? 128 + l.signal_number : status;
}
