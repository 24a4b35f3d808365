#include "net/tcp.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"

/* What the kernel holds unsent: enough that a fast link never waits for the gate's thread. What may be under way
 * at all is the link's credit (net/link.h), less on slow ones. The buffers themselves follow the link. */
#define NOTSENT_BYTES (512 << 10)
#define USER_TIMEOUT_MS 10000 /* unacknowledged for so long: the connection is given up, another is made */
#define KEEPALIVE_IDLE_S 5
#define BACKLOG 128

static void set(int fd, int level, int option, int value)
{
    (void)setsockopt(fd, level, option, &value, sizeof value); /* a unix socket has none of them */
}

void dc__tcp_tune(int fd)
{
    set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, NOTSENT_BYTES);
    set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS);
    set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
    set(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_IDLE_S);
    set(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
}

static int unix_address(const char *path, dc__sockaddr *out)
{
    struct sockaddr_un *a = (struct sockaddr_un *)&out->address;
    memset(out, 0, sizeof *out);
    a->sun_family = AF_UNIX;
    const size_t n = strlen(path);
    dc__assert(n < sizeof a->sun_path); /* dc__address_parse has seen to it */
    memcpy(a->sun_path, path, n);
    out->n = sizeof *a;
    return 1;
}

static int lookup(const dc__address *address, int flags, dc__sockaddr out[DC__SOCKADDRS], const char **why)
{
    const struct addrinfo hints = {.ai_flags = flags | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    char port[8];
    (void)snprintf(port, sizeof port, "%d", address->port);
    const char *host = strcmp(address->host, "*") == 0 ? NULL : address->host;
    const int rc = getaddrinfo(host, port, &hints, &found);
    if (rc != 0) {
        *why = gai_strerror(rc);
        return 0;
    }
    int n = 0;
    for (const struct addrinfo *a = found; a && n < DC__SOCKADDRS; a = a->ai_next) {
        if (a->ai_addrlen > sizeof out[n].address) continue;
        memcpy(&out[n].address, a->ai_addr, a->ai_addrlen);
        out[n++].n = a->ai_addrlen;
    }
    freeaddrinfo(found);
    return n;
}

int dc__tcp_lookup(const dc__address *address, bool numeric_only, dc__sockaddr out[DC__SOCKADDRS],
                   const char **why)
{
    if (address->scheme == DC__IPC) return unix_address(address->host, &out[0]);
    return lookup(address, numeric_only ? AI_NUMERICHOST : 0, out, why);
}

bool dc__sockaddr_is_loopback(const dc__sockaddr *at)
{
    const struct sockaddr_in *four = (const struct sockaddr_in *)&at->address;
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)&at->address;
    if (at->address.ss_family == AF_INET) return ntohl(four->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    return at->address.ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
}

bool dc__tcp_is_local(const dc__address *address)
{
    dc__sockaddr at[DC__SOCKADDRS];
    const char *why;
    if (address->scheme != DC__TCP) return true;
    if (strcmp(address->host, "*") == 0) return false;
    const int n = lookup(address, 0, at, &why);
    bool local = n > 0;
    for (int k = 0; k < n; k++)
        local &= dc__sockaddr_is_loopback(&at[k]);
    return local;
}

bool dc__tcp_own_host(const dc__address *there, char *host, size_t n)
{
    dc__sockaddr at[DC__SOCKADDRS], own = {.n = sizeof own.address};
    const char *why;
    if (there->scheme != DC__TCP || lookup(there, 0, at, &why) < 1) return false;
    const int fd = socket(at[0].address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0); /* nothing is sent */
    const bool known = fd >= 0 && connect(fd, (const struct sockaddr *)&at[0].address, at[0].n) == 0 &&
                       getsockname(fd, (struct sockaddr *)&own.address, &own.n) == 0;
    if (fd >= 0) (void)close(fd);
    return known && getnameinfo((const struct sockaddr *)&own.address, own.n, host, (socklen_t)n, NULL, 0,
                                NI_NUMERICHOST) == 0;
}

int dc__tcp_port(int fd)
{
    struct sockaddr_storage own = {0};
    socklen_t n = sizeof own;
    if (getsockname(fd, (struct sockaddr *)&own, &n) != 0) return 0;
    return ntohs(own.ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)&own)->sin6_port
                                           : ((const struct sockaddr_in *)&own)->sin_port);
}

int dc__tcp_connect(const dc__sockaddr *to)
{
    const int fd = socket(to->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    dc__tcp_tune(fd);
    if (connect(fd, (const struct sockaddr *)&to->address, to->n) == 0 || errno == EINPROGRESS) return fd;
    const int why = errno;
    (void)close(fd);
    errno = why;
    return -1;
}

/* A unix socket's file outlives a process that was killed.
 * Only a file that refuses connections is replaced. */
static void remove_stale(const dc__sockaddr *at)
{
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return;
    if (connect(fd, (const struct sockaddr *)&at->address, at->n) != 0 && errno == ECONNREFUSED)
        (void)unlink(((const struct sockaddr_un *)&at->address)->sun_path);
    (void)close(fd);
}

static int listen_on(const dc__sockaddr *at)
{
    const int family = at->address.ss_family;
    const int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (family == AF_INET6) set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    if (family == AF_UNIX) remove_stale(at);
    if (bind(fd, (const struct sockaddr *)&at->address, at->n) == 0 && listen(fd, BACKLOG) == 0) return fd;
    const int why = errno;
    (void)close(fd);
    errno = why;
    return -1;
}

dc_error dc__tcp_listen(int *fd, const dc__address *address, const char *url)
{
    dc__sockaddr at[DC__SOCKADDRS];
    const char *why = "it has no address";
    *fd = -1;
    const int n = address->scheme == DC__IPC ? unix_address(address->host, &at[0])
                                             : lookup(address, AI_PASSIVE, at, &why);
    if (n == 0) return dc__fail(DC_EURL, "cannot listen on %s: %s", url, why);
    for (int k = 0; k < n && *fd < 0; k++)
        *fd = listen_on(&at[k]);
    if (*fd >= 0) return DC_OK;
    if (errno == EADDRINUSE)
        return dc__fail(DC_ENET, "%s is taken by another program: stop it, or take another port", url);
    return dc__fail(errno == EADDRNOTAVAIL ? DC_EURL : DC_ENET, "cannot listen on %s: %s", url,
                    strerror(errno));
}
