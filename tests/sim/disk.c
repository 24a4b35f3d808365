/* disk.c - see disk.h. */
#undef _FORTIFY_SOURCE
#include "sim/disk.h"
#include "sim/net.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define DESCRIPTORS 1024

static const sim_process *owner[DESCRIPTORS];
static int64_t typical_ns, slow_until[SIM_MACHINES], full_until[SIM_MACHINES];

void sim_disk_begin(int64_t typical)
{
    typical_ns = typical;
}

void sim_disk_slow(int machine, int64_t until_ns)
{
    slow_until[machine] = until_ns;
}

void sim_disk_full(int machine, int64_t until_ns)
{
    full_until[machine] = until_ns;
}

/* ---- what a process has open ---- */

static int note(int fd)
{
    if (fd >= DESCRIPTORS) abort();
    if (fd >= 0) owner[fd] = sim_self();
    return fd;
}

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    const mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    return note(__real_open(path, flags, mode));
}

int __wrap___open_2(const char *path, int flags);
int __wrap___open_2(const char *path, int flags)
{
    return note(__real_open(path, flags));
}

int __real_openat(int at, const char *path, int flags, ...);
int __wrap_openat(int at, const char *path, int flags, ...);
int __wrap_openat(int at, const char *path, int flags, ...)
{
    return note(__real_openat(at, path, flags));
}

FILE *__real_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode)
{
    FILE *f = __real_fopen(path, mode);
    if (f) (void)note(fileno(f));
    return f;
}

int __real_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...)
{
    va_list args;
    va_start(args, command);
    const int value = va_arg(args, int);
    va_end(args);
    const int got = __real_fcntl(fd, command, value);
    return command == F_DUPFD_CLOEXEC ? note(got) : got;
}

int __real_fclose(FILE *f);
int __wrap_fclose(FILE *f);
int __wrap_fclose(FILE *f)
{
    const int fd = fileno(f);
    if (fd >= 0 && fd < DESCRIPTORS) owner[fd] = NULL;
    return __real_fclose(f);
}

int __real_close(int fd);
int sim_disk_close_one(int fd)
{
    if (fd >= 0 && fd < DESCRIPTORS) owner[fd] = NULL;
    return __real_close(fd);
}

/* What its streams hold unwritten is lost with it. */
void sim_disk_close(const sim_process *p)
{
    for (int fd = 0; fd < DESCRIPTORS; fd++)
        if (owner[fd] == p) (void)sim_disk_close_one(fd);
}

/* ---- time, and room ---- */

static bool is_full(void)
{
    if (sim_now() >= full_until[sim_net_machine(sim_self())]) return false;
    errno = ENOSPC;
    return true;
}

static int sync_takes_time(void)
{
    if (!sim_self()) return 0;
    const bool slow = sim_now() < slow_until[sim_net_machine(sim_self())];
    const int64_t most_ns = slow ? 3 * SIM_S : typical_ns;
    sim_sleep((int64_t)sim_draw((uint64_t)most_ns + 1));
    return is_full() ? -1 : 0;
}

int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    (void)fd;
    return sync_takes_time();
}

int __wrap_fdatasync(int fd);
int __wrap_fdatasync(int fd)
{
    (void)fd;
    return sync_takes_time();
}

ssize_t __real_write(int fd, const void *from, size_t n);
ssize_t sim_disk_write(int fd, const void *from, size_t n)
{
    if (!sim_self()) return __real_write(fd, from, n);
    sim_step();
    if (is_full()) return -1;
    return __real_write(fd, from, n > 1 && sim_draw(4) == 0 ? 1 + (size_t)sim_draw(n) : n);
}

int __real_fflush(FILE *f);
int __wrap_fflush(FILE *f);
int __wrap_fflush(FILE *f)
{
    sim_step();
    return __real_fflush(f);
}

int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to)
{
    sim_step();
    const int result = __real_rename(from, to);
    const int why = errno;
    sim_event("  writes %s", to);
    sim_step();
    errno = why;
    return result;
}

int __real_unlink(const char *path);
int __wrap_unlink(const char *path);
int __wrap_unlink(const char *path)
{
    sim_step();
    sim_event("  removes %s", path);
    return __real_unlink(path);
}
