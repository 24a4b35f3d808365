/* fatal.c - messages, and the library's exits made ours.
 *
 * DESIGN
 *   libdarknet stops on a missing file with exit(0), on an error with abort() or a perror of an unrelated
 * errno, and on a cfg that does not fit with a bare assertion. Its calls go through the PLT, so the functions
 * of the same names below replace them. While a cfg is read, stderr is pointed at a memory file: the layer
 * table is shown only if the cfg turns out to be good, so that a bad one gives exactly one line. */
#include "replace/fatal.h"

#include "replace/logfile.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define LIBRARY_ENTRY __attribute__((visibility("default")))

static int saved_stderr = -1; /* where stderr really goes while chatter is held */
static int chatter = -1;
static pthread_t holder; /* the thread that holds it */
static const char *subject_held;

static atomic_bool progress_drawn;

void dk_drawn(bool drawn)
{
    atomic_store(&progress_drawn, drawn);
}

void dk_log(const char *who, const char *line)
{
    char text[2400];
    const bool wipe = atomic_load(&progress_drawn) && isatty(STDERR_FILENO);
    snprintf(text, sizeof text, "%s%s: %s", wipe ? "\r\033[K" : "", who, line);
    for (char *p = text + wipe; *p; p++) /* one message, one line: a path may hold anything */
        if (*p == '\n' || *p == '\r') *p = ' ';
    fflush(stderr);
    const char *plain = wipe ? text + strlen("\r\033[K") : text;
    char logged[sizeof text + 1];
    dk_logfile_add(logged, (size_t)snprintf(logged, sizeof logged, "%s\n", plain));
    dprintf(saved_stderr >= 0 && !pthread_equal(holder, pthread_self()) ? saved_stderr : STDERR_FILENO,
            "%s\n", text);
}

static void say(const char *format, va_list args)
{
    char line[2048];
    vsnprintf(line, sizeof line, format, args);
    dk_log("darknet", line);
}

void dk_chatter_drop(void)
{
    if (saved_stderr < 0) return;
    fflush(stderr);
    dup2(saved_stderr, STDERR_FILENO);
    close(saved_stderr);
    close(chatter);
    saved_stderr = chatter = -1;
    subject_held = NULL;
    dk_logfile_hold(false);
}

void dk_die(const char *format, ...)
{
    dk_chatter_drop();
    fflush(stdout);
    va_list args;
    va_start(args, format);
    say(format, args);
    va_end(args);
    _exit(1);
}

void dk_note(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(format, args);
    va_end(args);
}

void dk_assert_failed(const char *condition, const char *file, int line)
{
    dk_chatter_drop();
    dk_note("bug: %s does not hold at %s:%d; please report it", condition, file, line);
    abort();
}

void dk_chatter_hold(const char *subject)
{
    dk_assert(saved_stderr < 0);
    fflush(stderr);
    chatter = memfd_create("darknet-chatter", MFD_CLOEXEC);
    if (chatter < 0) return; /* then it is shown at once: nothing is lost */
    saved_stderr = dup(STDERR_FILENO);
    if (saved_stderr < 0 || dup2(chatter, STDERR_FILENO) < 0) {
        close(chatter);
        chatter = -1;
        return;
    }
    holder = pthread_self();
    subject_held = subject;
    dk_logfile_hold(true);
}

void dk_chatter_release(void)
{
    if (saved_stderr < 0) return;
    fflush(stderr);
    int kept = dup(chatter);
    dk_chatter_drop();
    if (kept < 0) return;
    char buffer[4096];
    ssize_t n;
    lseek(kept, 0, SEEK_SET);
    while ((n = read(kept, buffer, sizeof buffer)) > 0)
        fwrite(buffer, 1, (size_t)n, stderr);
    fflush(stderr);
    close(kept);
}

/* ---- the library's own exits --------------------------------------------------------------------------- */

LIBRARY_ENTRY void error(const char *s);
LIBRARY_ENTRY void file_error(char *s);
LIBRARY_ENTRY void malloc_error(void);

LIBRARY_ENTRY void error(const char *s)
{
    if (subject_held) dk_die("%s: %s", subject_held, s);
    dk_die("%s", s);
}

LIBRARY_ENTRY void file_error(char *s)
{
    dk_die("cannot open %s: %s", s, strerror(errno));
}

LIBRARY_ENTRY void malloc_error(void)
{
    dk_die("out of memory");
}

/* glibc's own name: an assertion inside the library while it reads a user's file is that file's fault. */
LIBRARY_ENTRY _Noreturn void __assert_fail(const char *condition, const char *file, unsigned int line,
                                           const char *function)
{
    if (subject_held)
        dk_die("%s: a layer does not fit the one before it (the library requires %s, %s:%u)", subject_held,
               condition, file, line);
    fprintf(stderr, "darknet: %s:%u: %s: assertion '%s' failed: this is a bug\n", file, line, function,
            condition);
    abort();
}
