/* logfile.h - `-log FILE`: what the program and the library print goes into a file too. */
#ifndef DK_LOGFILE_H
#define DK_LOGFILE_H

#include <stdbool.h>
#include <stddef.h>

/* dk_logfile_open - from here on every line written to stdout and stderr is also in the file at path, which
 * is emptied first (not by a process that one with the same -log has started). Once, before threads start.
 * Returns 0, or an errno if the file cannot be written: then the program has to end. */
int dk_logfile_open(const char *path);

/* dk_logfile_path - the path, or NULL when there is no log file. */
const char *dk_logfile_path(void);

/* dk_logfile_add - writes text into the file only. Nothing happens without one. Any thread. */
void dk_logfile_add(const char *text, size_t size);

/* dk_logfile_hold - while true, what is written to stderr stays
 * out of the file: it is kept back, and may be dropped. */
void dk_logfile_hold(bool hold);

#endif
