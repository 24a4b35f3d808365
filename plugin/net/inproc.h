/* inproc.h - channels inside one process, without a gate: both sides have an end of the same pair of sockets.
 * All calls from any thread. */
#ifndef DC__INPROC_H
#define DC__INPROC_H

#include "net/channel.h"

typedef struct dc__inproc dc__inproc; /* the two sides of a connection */
typedef struct dc__inproc_listener dc__inproc_listener;

/* dc__inproc_dial - side 0 of a new connection to whoever listens on name, or will. DC_ENET, DC_ENOMEM.
 * dc__inproc_leave - a side is done with it; what it sent can still be received by the other. */
dc_error dc__inproc_dial(dc__inproc **connection, const char *name, double connect_s);
void dc__inproc_leave(dc__inproc *connection, int side);

/* dc__inproc_socket - a side's end. dc__inproc_state - of a side's channel. dc__inproc_waited_s - how long
 * side 0 has waited for a listener, or did. */
int dc__inproc_socket(const dc__inproc *connection, int side);
dc__channel_state dc__inproc_state(dc__inproc *connection, int side);
bool dc__inproc_was_up(dc__inproc *connection);

/* dc__inproc_listen - DC_ENET with a line that names name if it is taken. dc__inproc_accept - the next
 * connection, of which the caller has side 1; NULL if none came within wait_ms. dc__inproc_unlisten -
 * connections that nobody accepted end. */
dc_error dc__inproc_listen(dc__inproc_listener **listener, const char *name);
dc__inproc *dc__inproc_accept(dc__inproc_listener *listener, int wait_ms);
void dc__inproc_unlisten(dc__inproc_listener *listener);

#endif
