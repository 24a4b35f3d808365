/* launch_run.c - the processes of dynacomm launch, until the last has ended; see launch.h.
 *
 * DESIGN
 *   One thread and one poll: a signalfd (SIGCHLD, and the user's), and two pipes per child. A child is waited
 * for by its pid; what its pipes hold then is copied before they are closed, so that no last line is lost and
 * no grandchild that keeps a pipe open is waited for. Children die with this process (PR_SET_PDEATHSIG);
 * remote ones see the end of their stdin. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "tool/launch.h"

#define GRACE_S 20 /* between the request to stop and SIGKILL */

typedef struct run {
    dc__launched *child;
    int n;
    int signal_number; /* the user's, 0 = none */
    bool stopping;     /* the others were asked to */
    int worst;
    int64_t deadline_ns; /* then what still runs is killed; 0 = none */
} run;

static void become(const int *in, const int *out, const int *err, pid_t parent)
{
    (void)setpgid(0, 0);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(1); /* it died before prctl */
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)dup2(in[0], STDIN_FILENO);
    (void)dup2(out[1], STDOUT_FILENO);
    (void)dup2(err[1], STDERR_FILENO);
}

dc_error dc__launch_start(dc__launched *child, char *const *argv)
{
    int in[2], out[2], err[2];
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0)
        return dc__fail(DC_ENOMEM, "cannot make a pipe: %s", strerror(errno));
    const pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        become(in, out, err, parent);
        (void)execvp(argv[0], argv);
        (void)fprintf(stderr, "cannot run %s: %s\n", argv[0], strerror(errno));
        (void)fflush(stderr);
        _exit(127);
    }
    (void)close(in[0]);
    (void)close(out[1]);
    (void)close(err[1]);
    if (pid < 0) return dc__fail(DC_ENOMEM, "cannot start another process: %s", strerror(errno));
    child->pid = pid;
    child->in = in[1];
    child->out[0].fd = out[0];
    child->out[1].fd = err[0];
    (void)fcntl(out[0], F_SETFL, O_NONBLOCK);
    (void)fcntl(err[0], F_SETFL, O_NONBLOCK);
    return DC_OK;
}

void dc__launch_signals(sigset_t *set)
{
    (void)signal(SIGPIPE, SIG_IGN);
    (void)sigemptyset(set);
    (void)sigaddset(set, SIGCHLD);
    (void)sigaddset(set, SIGINT);
    (void)sigaddset(set, SIGTERM);
    (void)sigaddset(set, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, set, NULL);
}

static void send_signal(dc__launched *child, int number)
{
    if (child->pid == 0) return;
    if (number == SIGKILL || !child->remote) {
        (void)kill(-child->pid, number);
        return;
    }
    const char *line = number == SIGINT ? "INT\n" : "TERM\n";
    (void)!write(child->in, line, strlen(line)); /* if it is gone, its end is on the way */
}

static void signal_workers(run *r, int number)
{
    for (int i = 0; i < r->n; i++)
        if (!r->child[i].server) send_signal(&r->child[i], number);
}

static void signal_server(run *r, int number)
{
    for (int i = 0; i < r->n; i++)
        if (r->child[i].server) send_signal(&r->child[i], number);
}

static int running(const run *r, bool server)
{
    int n = 0;
    for (int i = 0; i < r->n; i++)
        n += r->child[i].pid > 0 && r->child[i].server == server;
    return n;
}

/* ---- lines ---- */

static void put_line(const dc__launched *child, int stream, const char *text, size_t n)
{
    FILE *to = stream ? stderr : stdout;
    (void)fprintf(to, "%s: %.*s\n", child->label, (int)n, text);
}

/* Copies what the pipe holds, whole lines first. at_end: also a last line without an end. */
static void copy(dc__launched *child, int stream, bool at_end)
{
    struct dc__pipe *p = &child->out[stream];
    ssize_t got;
    while (p->fd >= 0 && (got = read(p->fd, p->line + p->n, sizeof p->line - p->n)) != 0) {
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && errno == EAGAIN && !at_end) break;
        if (got < 0) got = 0;
        if (got == 0) break;
        p->n += (size_t)got;
        size_t begin = 0;
        for (const char *end; (end = memchr(p->line + begin, '\n', p->n - begin));) {
            put_line(child, stream, p->line + begin, (size_t)(end - p->line) - begin);
            begin = (size_t)(end - p->line) + 1;
        }
        if (begin == 0 && p->n == sizeof p->line) { /* longer than we keep: in pieces */
            put_line(child, stream, p->line, p->n);
            begin = p->n;
        }
        p->n -= begin;
        memmove(p->line, p->line + begin, p->n);
    }
    if (at_end && p->n > 0) put_line(child, stream, p->line, p->n);
    if (at_end) p->n = 0;
    (void)fflush(stream ? stderr : stdout);
}

