/* http_listen.c - "HOST:PORT" to a listening socket. */
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "net/tcp.h"
#include "tool/http.h"

#define BACKLOG 16

static dc_error bad_address(const char *where)
{
    return dc__fail(DC_EINVAL, "--http: '%s' is not an address; write it like 127.0.0.1:7780 or [::1]:7780",
                    where);
}

/* host without its brackets; port is what follows the last colon. */
static dc_error split(const char *where, char host[256], const char **port)
{
    const char *colon = strrchr(where, ':'), *from = where, *to = colon;
    if (!colon || colon == where) return bad_address(where);
    const bool brackets = *from == '[' && to[-1] == ']';
    if (brackets) from++, to--;
    const size_t n = (size_t)(to - from);
    if (n == 0 || n > 255 || (!brackets && memchr(from, ':', n))) return bad_address(where);
    memcpy(host, from, n);
    host[n] = '\0';
    *port = colon + 1;
    const size_t digits = strspn(*port, "0123456789");
    if (digits == 0 || digits > 5 || (*port)[digits] != '\0' || atoi(*port) > 65535)
        return bad_address(where);
    return DC_OK;
}

static dc_error bind_to(const struct addrinfo *a, const char *where, int *fd)
{
    const int yes = 1;
    *fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (*fd >= 0 && setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
        bind(*fd, a->ai_addr, a->ai_addrlen) == 0 && listen(*fd, BACKLOG) == 0)
        return DC_OK;
    const int why = errno;
    if (*fd >= 0) (void)close(*fd);
    if (why == EADDRINUSE)
        return dc__fail(DC_ENET, "--http: %s is taken by another program: stop it or give another port",
                        where);
    return dc__fail(DC_ENET, "--http: cannot listen on %s: %s", where, strerror(why));
}

dc_error dc__http_listen(const char *where, int *fd, char *url, size_t url_bytes, char host[256], bool *local)
{
    char number[32] = "";
    const char *port = NULL;
    *fd = -1;
    dc_error err = split(where, host, &port);
    if (err) return err;
    const struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    const int rc = getaddrinfo(host, port, &hints, &found);
    if (rc != 0)
        return dc__fail(DC_EINVAL, "--http: no address is known for '%s' (%s); write it like 127.0.0.1:7780",
                        host, gai_strerror(rc));
    err = bind_to(found, where, fd);
    freeaddrinfo(found);
    if (err) return err;
    struct sockaddr_storage bound;
    socklen_t n = sizeof bound;
    *local = false;
    if (getsockname(*fd, (struct sockaddr *)&bound, &n) == 0) {
        *local = dc__sockaddr_is_loopback(&(dc__sockaddr){bound, n});
        (void)getnameinfo((struct sockaddr *)&bound, n, NULL, 0, number, sizeof number, NI_NUMERICSERV);
    }
    (void)snprintf(url, url_bytes, strchr(host, ':') ? "http://[%s]:%s/" : "http://%s:%s/", host, number);
    return DC_OK;
}
