/* sockets.c - the library's calls of sockets, in a simulation. */
#undef _FORTIFY_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "sim/packets.h"

int __wrap_socket(int family, int type, int protocol);
int __wrap_socket(int family, int type, int protocol)
{
    (void)family;
    (void)type;
    (void)protocol;
    return sim_file_new(SIM_STREAM)->fd;
}

int __wrap_setsockopt(int fd, int level, int option, const void *value, socklen_t n);
int __wrap_setsockopt(int fd, int level, int option, const void *value, socklen_t n)
{
    (void)fd;
    (void)level;
    (void)option;
    (void)value;
    (void)n;
    return 0;
}

int __wrap_bind(int fd, const struct sockaddr *to, socklen_t n);
int __wrap_bind(int fd, const struct sockaddr *to, socklen_t n)
{
    (void)fd;
    (void)to;
    (void)n;
    if (!sim_listener) return 0;
    errno = EADDRINUSE;
    return -1;
}

int __wrap_listen(int fd, int backlog);
int __wrap_listen(int fd, int backlog)
{
    (void)backlog;
    sim_listener = sim_file_of(fd);
    sim_listener->kind = SIM_LISTENER;
    return 0;
}

int __wrap_connect(int fd, const struct sockaddr *to, socklen_t n);
int __wrap_connect(int fd, const struct sockaddr *to, socklen_t n)
{
    static int number;
    (void)to;
    (void)n;
    sim_file *f = sim_file_of(fd);
    sim_connection *c = calloc(1, sizeof *c);
    if (!c) abort();
    c->number = number++;
    c->link = sim_net_machine(f->owner);
    c->file[0] = f;
    f->c = c;
    sim_packet_send(c, 0, SIM_SYN, NULL, 0);
    errno = EINPROGRESS;
    return -1;
}

int __wrap_accept4(int fd, struct sockaddr *from, socklen_t *n, int flags);
int __wrap_accept4(int fd, struct sockaddr *from, socklen_t *n, int flags)
{
    (void)from;
    (void)n;
    (void)flags;
    sim_file *l = sim_file_of(fd);
    if (l->n_queue == 0) {
        errno = EAGAIN;
        return -1;
    }
    sim_file *f = sim_file_new(SIM_STREAM);
    f->c = l->queue[0];
    f->side = 1;
    f->c->file[1] = f;
    memmove(l->queue, l->queue + 1, (size_t)--l->n_queue * sizeof *l->queue);
    return f->fd;
}

int __wrap_getsockopt(int fd, int level, int option, void *value, socklen_t *n);
int __wrap_getsockopt(int fd, int level, int option, void *value, socklen_t *n)
{
    (void)level;
    (void)option;
    (void)n;
    const sim_file *f = sim_file_of(fd);
    memcpy(value, &f->c->error[f->side], sizeof(int));
    f->c->error[f->side] = 0;
    return 0;
}

static size_t cut_short(size_t n)
{
    return n > 1 && sim_draw(1024) < sim_net_weather()->pieces ? 1 + (size_t)sim_draw(n) : n;
}

static size_t room(const sim_connection *c, int side)
{
    const size_t used = c->way[side].n + c->way[side].under_way;
    return used < sim_net_weather()->buffer_bytes ? (size_t)sim_net_weather()->buffer_bytes - used : 0;
}

short sim_tcp_ready(const sim_file *f)
{
    const sim_connection *c = f->c;
    if (f->kind == SIM_LISTENER) return f->n_queue > 0 ? POLLIN : 0;
    const int s = f->side;
    if (c->dead[s]) return POLLIN | POLLOUT | POLLERR | POLLHUP;
    if (!c->up[s]) return 0;
    short ready = 0;
    if (c->way[1 - s].n > 0 || c->way[1 - s].fin_here) ready |= POLLIN;
    if (room(c, s) > 0) ready |= POLLOUT;
    if (c->way[1 - s].fin_here && c->way[s].fin_sent) ready |= POLLHUP;
    return ready;
}

static ssize_t fail(int why)
{
    errno = why;
    return -1;
}

static ssize_t fail_once(sim_connection *c, int side, int then)
{
    const int why = c->error[side] ? c->error[side] : then;
    c->error[side] = 0;
    return why ? fail(why) : 0;
}

