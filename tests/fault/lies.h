/* lies.h - a network of lies: a seeded proxy on this machine that delays what passes in pieces of its own,
 * stands still, and breaks connections together with what was on its way. Several links through it do not
 * keep their order. What it decides comes from the seed; when the kernel hands bytes over does not. */
#ifndef LIES_H
#define LIES_H

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LIES_LINKS 32
#define LIES_ROOM 65536

typedef struct lies_options {
    uint64_t seed;
    int port;              /* of 127.0.0.1, where the truth is */
    int64_t delay_most_ns; /* of a piece; its mean is half of that */
    uint64_t cut_bytes;    /* a connection breaks after so many bytes on average, 0 = never */
    int64_t still_most_ns; /* one piece in 64 stands still up to so long */
    uint32_t
        forge_one_in; /* one piece in so many is changed, dropped, played twice or out of order; 0 = none */
} lies_options;

typedef struct lies_way {
    uint8_t bytes[LIES_ROOM];
    size_t at, end;
    int64_t due_ns;
} lies_way;

typedef struct lies_link {
    int fd[2];       /* -1 = free */
    lies_way way[2]; /* from fd[k] */
    uint64_t left;   /* bytes until it breaks */
    uint64_t random;
} lies_link;

typedef struct lies {
    lies_options options;
    _Atomic int to; /* options.port, until a test changes it */
    int listener, port;
    uint64_t random;
    pthread_t thread;
    _Atomic bool stop, cut_now;
    _Atomic int cuts, links, forged;
    lies_link link[LIES_LINKS];
} lies;

