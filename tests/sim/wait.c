/* wait.c - descriptors, poll, events, and the pairs between an engine's thread and a gate's (net/socket.h), in a
 * simulation. */
#undef _FORTIFY_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>

#include "net/socket.h"
#include "sim/disk.h"
#include "sim/files.h"

/* ---- descriptors ---- */

static sim_file *files[SIM_FILES];
static int n_files;

sim_file *sim_file_new(sim_kind kind)
{
    int k = 0;
    while (k < n_files && files[k]->kind != SIM_NONE)
        k++;
    if (k == SIM_FILES) abort();
    if (k == n_files) files[n_files++] = malloc(sizeof(sim_file));
    memset(files[k], 0, sizeof *files[k]);
    files[k]->kind = kind;
    files[k]->fd = SIM_FD + k;
    files[k]->owner = sim_self();
    return files[k];
}

sim_file *sim_file_of(int fd)
{
    const int k = fd - SIM_FD;
    return k < 0 || k >= n_files || files[k]->kind == SIM_NONE ? NULL : files[k];
}

void sim_file_free(sim_file *f)
{
    f->kind = SIM_NONE;
    f->poller = NULL;
}

sim_file *sim_file_at(int *k)
{
    while (*k < n_files && files[*k]->kind == SIM_NONE)
        ++*k;
    return *k < n_files ? files[(*k)++] : NULL;
}

void sim_file_changed(sim_file *f)
{
    if (f->poller) sim_wake(f->poller);
}

void sim_net_forget(const sim_thread *t)
{
    for (int k = 0; k < n_files; k++)
        if (files[k]->poller == t) files[k]->poller = NULL;
}

/* ---- poll ---- */

static short ready_for(const sim_file *f)
{
    switch (f->kind) {
    case SIM_EVENT:
        return f->count > 0 ? POLLIN : 0;
    case SIM_STREAM:
    case SIM_LISTENER:
        return sim_tcp_ready(f);
    default:
        return sim_pair_ready(f);
    }
}

static int look(struct pollfd *fds, nfds_t n)
{
    int some = 0;
    for (nfds_t i = 0; i < n; i++) {
        const sim_file *f = sim_file_of(fds[i].fd);
        if (!f) abort(); /* a gate waits for nothing else */
        fds[i].revents = (short)(ready_for(f) & (fds[i].events | POLLERR | POLLHUP));
        some += fds[i].revents != 0;
    }
    return some;
}

static void wait_at(struct pollfd *fds, nfds_t n, sim_thread *who)
{
    for (nfds_t i = 0; i < n; i++)
        if (sim_file_of(fds[i].fd)) sim_file_of(fds[i].fd)->poller = who;
}

int __wrap_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *most, const void *unused);
int __wrap_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *most, const void *unused)
{
    (void)unused;
    const int64_t until_ns = most ? sim_now() + (int64_t)most->tv_sec * SIM_S + most->tv_nsec : SIM_FOREVER;
    sim_step();
    for (;;) {
        const int some = look(fds, n);
        if (some > 0) return some;
        wait_at(fds, n, sim_thread_self());
        const bool woken = sim_block("poll", until_ns);
        wait_at(fds, n, NULL);
        if (!woken) return look(fds, n);
    }
}

int __wrap___ppoll_chk(struct pollfd *fds, nfds_t n, const struct timespec *most, const void *unused,
                       size_t room);
int __wrap___ppoll_chk(struct pollfd *fds, nfds_t n, const struct timespec *most, const void *unused,
                       size_t room)
{
    (void)room;
    return __wrap_ppoll(fds, n, most, unused);
}

/* ---- events ---- */

int __wrap_eventfd(unsigned count, int flags);
int __wrap_eventfd(unsigned count, int flags)
{
    (void)flags;
    sim_file *f = sim_file_new(SIM_EVENT);
    f->count = count;
    return f->fd;
}

ssize_t __real_read(int fd, void *to, size_t n);
ssize_t __wrap_read(int fd, void *to, size_t n);
ssize_t __wrap_read(int fd, void *to, size_t n)
{
    sim_file *f = sim_file_of(fd);
    if (!f) return __real_read(fd, to, n);
    if (f->count == 0) {
        errno = EAGAIN;
        return -1;
    }
    memcpy(to, &f->count, sizeof f->count);
    f->count = 0;
    return sizeof f->count;
}

ssize_t __wrap___read_chk(int fd, void *to, size_t n, size_t room);
ssize_t __wrap___read_chk(int fd, void *to, size_t n, size_t room)
{
    (void)room;
    return __wrap_read(fd, to, n);
}