ssize_t __wrap_recv(int fd, void *to, size_t n, int flags);
ssize_t __wrap_recv(int fd, void *to, size_t n, int flags)
{
    (void)flags;
    const sim_file *f = sim_file_of(fd);
    sim_connection *c = f->c;
    sim_way *w = &c->way[1 - f->side];
    if (w->n == 0) {
        if (c->dead[f->side]) return fail_once(c, f->side, 0);
        return w->fin_here ? 0 : fail(EAGAIN);
    }
    n = cut_short(n < w->n ? n : w->n);
    memcpy(to, w->bytes, n);
    memmove(w->bytes, w->bytes + n, w->n -= n);
    sim_tcp_changed(c, 1 - f->side);
    return (ssize_t)n;
}

ssize_t __wrap___recv_chk(int fd, void *to, size_t n, size_t most, int flags);
ssize_t __wrap___recv_chk(int fd, void *to, size_t n, size_t most, int flags)
{
    (void)most;
    return __wrap_recv(fd, to, n, flags);
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags)
{
    (void)flags;
    const sim_file *f = sim_file_of(fd);
    sim_connection *c = f->c;
    sim_way *w = &c->way[f->side];
    size_t whole = 0;
    for (size_t i = 0; i < m->msg_iovlen; i++)
        whole += m->msg_iov[i].iov_len;
    if (c->dead[f->side] || w->fin_sent) return fail_once(c, f->side, EPIPE);
    size_t n = room(c, f->side);
    if (n == 0) return fail(EAGAIN);
    n = cut_short(n < whole ? n : whole);
    uint8_t *bytes = malloc(n + 1);
    if (!bytes) abort();
    size_t at = 0;
    for (size_t i = 0; at < n; i++) {
        const size_t part = m->msg_iov[i].iov_len < n - at ? m->msg_iov[i].iov_len : n - at;
        if (part > 0) memcpy(bytes + at, m->msg_iov[i].iov_base, part);
        at += part;
    }
    if (w->under_way == 0) w->progress_ns = sim_now();
    w->under_way += n;
    sim_packet_send(c, f->side, SIM_DATA, bytes, n);
    if (!w->watched)
        sim_packet_put(
            &(sim_packet){.at_ns = sim_now() + SIM_TIMEOUT_NS, .kind = SIM_CHECK, .c = c, .side = f->side});
    w->watched = true;
    return (ssize_t)n;
}

ssize_t __wrap_send(int fd, const void *from, size_t n, int flags);
ssize_t __wrap_send(int fd, const void *from, size_t n, int flags)
{
    struct iovec one = {(void *)(uintptr_t)from, n};
    return __wrap_sendmsg(fd, &(struct msghdr){.msg_iov = &one, .msg_iovlen = 1}, flags);
}

int __wrap_shutdown(int fd, int how);
int __wrap_shutdown(int fd, int how)
{
    (void)how;
    const sim_file *f = sim_file_of(fd);
    if (!f->c->way[f->side].fin_sent && !f->c->dead[f->side])
        sim_packet_send(f->c, f->side, SIM_FIN, NULL, 0);
    f->c->way[f->side].fin_sent = true;
    return 0;
}

void sim_tcp_close(sim_file *f, bool silently)
{
    if (f == sim_listener) sim_listener = NULL;
    for (int k = 0; k < f->n_queue; k++) {
        f->queue[k]->closed[1] = true;
        f->queue[k]->lost[1] = silently;
        if (!silently) sim_packet_send(f->queue[k], 1, SIM_RST, NULL, 0);
    }
    sim_connection *c = f->c;
    const int s = f->side;
    if (!c) return;
    c->closed[s] = true;
    c->file[s] = NULL;
    if (silently)
        c->lost[s] = true;
    else if (!c->dead[s] && c->up[s] && c->way[1 - s].n > 0)
        sim_packet_send(c, s, SIM_RST, NULL, 0);
    else if (!c->dead[s] && c->up[s] && !c->way[s].fin_sent)
        sim_packet_send(c, s, SIM_FIN, NULL, 0);
}

static void close_all(const sim_process *p, bool silently)
{
    sim_file *f;
    for (int k = 0; (f = sim_file_at(&k));) {
        if (f->owner != p) continue;
        if (f->kind == SIM_STREAM || f->kind == SIM_LISTENER) sim_tcp_close(f, silently);
        sim_file_free(f);
    }
}

void sim_net_close(const sim_process *p)
{
    close_all(p, false);
}

void sim_net_power(const sim_process *p)
{
    close_all(p, true);
}
