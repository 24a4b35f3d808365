/* local_child.h - one process of a local:N run. Private to local.c. */
#ifndef DK_LOCAL_CHILD_H
#define DK_LOCAL_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

typedef struct dk_child {
    pid_t pid;     /* 0 = has ended */
    int status;    /* its exit status, 128 + signal if killed */
    char log[128]; /* file with its output; empty if that is ours */
} dk_child;

/* What a process gets beside its command line, which every user can read: its standard input (-1: empty), and DYNACOMM in its
 * environment (NULL: as it is here). */
typedef struct dk_handed {
    int in;
    const char *dynacomm;
} dk_handed;

/* dk_child_start - runs program (NULL: this one; else the one of that name beside this one, or on PATH) with
 * the arguments args, NULL-terminated, without argv[0]. Output goes to directory/name.log, or to ours if name
 * is NULL. If it cannot be started pid is 0 and status is not. */
void dk_child_start(dk_child *child, const char *program, char *const *args, const dk_handed *handed,
                    const char *directory, const char *name);

/* dk_child_last_line - the last line of the child's log that says why it ended, or else the last that is not empty, "" if there
 * is none. */
void dk_child_last_line(const dk_child *child, char *line, size_t size);

/* dk_child_clean - removes the directory and the files in it. */
void dk_child_clean(const char *directory);

#endif
