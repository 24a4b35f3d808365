/* tcp.h - sockets between two gates: what they are set to, and how they are opened. */
#ifndef DC__TCP_H
#define DC__TCP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "net/address.h"

/* A socket's address; n = 0: none. */
typedef struct dc__sockaddr {
    struct sockaddr_storage address;
    socklen_t n;
} dc__sockaddr;

#define DC__SOCKADDRS 8 /* most that are tried of a name's */

/* dc__tcp_tune - sets what every connection over fd is to have. */
void dc__tcp_tune(int fd);

/* dc__tcp_lookup - up to DC__SOCKADDRS addresses, how many; 0 with a text in *why if there is none. Blocks
 * for a tcp:// name unless numeric_only, which takes numbers alone. */
int dc__tcp_lookup(const dc__address *address, bool numeric_only, dc__sockaddr out[DC__SOCKADDRS],
                   const char **why);

/* dc__sockaddr_is_loopback - it is this machine's own. dc__tcp_is_local - only this machine reaches the address. Blocks for a name. */
bool dc__sockaddr_is_loopback(const dc__sockaddr *at);
bool dc__tcp_is_local(const dc__address *address);

/* dc__tcp_own_host - as what this machine is reached from there, in host[n]: the address of its interface that leads to it.
 * False if there is none. Blocks for a name. */
bool dc__tcp_own_host(const dc__address *there, char *host, size_t n);

/* dc__tcp_listen - a listening, non-blocking socket, -1 with an error. A unix socket's file that nobody
 * listens on is replaced. url: for lines. */
dc_error dc__tcp_listen(int *fd, const dc__address *address, const char *url);

/* dc__tcp_port - that a socket of tcp:// listens on. */
int dc__tcp_port(int fd);

/* dc__tcp_connect - begins to connect: a non-blocking socket, or -1 with errno. */
int dc__tcp_connect(const dc__sockaddr *to);

#endif
