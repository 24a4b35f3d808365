/* shared.h - memory that the two gates of a unix connection share: a ring of bytes for each direction, and buffers for large
 * messages (buffers.h).
 *
 * DESIGN
 *   A unix socket copies every byte twice and allocates memory for it on the way: half of all processor time
 * where server and workers share a machine. A ring copies twice, and does nothing else; a large message lies in a buffer, and
 * the ring only says in which. The socket stays: over
 * it hello and answer go, the memory's descriptor with the answer, and then single bytes (zeros) that wake
 * who sleeps. Its end is the connection's end.
 *   Who listens makes the memory and offers it. Who dials takes it, says so in it, and wakes the other; where no descriptor
 * came (another program carries the socket's bytes) the first byte is a record's, never zero: then the records go over the socket.
 * Until that byte has come, the listener sends nothing.
 *   Who is about to sleep sets its flag and looks once more; who then changes something takes the flag down and
 * sends the byte. So there is no byte while both work.
 *   It is for processes of one user, as the kernel says to both ends. With keys the descriptor comes with the sealed answer, after both
 * ends have proved theirs, and records go through the memory as they are: sealing would hide bytes only from who can read the memory
 * of both processes anyway. Where the memory is not taken all bytes are sealed.
 *   Neither end trusts the other's numbers, nor looks at the ring's bytes before it has copied them; the memory cannot be
 * made shorter (a seal). The gate's thread only. */
#ifndef DC__SHARED_H
#define DC__SHARED_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "net/buffers.h"

#define DC__RING_BYTES ((size_t)1 << 20) /* as much as a gate reads at a time: then threads change seldom */

typedef struct dc__shared dc__shared;

/* What has become of an offer. */
typedef enum dc__offer { DC__OFFER_OPEN, DC__OFFER_TAKEN, DC__OFFER_NOT_TAKEN } dc__offer;

/* dc__shared_offer - new memory, and in *fd its descriptor, which is the caller's: to be sent with the answer,
 * and closed. NULL, and *fd -1, if the system gives none. dc__shared_take - what came so over `socket`, or NULL if it
 * is not such memory; closes fd, -1 is allowed. dc__shared_free - NULL is allowed. */
dc__shared *dc__shared_offer(int *fd);
dc__shared *dc__shared_take(int fd, int socket);
void dc__shared_free(dc__shared *s);

/* dc__shared_same_user - whether the other end of a unix socket was opened by a process of this one's effective user. */
bool dc__shared_same_user(int socket);

/* dc__shared_settle - whether the peer has taken it; consumes nothing but wake-ups. */
dc__offer dc__shared_settle(dc__shared *s, int socket);

/* As recv and sendmsg with MSG_DONTWAIT: bytes, 0 at the end, -1 with errno (EAGAIN; EPIPE: the peer is gone;
 * EBADMSG: it writes what cannot be). */
ssize_t dc__shared_receive(dc__shared *s, int socket, void *to, size_t n);
ssize_t dc__shared_send(dc__shared *s, int socket, const struct iovec *iov, int pieces);

/* dc__shared_sleeps - before waiting for the socket: to read, or to write. True if there is something to do already.
 * dc__shared_wakes - after it. */
bool dc__shared_sleeps(dc__shared *s, bool to_read, bool to_write);
void dc__shared_wakes(dc__shared *s);

/* dc__shared_buffers - those of this memory; NULL as long as it is not known whether the peer takes it. */
dc__buffers *dc__shared_buffers(const dc__shared *s);

/* dc__shared_has_input - there are bytes to receive. */
bool dc__shared_has_input(const dc__shared *s);

/* dc__fd_send, dc__fd_receive - n bytes over a unix socket, and with them a descriptor, or none (-1); as send and recv with
 * MSG_DONTWAIT. A descriptor that was received is the caller's; *fd is left alone where none came. */
ssize_t dc__fd_send(int socket, const void *bytes, size_t n, int fd);
ssize_t dc__fd_receive(int socket, void *bytes, size_t n, int *fd);

#endif
