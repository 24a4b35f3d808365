/* local_child.c - see local_child.h. */
#include "launch/local_child.h"

#include "replace/fatal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* The path of program beside this executable, or its bare name for a search on PATH. */
static void find_program(const char *program, char *path, size_t size)
{
    char self[PATH_MAX];
    const ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n > 0) {
        self[n] = '\0';
        if (!program) {
            snprintf(path, size, "%s", self);
            return;
        }
        char *slash = strrchr(self, '/');
        if (slash) {
            *slash = '\0';
            snprintf(path, size, "%.3000s/%s", self, program);
            if (access(path, X_OK) == 0) return;
        }
    }
    snprintf(path, size, "%s", program ? program : "darknet");
}

/* Between fork and exec: own group, death with the parent, signals as a program expects them, input and output. */
static void become(pid_t parent, const dk_handed *handed, const char *log)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(1); /* it died before prctl */
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    const int in = handed->in >= 0 ? handed->in : open("/dev/null", O_RDONLY);
    if (in == STDIN_FILENO)
        fcntl(in, F_SETFD, 0); /* it was the first free one */
    else if (in >= 0)
        dup2(in, STDIN_FILENO);
    if (handed->dynacomm && setenv("DYNACOMM", handed->dynacomm, 1) != 0) _exit(1);
    if (!*log) return;
    const int out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (out < 0) _exit(1);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
}

void dk_child_start(dk_child *child, const char *program, char *const *args, const dk_handed *handed,
                    const char *directory, const char *name)
{
    *child = (dk_child){0};
    if (name) snprintf(child->log, sizeof child->log, "%s/%s.log", directory, name);
    char path[PATH_MAX];
    find_program(program, path, sizeof path);
    size_t n = 0;
    while (args[n])
        n++;
    char **argv = calloc(n + 2, sizeof *argv);
    if (!argv) dk_die("out of memory");
    argv[0] = (char *)(uintptr_t)(program ? program : "darknet");
    memcpy(argv + 1, args, n * sizeof *argv);
    fflush(stdout);
    fflush(stderr);
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid == 0) {
        become(parent, handed, child->log);
        execvp(path, argv);
        fprintf(stderr, "cannot start %s: %s (put it beside this program or on PATH)\n", path,
                strerror(errno));
        fflush(stderr);
        _exit(127);
    }
    free(argv);
    child->pid = pid > 0 ? pid : 0;
    child->status = pid > 0 ? 0 : 1;
    if (pid < 0) dk_note("cannot start another process: %s", strerror(errno));
}

/* What a program says of its own end. Its standard output may be flushed after it. */
static bool is_error(const char *text)
{
    return strncmp(text, "darknet: ", 9) == 0 || strncmp(text, "dynacomm ", 9) == 0;
}

void dk_child_last_line(const dk_child *child, char *line, size_t size)
{
    bool error = false;
    line[0] = '\0';
    FILE *file = *child->log ? fopen(child->log, "r") : NULL;
    if (!file) return;
    char *text = NULL;
    size_t room = 0;
    while (getline(&text, &room, file) > 0) {
        text[strcspn(text, "\r\n")] = '\0';
        if (!*text || (error && !is_error(text))) continue;
        error = is_error(text);
        snprintf(line, size, "%s", text);
    }
    free(text);
    fclose(file);
}

void dk_child_clean(const char *directory)
{
    DIR *dir = opendir(directory);
    for (struct dirent *entry; dir && (entry = readdir(dir));)
        if (entry->d_name[0] != '.') unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir) closedir(dir);
    rmdir(directory);
}
