/* socket.h - nanomsg, as far as this library uses it: messages, and pairs of sockets inside the process.
 *
 * DESIGN
 *   An engine's thread and a gate's thread exchange messages over a PAIR on inproc://: nanomsg hands the
 * message itself over, nothing is copied, and each end has a descriptor that can be waited on. No other file
 * calls nanomsg. Every pair has a name of its own that is bound before anybody connects and never bound
 * again, for nanomsg 1.1.5 uses freed memory when an inproc name is bound while a peer still connects. */
#ifndef DC__SOCKET_H
#define DC__SOCKET_H

#include <stdbool.h>
#include <stddef.h>

#include "dynacomm.h"

/* dc__message_alloc - n bytes that a socket takes over when it sends them; NULL when out of memory.
 * dc__message_shrink - the same with n bytes, fewer than before. dc__message_free - one that was received, or
 * not sent; NULL is allowed. Any thread. */
void *dc__message_alloc(size_t n);
void *dc__message_shrink(void *message, size_t n);
void dc__message_free(void *message);

/* dc__socket_pair - two connected sockets. buffer_bytes[k]:
 * what may wait for end k (one message always may). DC_ENET. */
dc_error dc__socket_pair(int ends[2], const int buffer_bytes[2]);
void dc__socket_close(int socket);

/* dc__socket_send - hands message over; false if that would block longer than wait_ms (0: at all), or the
 * other end is closed: the caller keeps it. dc__socket_receive - the next message and its size; NULL if there
 * is none within wait_ms. One thread sends, one receives. */
bool dc__socket_send(int socket, void *message, int wait_ms);
void *dc__socket_receive(int socket, size_t *n, int wait_ms);

/* dc__socket_readable_fd, dc__socket_writable_fd - descriptors that poll as readable while a message can be
 * received, or sent. The socket's; not to be read or closed. */
int dc__socket_readable_fd(int socket);
int dc__socket_writable_fd(int socket);

#endif
