#include "net/shared.h"

#include <errno.h>
#include <fcntl.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_BYTES 64 /* of a cache: the two ends' numbers are apart */
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)
#define WAKE_BYTES 64
#define DRAINS 16 /* at a time: a peer may send more than wake-ups */

/* One direction, in the memory. */
typedef struct ring {
    alignas(LINE_BYTES) _Atomic uint64_t written; /* bytes, ever */
    _Atomic uint32_t writer_sleeps;
    alignas(LINE_BYTES) _Atomic uint64_t read;
    _Atomic uint32_t reader_sleeps;
} ring;

typedef struct memory {
    ring rings[2]; /* from who dials, from who listens */
    alignas(LINE_BYTES) _Atomic uint32_t taken;
    /* of messages from who dials, from who listens */
    alignas(LINE_BYTES) _Atomic uint32_t held[2][DC__BUFFERS];
    alignas(4096) uint8_t bytes[2][DC__RING_BYTES];
    alignas(4096) uint8_t buffers[2][DC__BUFFERS][DC__BUFFER_BYTES];
} memory;

struct dc__shared {
    memory *m;
    dc__buffers *buffers; /* the mapping is theirs */
    ring *in, *out;
    uint8_t *in_bytes, *out_bytes;
    uint64_t read, written; /* ours: what the memory says can be the peer's doing */
    dc__offer offer;
    bool ended; /* nothing more comes over the socket */
};

static dc__buffer_row lane_of(memory *m, int from)
{
    return (dc__buffer_row){.held = m->held[from], .bytes = m->buffers[from][0]};
}

