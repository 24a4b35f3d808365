/* local_child.c - see local_child.h. */
#include "launch/local_child.h"

#include "replace/fatal.h"
#include "replace/logfile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
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

/* Between fork and exec: own group, death with the parent, signals as a program expects them, output. */
static void become(pid_t parent, const char *log)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(1); /* it died before prctl */
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    const int in = open("/dev/null", O_RDONLY);
    if (in >= 0) dup2(in, STDIN_FILENO);
    if (!*log) return;
    const int out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (out < 0) _exit(1);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
}

void dk_child_start(dk_child *child, const char *program, const char *const *args, const char *directory,
                    const char *name)
{
    *child = (dk_child){0};
    if (name) snprintf(child->log, sizeof child->log, "%s/%s.log", directory, name);
    char path[PATH_MAX];
    find_program(program, path, sizeof path);
    const char *argv[72] = {program ? program : "darknet"};
    for (int i = 0; i < 70 && args[i]; i++)
        argv[i + 1] = args[i];
    fflush(stdout);
    fflush(stderr);
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid == 0) {
        become(parent, child->log);
        execvp(path, (char *const *)argv);
        fprintf(stderr, "cannot start %s: %s (put it beside this program or on PATH)\n", path,
                strerror(errno));
        fflush(stderr);
        _exit(127);
    }
    child->pid = pid > 0 ? pid : 0;
    child->status = pid > 0 ? 0 : 1;
    if (pid < 0) dk_note("cannot start another process: %s", strerror(errno));
}

int dk_child_worker_argv(const dk_cli *cli, const char **argv, const char *url, const char *threads,
                         const char *trace, const char *rank)
{
    static char seed[32], rounds[32], every[32], loaders[32], timeout[32], epochs[32], thresh[32], iou[32],
        points[32];
    int n = 0;
    for (int i = 0; i < cli->n_words; i++)
        argv[n++] = cli->words[i];
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)cli->seed);
    snprintf(rounds, sizeof rounds, "%llu", (unsigned long long)cli->rounds);
    snprintf(every, sizeof every, "%llu", (unsigned long long)cli->backup_every);
    snprintf(loaders, sizeof loaders, "%d", cli->loaders);
    snprintf(epochs, sizeof epochs, "%d", cli->map_epochs);
    snprintf(thresh, sizeof thresh, "%.9g", (double)cli->thresh);
    snprintf(iou, sizeof iou, "%.9g", (double)cli->iou);
    snprintf(points, sizeof points, "%d", cli->points);
    snprintf(timeout, sizeof timeout, "%d", cli->timeout_s);
    const struct {
        bool given;
        const char *flag, *value;
    } flags[] = {{true, "-dynacomm", url},
                 {true, "-dynacomm-strategy", dc_strategy_name(cli->strategy)},
                 {true, "-dynacomm-shared-backup", NULL},
                 {true, "-dynacomm-rank", rank},
                 {trace != NULL, "-dynacomm-trace", trace},
                 {cli->timeout_s > 0, "-dynacomm-timeout", timeout},
                 {true, "-seed", seed},
                 {true, "-threads", threads},
                 {true, "-kernels", cli->kernels},
                 {cli->memory_low, "-memory", "low"},
                 {cli->allow_unused, "-allow-unused", NULL},
                 {cli->rounds > 0, "-rounds", rounds},
                 {cli->backup_every > 0, "-backup-every", every},
                 {cli->loaders > 0, "-loaders", loaders},
                 {dk_logfile_path() && strcmp(rank, "0") == 0, "-log", dk_logfile_path()},
                 {cli->clear, "-clear", NULL},
                 {cli->force, "-force", NULL},
                 {cli->map, "-map", NULL},
                 {cli->map_epochs > 0, "-mAP_epochs", epochs},
                 {cli->map, "-thresh", thresh},
                 {cli->map, "-iou_thresh", iou},
                 {cli->map, "-points", points},
                 {cli->quiet || strcmp(rank, "0") != 0, "-quiet", NULL}};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        if (!flags[i].given) continue;
        argv[n++] = flags[i].flag;
        if (flags[i].value) argv[n++] = flags[i].value;
    }
    return n;
}

void dk_child_last_line(const dk_child *child, char *line, size_t size)
{
    line[0] = '\0';
    FILE *file = *child->log ? fopen(child->log, "r") : NULL;
    if (!file) return;
    char *text = NULL;
    size_t room = 0;
    while (getline(&text, &room, file) > 0) {
        text[strcspn(text, "\r\n")] = '\0';
        if (*text) snprintf(line, size, "%s", text);
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
