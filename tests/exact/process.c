/* process.c - see process.h. */
#include "exact/process.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void log_path(const ex_processes *all, int i, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s/log.%d", all->directory, i);
}

void ex_start(ex_processes *all, const char *name, int (*body)(void *), void *context)
{
    char path[PATH_MAX];
    const int i = all->n++;
    snprintf(all->name[i], sizeof all->name[i], "%s", name);
    log_path(all, i, path);
    fflush(NULL);
    const pid_t pid = fork();
    if (pid < 0) {
        perror("fork");
        exit(1);
    }
    if (pid > 0) {
        all->pid[i] = pid;
        return;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* not one of them outlives the test */
    const int log = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (log < 0 || dup2(log, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0) _exit(1);
    const int status = body(context);
    fflush(NULL);
    _exit(status);
}

static void last_line(const ex_processes *all, int i, char line[512])
{
    char path[PATH_MAX];
    log_path(all, i, path);
    snprintf(line, 512, "nothing");
    FILE *log = fopen(path, "r");
    for (char next[512]; log && fgets(next, sizeof next, log);) {
        next[strcspn(next, "\n")] = '\0';
        if (next[0]) memcpy(line, next, sizeof next);
    }
    if (log) fclose(log);
}

bool ex_wait(ex_processes *all, char *text, size_t size)
{
    bool ok = true;
    for (int left = all->n; left > 0; left--) {
        int status;
        const pid_t pid = wait(&status);
        int i = 0;
        while (i < all->n && all->pid[i] != pid)
            i++;
        if (pid < 0 || i == all->n) {
            perror("wait");
            exit(1);
        }
        all->pid[i] = 0;
        if (status == 0 || !ok) continue;
        ok = false;
        char line[512];
        last_line(all, i, line);
        snprintf(text, size, "%s ended with %s %d; it last said: %s", all->name[i],
                 WIFSIGNALED(status) ? "signal" : "status",
                 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), line);
        for (int k = 0; k < all->n; k++)
            if (all->pid[k] > 0) kill(all->pid[k], SIGKILL);
    }
    return ok;
}

static bool port_is_free(int port)
{
    const int s = socket(AF_INET, SOCK_STREAM, 0);
    const int yes = 1;
    const struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    const bool ok = s >= 0 && bind(s, (const struct sockaddr *)&at, sizeof at) == 0;
    if (s >= 0) close(s);
    return ok;
}

/* Ports are found free some time before a server listens there: so a block of them is one process's alone, which holds a socket of that name in
 * the abstract namespace. */
static bool take_block(int *held, int block)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    const int length = snprintf(at.sun_path + 1, sizeof at.sun_path - 1, "dynacomm-exact-ports-%d", block);
    if (*held >= 0) (void)close(*held);
    *held = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return *held >= 0 && bind(*held, (const struct sockaddr *)&at,
                              (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length)) == 0;
}

/* Below the range that the system takes outgoing ports from. */
int ex_free_ports(int n)
{
    enum { LOWEST = 10000, BLOCK = 16, BLOCKS = 1250 };
    static int held = -1, own = -1;
    for (int try = 0; try < BLOCKS; try++) {
        const int block = own >= 0 && try == 0 ? own : (int)((getpid() + try) % BLOCKS);
        if (block != own) own = take_block(&held, block) ? block : -1;
        if (own < 0) continue;
        int k = 0;
        while (k < n && port_is_free(LOWEST + BLOCK * own + k))
            k++;
        if (k == n) return LOWEST + BLOCK * own;
    }
    fprintf(stderr, "no %d consecutive TCP ports are free\n", n);
    exit(1);
}