static dc__shared *new_shared(int fd, bool dialed)
{
    dc__shared *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->m = mmap(NULL, sizeof *s->m, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (s->m == MAP_FAILED) {
        free(s);
        return NULL;
    }
    const int out = dialed ? 0 : 1;
    s->buffers = dc__buffers_new(s->m, sizeof *s->m, lane_of(s->m, out), lane_of(s->m, !out));
    if (!s->buffers) {
        (void)munmap(s->m, sizeof *s->m);
        free(s);
        return NULL;
    }
    s->out = &s->m->rings[out];
    s->out_bytes = s->m->bytes[out];
    s->in = &s->m->rings[!out];
    s->in_bytes = s->m->bytes[!out];
    return s;
}

dc__shared *dc__shared_offer(int *fd)
{
    dc__shared *s = NULL;
    *fd = memfd_create("dynacomm", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (*fd >= 0 && ftruncate(*fd, sizeof(memory)) == 0 && fcntl(*fd, F_ADD_SEALS, SEALS) == 0)
        s = new_shared(*fd, false);
    if (!s && *fd >= 0) {
        (void)close(*fd);
        *fd = -1;
    }
    return s;
}

static void wake(int socket)
{
    const char byte = 0;
    (void)!send(socket, &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL); /* a full socket wakes, too */
}

dc__shared *dc__shared_take(int fd, int socket)
{
    if (fd < 0) return NULL;
    struct stat st;
    const int seals = fcntl(fd, F_GET_SEALS);
    dc__shared *s = NULL;
    if (seals >= 0 && (seals & F_SEAL_SHRINK) && fstat(fd, &st) == 0 && st.st_size == sizeof(memory))
        s = new_shared(fd, true);
    (void)close(fd);
    if (!s) return NULL;
    s->offer = DC__OFFER_TAKEN;
    s->m->taken = 1;
    wake(socket);
    return s;
}

bool dc__shared_same_user(int socket)
{
    struct ucred peer;
    socklen_t n = sizeof peer;
    return getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 && n == sizeof peer &&
           peer.uid == geteuid();
}

void dc__shared_free(dc__shared *s)
{
    if (!s) return;
    dc__buffers_leave(s->buffers);
    free(s);
}

/* Takes the wake-ups from the socket. */
static void drain(dc__shared *s, int socket)
{
    char bytes[WAKE_BYTES];
    for (int k = 0; k < DRAINS && !s->ended; k++) {
        const ssize_t got = recv(socket, bytes, sizeof bytes, MSG_DONTWAIT);
        if (got > 0 || (got < 0 && errno == EINTR)) continue;
        s->ended = got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
        return;
    }
}

dc__offer dc__shared_settle(dc__shared *s, int socket)
{
    char byte;
    if (s->offer != DC__OFFER_OPEN) return s->offer;
    const ssize_t got = recv(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return DC__OFFER_OPEN;
    s->offer = got == 1 && byte == 0 && s->m->taken == 1 ? DC__OFFER_TAKEN : DC__OFFER_NOT_TAKEN;
    return s->offer;
}

/* Bytes in a ring, of which one end is ours; more than DC__RING_BYTES: the peer lies. */
static uint64_t unread(const dc__shared *s)
{
    return s->in->written - s->read;
}

static uint64_t under_way(const dc__shared *s)
{
    return s->written - s->out->read;
}

dc__buffers *dc__shared_buffers(const dc__shared *s)
{
    return s->offer == DC__OFFER_TAKEN ? s->buffers : NULL;
}

bool dc__shared_has_input(const dc__shared *s)
{
    return unread(s) > 0;
}

static void copy_out(dc__shared *s, uint8_t *to, size_t n)
{
    const size_t at = s->read % DC__RING_BYTES, first = n < DC__RING_BYTES - at ? n : DC__RING_BYTES - at;
    memcpy(to, s->in_bytes + at, first);
    memcpy(to + first, s->in_bytes, n - first);
    s->read += n;
}

static void copy_in(dc__shared *s, const uint8_t *from, size_t n)
{
    const size_t at = s->written % DC__RING_BYTES, first = n < DC__RING_BYTES - at ? n : DC__RING_BYTES - at;
    memcpy(s->out_bytes + at, from, first);
    memcpy(s->out_bytes, from + first, n - first);
    s->written += n;
}

static void take_down(_Atomic uint32_t *sleeps, int socket)
{
    if (*sleeps && atomic_exchange(sleeps, 0)) wake(socket);
}

ssize_t dc__shared_receive(dc__shared *s, int socket, void *to, size_t n)
{
    uint64_t there = unread(s);
    if (there == 0) {
        drain(s, socket);
        there = unread(s); /* what was written before the end is read before it */
        if (there == 0 && s->ended) return 0;
    }
    if (there == 0 || there > DC__RING_BYTES) {
        errno = there ? EBADMSG : EAGAIN;
        return -1;
    }
    if (n > there) n = (size_t)there;
    copy_out(s, to, n);
    s->in->read = s->read;
    /* not for every few bytes: its sleep is dearer than ours */
    if (there - n <= DC__RING_BYTES / 2) take_down(&s->in->writer_sleeps, socket);
    return (ssize_t)n;
}

ssize_t dc__shared_send(dc__shared *s, int socket, const struct iovec *iov, int pieces)
{
    const uint64_t full = under_way(s);
    size_t room = full <= DC__RING_BYTES ? (size_t)(DC__RING_BYTES - full) : 0, sent = 0;
    if (room == 0) drain(s, socket);
    if (s->ended || full > DC__RING_BYTES) {
        errno = s->ended ? EPIPE : EBADMSG;
        return -1;
    }
    for (int k = 0; k < pieces && room > 0; k++) {
        const size_t n = iov[k].iov_len < room ? iov[k].iov_len : room;
        copy_in(s, iov[k].iov_base, n);
        room -= n;
        sent += n;
    }
    if (sent == 0) {
        errno = EAGAIN;
        return -1;
    }
    s->out->written = s->written;
    take_down(&s->out->reader_sleeps, socket);
    return (ssize_t)sent;
}

/* Written before it is looked again: all of these are sequentially consistent. */
bool dc__shared_sleeps(dc__shared *s, bool to_read, bool to_write)
{
    s->in->reader_sleeps = to_read;
    s->out->writer_sleeps = to_write;
    return (to_read && unread(s) > 0) || (to_write && under_way(s) <= DC__RING_BYTES / 2);
}

void dc__shared_wakes(dc__shared *s)
{
    s->in->reader_sleeps = 0;
    s->out->writer_sleeps = 0;
}

/* ---- descriptors ---- */

typedef union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int))];
} control;

ssize_t dc__fd_send(int socket, const void *bytes, size_t n, int fd)
{
    control room = {0};
    struct iovec iov = {(void *)(uintptr_t)bytes, n};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
    if (fd >= 0) {
        m.msg_control = room.bytes;
        m.msg_controllen = sizeof room.bytes;
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(c), &fd, sizeof fd);
    }
    return sendmsg(socket, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

ssize_t dc__fd_receive(int socket, void *bytes, size_t n, int *fd)
{
    control room;
    struct iovec iov = {bytes, n};
    struct msghdr m = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = room.bytes, .msg_controllen = CMSG_LEN(sizeof *fd)};
    const ssize_t got = recvmsg(socket, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got < 0) return got;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS || c->cmsg_len < CMSG_LEN(sizeof *fd))
            continue;
        if (*fd >= 0) (void)close(*fd);
        memcpy(fd, CMSG_DATA(c), sizeof *fd);
    }
    return got;
}