ssize_t __wrap_write(int fd, const void *from, size_t n);
ssize_t __wrap_write(int fd, const void *from, size_t n)
{
    sim_file *f = sim_file_of(fd);
    if (!f) return sim_disk_write(fd, from, n);
    f->count++;
    sim_file_changed(f);
    return (ssize_t)n;
}

int __wrap_close(int fd);
int __wrap_close(int fd)
{
    sim_file *f = sim_file_of(fd);
    if (!f) return sim_disk_close_one(fd);
    if (f->kind == SIM_STREAM || f->kind == SIM_LISTENER) sim_tcp_close(f, false);
    sim_file_free(f);
    return 0;
}

/* ---- pairs ---- */

typedef struct ticket {
    void *message;
    size_t n;
} ticket;

/* What waits for an end, and who waits for it there. */
typedef struct end {
    ticket *tickets; /* [most], a ring */
    int first, n, most;
    sim_thread *receiver, *sender;
    sim_file *readable, *writable;
} end;

struct sim_pair {
    end ends[2];
};

/* A socket is known by its readable descriptor. */
dc_error __wrap_dc__socket_pair(int ends[2], const int waiting[2]);
dc_error __wrap_dc__socket_pair(int ends[2], const int waiting[2])
{
    sim_pair *p = calloc(1, sizeof *p);
    for (int k = 0; k < 2; k++) {
        end *e = &p->ends[k];
        e->most = waiting[k];
        e->tickets = calloc((size_t)e->most, sizeof *e->tickets);
        e->readable = sim_file_new(SIM_READABLE);
        e->writable = sim_file_new(SIM_WRITABLE);
        e->readable->pair = e->writable->pair = p;
        e->readable->side = e->writable->side = k;
        ends[k] = e->readable->fd;
    }
    return DC_OK;
}

short sim_pair_ready(const sim_file *f)
{
    const end *mine = &f->pair->ends[f->side], *other = &f->pair->ends[1 - f->side];
    return (f->kind == SIM_READABLE ? mine->n > 0 : other->n < other->most) ? POLLIN : 0;
}

void __wrap_dc__socket_pair_close(const int ends[2]);
void __wrap_dc__socket_pair_close(const int ends[2])
{
    sim_pair *p = sim_file_of(ends[0])->pair;
    for (int k = 0; k < 2; k++) {
        end *e = &p->ends[k];
        for (; e->n > 0; e->n--, e->first = (e->first + 1) % e->most)
            dc__message_free(e->tickets[e->first].message);
        sim_file_free(e->readable);
        sim_file_free(e->writable);
        free(e->tickets);
    }
    free(p);
}

static int64_t in_ms(int wait_ms)
{
    return sim_now() + (int64_t)wait_ms * SIM_MS;
}

bool __wrap_dc__socket_send(int socket, void *message, size_t n, int wait_ms);
bool __wrap_dc__socket_send(int socket, void *message, size_t n, int wait_ms)
{
    const sim_file *f = sim_file_of(socket);
    end *other = &f->pair->ends[1 - f->side];
    const int64_t until_ns = in_ms(wait_ms);
    sim_step();
    while (other->n == other->most) {
        if (wait_ms == 0) return false;
        other->sender = sim_thread_self();
        const bool woken = sim_block("room to send", until_ns);
        other->sender = NULL;
        if (!woken && other->n == other->most) return false;
    }
    other->tickets[(other->first + other->n++) % other->most] = (ticket){message, n};
    if (other->receiver) sim_wake(other->receiver);
    sim_file_changed(other->readable);
    return true;
}

void *__wrap_dc__socket_receive(int socket, size_t *n, int wait_ms);
void *__wrap_dc__socket_receive(int socket, size_t *n, int wait_ms)
{
    const sim_file *f = sim_file_of(socket);
    end *mine = &f->pair->ends[f->side];
    const int64_t until_ns = in_ms(wait_ms);
    if (wait_ms != 0) sim_step();
    while (mine->n == 0) {
        if (wait_ms == 0) return NULL;
        mine->receiver = sim_thread_self();
        const bool woken = sim_block("a message", until_ns);
        mine->receiver = NULL;
        if (!woken && mine->n == 0) return NULL;
    }
    const ticket t = mine->tickets[mine->first];
    mine->first = (mine->first + 1) % mine->most;
    mine->n--;
    if (mine->sender) sim_wake(mine->sender);
    sim_file_changed(f->pair->ends[1 - f->side].writable);
    *n = t.n;
    return t.message;
}

int __wrap_dc__socket_readable_fd(int socket);
int __wrap_dc__socket_readable_fd(int socket)
{
    return socket;
}

int __wrap_dc__socket_writable_fd(int socket);
int __wrap_dc__socket_writable_fd(int socket)
{
    const sim_file *f = sim_file_of(socket);
    return f->pair->ends[f->side].writable->fd;
}
