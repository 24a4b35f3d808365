/* process.h - child processes whose failures are not lost. */
#ifndef EXACT_PROCESS_H
#define EXACT_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { EX_MOST_PROCESSES = 16 };

typedef struct ex_processes {
    const char *directory; /* what they print goes to files there */
    int n;
    pid_t pid[EX_MOST_PROCESSES];
    char name[EX_MOST_PROCESSES][32];
} ex_processes;

/* ex_start - forks a process that runs body and exits with what it returns. body may exec. */
void ex_start(ex_processes *all, const char *name, int (*body)(void *), void *context);

/* ex_wait - waits for all of them. The first that fails ends the others; then false, and text has its name,
 * how it ended and the last line it printed. */
bool ex_wait(ex_processes *all, char *text, size_t size);

/* ex_free_ports - the first of n consecutive TCP ports that nobody listens on now. */
int ex_free_ports(int n);

#endif
