/* launch.h - the parts of dynacomm launch. */
#ifndef DC__LAUNCH_H
#define DC__LAUNCH_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "dynacomm.h"

/* A host file: one entry per worker, in rank order; names are the struct's. */
typedef struct dc__hosts {
    char *name[DC_MAX_WORKERS];
    int n;
} dc__hosts;

/* dc__hosts_read - reads lines of "HOST [slots=N]", as mpirun's; '#' begins a comment. per_host: workers on
 * each host whatever its slots, 0 = its slots. DC_EFILE, or DC_EFORMAT with the line. The caller frees hosts
 * with dc__hosts_free, in both cases. */
dc_error dc__hosts_read(dc__hosts *hosts, const char *path, int per_host);
void dc__hosts_free(dc__hosts *hosts);

/* dc__quote - s as one word of a POSIX shell; the caller frees it. NULL if memory is short. */
char *dc__quote(const char *s);

/* dc__remote_command - what a remote login shell is given to run argv (argc words) in directory with the
 * variables (NAME=VALUE, NULL-terminated). It runs in a process group of its own; each line on its stdin is
 * the name of a signal for that group, and the end of stdin is TERM: nothing stays behind when the connection
 * ends. Secrets do not stand on command lines: fed says what comes before these lines. The caller frees it. NULL if
 * memory is short. */
typedef enum dc__fed {
    DC__FED_NOTHING,
    DC__FED_DYNACOMM, /* a line: the value of DYNACOMM */
    DC__FED_LINES     /* lines to "end": the command's stdin */
} dc__fed;
char *dc__remote_command(const char *directory, const char *const *variables, char *const *argv, int argc,
                         dc__fed fed);

/* One process that is waited for. */
typedef struct dc__launched {
    char label[96]; /* before each of its lines */
    bool server;
    bool remote; /* signals go through its stdin */
    pid_t pid;   /* 0 = has ended */
    int status;  /* 128 + signal if killed */
    int in;      /* its stdin, -1 = none */
    struct dc__pipe {
        int fd; /* its stdout and stderr, -1 = ended */
        size_t n;
        char line[4096]; /* without an end yet */
    } out[2];
} dc__launched;

/* dc__launch_start - starts argv (searched on PATH) as a process group of its own, with pipes for its three
 * streams. label, server and remote must be set, the descriptors -1. DC_ENOMEM if it cannot. */
dc_error dc__launch_start(dc__launched *child, char *const *argv);

/* dc__launch_signals - blocks the signals that dc__launch_wait takes. Before the first dc__launch_start. */
void dc__launch_signals(sigset_t *set);

/* dc__launch_wait - waits for all n children, copying their lines to our stdout and stderr behind their
 * labels. When one fails the others are asked to stop; Ctrl-C and SIGTERM are passed on; what then still runs
 * after a while is killed. The server is the last to be stopped. Returns the exit status: 128 + signal, or
 * the largest of those that ended by themselves. Says on stderr which one failed. */
int dc__launch_wait(dc__launched *children, int n, const sigset_t *set);

#endif