static void close_pipes(dc__launched *child)
{
    for (int k = 0; k < 2; k++) {
        copy(child, k, true);
        if (child->out[k].fd >= 0) (void)close(child->out[k].fd);
        child->out[k].fd = -1;
    }
    if (child->in >= 0) (void)close(child->in);
    child->in = -1;
}

/* ---- ends ---- */

static void say_failed(const dc__launched *child)
{
    if (child->status > 128 && !child->remote)
        (void)fprintf(stderr, "dynacomm launch: %s: killed by signal %d\n", child->label,
                      child->status - 128);
    else
        (void)fprintf(stderr, "dynacomm launch: %s: ended with status %d%s\n", child->label, child->status,
                      child->remote && child->status == 255 ? ": the host could not be reached, or left"
                                                            : "");
}

static void reap(run *r)
{
    for (int i = 0; i < r->n; i++) {
        dc__launched *child = &r->child[i];
        int status;
        if (child->pid == 0 || waitpid(child->pid, &status, WNOHANG) != child->pid) continue;
        child->pid = 0;
        child->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        close_pipes(child);
        if (child->status == 0 || r->stopping) continue;
        say_failed(child);
        if (child->status > r->worst) r->worst = child->status;
    }
}

/* What follows from who has ended. */
static void decide(run *r)
{
    const int64_t grace_ns = (int64_t)GRACE_S * 1000000000;
    if (r->worst && !r->stopping) {
        r->stopping = true;
        signal_workers(r, SIGTERM);
        r->deadline_ns = dc__now_ns() + grace_ns;
    }
    if (running(r, false) == 0) {
        if (r->stopping) signal_server(r, SIGTERM);                        /* it may be waiting for workers */
        if (!r->deadline_ns) r->deadline_ns = dc__now_ns() + 3 * grace_ns; /* to write its last checkpoint */
    }
    if (r->deadline_ns && dc__now_ns() >= r->deadline_ns) {
        if (!r->worst && !r->signal_number) {
            (void)fprintf(stderr, "dynacomm launch: the server did not end after its workers\n");
            r->worst = 1;
        }
        r->stopping = true;
        signal_workers(r, SIGKILL);
        signal_server(r, SIGKILL);
        r->deadline_ns = dc__now_ns() + grace_ns;
    }
}

static void take_signal(run *r, int fd)
{
    struct signalfd_siginfo info;
    if (read(fd, &info, sizeof info) != sizeof info || info.ssi_signo == SIGCHLD) return;
    const bool again = r->signal_number != 0;
    r->signal_number = (int)info.ssi_signo;
    r->stopping = true;
    signal_workers(r, again ? SIGKILL : r->signal_number);
    if (again) signal_server(r, SIGKILL);
    r->deadline_ns = dc__now_ns() + (int64_t)GRACE_S * 1000000000;
}

static int poll_timeout(const run *r)
{
    if (!r->deadline_ns) return -1;
    const int64_t left = (r->deadline_ns - dc__now_ns()) / 1000000 + 1;
    return left > 0 ? (int)left : 0;
}

int dc__launch_wait(dc__launched *children, int n, const sigset_t *set)
{
    run r = {.child = children, .n = n};
    struct pollfd *fds = calloc(1 + 2 * (size_t)n, sizeof *fds);
    const int signals = signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (!fds || signals < 0) {
        (void)fprintf(stderr, "dynacomm launch: cannot wait for processes: %s\n", strerror(errno));
        r.stopping = true;
        r.worst = 1;
        signal_workers(&r, SIGKILL);
        signal_server(&r, SIGKILL);
    }
    reap(&r); /* those that ended before the descriptor was there */
    decide(&r);
    while (fds && signals >= 0 && running(&r, false) + running(&r, true) > 0) {
        fds[0] = (struct pollfd){.fd = signals, .events = POLLIN};
        for (int i = 0; i < 2 * n; i++)
            fds[1 + i] = (struct pollfd){.fd = children[i / 2].out[i % 2].fd, .events = POLLIN};
        if (poll(fds, 1 + 2 * (nfds_t)n, poll_timeout(&r)) < 0 && errno != EINTR) break;
        for (int i = 0; i < 2 * n; i++) {
            if (fds[1 + i].fd < 0 || !fds[1 + i].revents) continue;
            const bool end = (fds[1 + i].revents & (POLLHUP | POLLERR)) && !(fds[1 + i].revents & POLLIN);
            copy(&children[i / 2], i % 2, end);
            if (!end) continue;
            (void)close(children[i / 2].out[i % 2].fd);
            children[i / 2].out[i % 2].fd = -1;
        }
        if (fds[0].revents) take_signal(&r, signals);
        reap(&r);
        decide(&r);
    }
    if (signals >= 0) (void)close(signals);
    free(fds);
    return r.signal_number ? 128 + r.signal_number : r.worst;
}