static inline uint64_t lies_random(uint64_t *state) /* splitmix64 (Steele et al., OOPSLA 2014) */
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static inline int64_t lies_now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline int lies_socket(int port, bool listens)
{
    const struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    if (listens ? bind(fd, (const struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 64) == 0
                : connect(fd, (const struct sockaddr *)&at, sizeof at) == 0)
        return fd;
    (void)close(fd);
    return -1;
}

static inline uint64_t lies_distance(lies *l)
{
    return l->options.cut_bytes ? lies_random(&l->random) % (2 * l->options.cut_bytes) + 1 : UINT64_MAX;
}

static inline void lies_accept(lies *l)
{
    const int fd = accept4(l->listener, NULL, NULL, SOCK_CLOEXEC);
    lies_link *free_link = NULL;
    for (int i = 0; i < LIES_LINKS; i++)
        if (l->link[i].fd[0] < 0) free_link = &l->link[i];
    const int to = fd >= 0 && free_link ? lies_socket(l->to, false) : -1;
    if (to < 0) {
        if (fd >= 0) (void)close(fd);
        return;
    }
    l->links++;
    free_link->fd[0] = fd;
    free_link->fd[1] = to;
    free_link->random = lies_random(&l->random);
    free_link->left = lies_distance(l);
    for (int k = 0; k < 2; k++)
        free_link->way[k].at = free_link->way[k].end = 0;
}

/* With a reset or an ordinary end; what waits here is lost in any case. */
static inline void lies_break(lies *l, lies_link *link, bool counts)
{
    const struct linger at_once = {.l_onoff = 1};
    const bool resets = lies_random(&link->random) % 2;
    for (int k = 0; k < 2; k++) {
        if (resets) (void)setsockopt(link->fd[k], SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        (void)close(link->fd[k]);
        link->fd[k] = -1;
    }
    if (counts) l->cuts++;
}

/* What somebody on the way can do to a piece. */
static inline void lies_forge(lies_way *way, uint64_t random)
{
    const size_t n = way->end, at = (size_t)(random >> 8) % n, half = n / 2;
    switch (random % 4) {
    case 0:
        way->bytes[at] ^= (uint8_t)(1u << (random >> 40) % 8);
        break;
    case 1: /* its end is cut off, perhaps all of it */
        way->end = at;
        break;
    case 2:
        if (2 * n <= LIES_ROOM) memcpy(way->bytes + n, way->bytes, n), way->end = 2 * n;
        break;
    default:
        for (size_t i = 0; i < half; i++) {
            const uint8_t byte = way->bytes[i];
            way->bytes[i] = way->bytes[n - half + i];
            way->bytes[n - half + i] = byte;
        }
    }
}

static inline void lies_read(lies *l, lies_link *link, int k)
{
    lies_way *way = &link->way[k];
    const size_t most = 1 + (size_t)(lies_random(&link->random) % LIES_ROOM);
    const ssize_t n = recv(link->fd[k], way->bytes, most, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) {
        lies_break(l, link, false);
        return;
    }
    way->at = 0;
    way->end = (size_t)n;
    if (l->options.forge_one_in && lies_random(&link->random) % l->options.forge_one_in == 0) {
        lies_forge(way, lies_random(&link->random));
        l->forged++;
    }
    way->due_ns = lies_now_ns();
    if (l->options.delay_most_ns)
        way->due_ns += (int64_t)(lies_random(&link->random) % (uint64_t)l->options.delay_most_ns);
    if (l->options.still_most_ns && lies_random(&link->random) % 64 == 0)
        way->due_ns += (int64_t)(lies_random(&link->random) % (uint64_t)l->options.still_most_ns);
}

static inline void lies_write(lies *l, lies_link *link, int k)
{
    lies_way *way = &link->way[k];
    size_t most = way->end - way->at;
    const bool breaks = link->left < most;
    if (breaks) most = (size_t)link->left;
    const ssize_t n = send(link->fd[1 - k], way->bytes + way->at, most, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n < 0 || breaks) {
        lies_break(l, link, breaks);
        return;
    }
    way->at += (size_t)n;
    link->left -= (uint64_t)n;
}

static inline void *lies_run(void *argument)
{
    lies *l = argument;
    while (!l->stop) {
        struct pollfd fds[1 + 2 * LIES_LINKS] = {{.fd = l->listener, .events = POLLIN}};
        const int64_t now_ns = lies_now_ns();
        int64_t next_ns = now_ns + 10000000;
        for (int i = 0; i < LIES_LINKS; i++)
            for (int k = 0; k < 2; k++) {
                lies_link *link = &l->link[i];
                struct pollfd *in = &fds[1 + 2 * i + k], *out = &fds[1 + 2 * i + 1 - k];
                in->fd = link->fd[k];
                if (link->fd[k] < 0) continue;
                if (link->way[k].at == link->way[k].end)
                    in->events |= POLLIN;
                else if (link->way[k].due_ns <= now_ns)
                    out->events |= POLLOUT;
                else if (link->way[k].due_ns < next_ns)
                    next_ns = link->way[k].due_ns;
            }
        for (int i = 1; i <= 2 * LIES_LINKS; i++)
            if (!fds[i].events) fds[i].fd = -1; /* its end is seen once there is something to do */
        const struct timespec wait = {.tv_nsec = next_ns - now_ns};
        if (ppoll(fds, 1 + 2 * LIES_LINKS, &wait, NULL) < 0) continue;
        const bool all = atomic_exchange(&l->cut_now, false);
        for (int i = 0; i < LIES_LINKS; i++) {
            lies_link *link = &l->link[i];
            if (all && link->fd[0] >= 0) lies_break(l, link, true);
            for (int k = 0; k < 2; k++) {
                const int64_t at_ns = lies_now_ns();
                if (link->fd[0] >= 0 && link->way[k].at == link->way[k].end && fds[1 + 2 * i + k].revents)
                    lies_read(l, link, k);
                if (link->fd[0] >= 0 && link->way[k].at < link->way[k].end && link->way[k].due_ns <= at_ns)
                    lies_write(l, link, k);
            }
        }
        if (fds[0].revents) lies_accept(l);
    }
    return NULL;
}

/* lies_open - a proxy; connect to lies->port instead of
 * options.port. NULL: no socket. lies_close - breaks all. */
static inline lies *lies_open(lies_options options)
{
    lies *l = calloc(1, sizeof *l);
    if (!l) return NULL;
    l->options = options;
    l->random = options.seed;
    l->to = options.port;
    for (int i = 0; i < LIES_LINKS; i++)
        l->link[i].fd[0] = l->link[i].fd[1] = -1;
    struct sockaddr_in at;
    socklen_t n = sizeof at;
    l->listener = lies_socket(0, true);
    if (l->listener < 0 || getsockname(l->listener, (struct sockaddr *)&at, &n) != 0) {
        free(l);
        return NULL;
    }
    l->port = ntohs(at.sin_port);
    if (pthread_create(&l->thread, NULL, lies_run, l) != 0) abort();
    return l;
}

static inline void lies_close(lies *l)
{
    l->stop = true;
    pthread_join(l->thread, NULL);
    for (int i = 0; i < LIES_LINKS; i++)
        if (l->link[i].fd[0] >= 0) lies_break(l, &l->link[i], false);
    (void)close(l->listener);
    free(l);
}

/* lies_free_port - a port of 127.0.0.1 that nobody has at the moment. */
static inline int lies_free_port(void)
{
    struct sockaddr_in at;
    socklen_t n = sizeof at;
    const int fd = lies_socket(0, true);
    if (fd < 0 || getsockname(fd, (struct sockaddr *)&at, &n) != 0) abort();
    (void)close(fd);
    return ntohs(at.sin_port);
}

#endif
