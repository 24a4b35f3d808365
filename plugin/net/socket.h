/* socket.h - nanomsg, as far as this library uses it: pairs of sockets inside the process.
 *
 * DESIGN
 *   An engine's thread and a gate's thread exchange messages over a PAIR on inproc://, whose ends have
 * descriptors that can be waited on. nanomsg copies what it carries between the two (1.1.5 does, on inproc://),
 * so what it carries is where a message is, not the message. No other file calls nanomsg. Every pair has a name
 * of its own that is bound before anybody connects and never bound again, for nanomsg 1.1.5 uses freed memory
 * when an inproc name is bound while a peer still connects. */
#ifndef DC__SOCKET_H
#define DC__SOCKET_H

#include <stdbool.h>
#include <stddef.h>

#include "dynacomm.h"
#include "net/message.h"

/* dc__socket_pair - two connected sockets. waiting[k]: messages that may wait for end k. DC_ENET.
 * dc__socket_pair_close - both; messages that nobody received are freed. After every thread is done with them. */
dc_error dc__socket_pair(int ends[2], const int waiting[2]);
void dc__socket_pair_close(const int ends[2]);

/* dc__socket_send - hands message (n bytes) over; false if that would block longer than wait_ms (0: at all): the
 * caller keeps it. dc__socket_receive - the next message and its size, which is the caller's; NULL if there is
 * none within wait_ms. One thread sends, one receives. */
bool dc__socket_send(int socket, void *message, size_t n, int wait_ms);
void *dc__socket_receive(int socket, size_t *n, int wait_ms);

/* dc__socket_readable_fd, dc__socket_writable_fd - descriptors that poll as readable while a message can be
 * received, or sent. The socket's; not to be read or closed. */
int dc__socket_readable_fd(int socket);
int dc__socket_writable_fd(int socket);

#endif
