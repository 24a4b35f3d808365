/* server.h - a server: one model's training, from the first worker that joins to the last goodbye.
 *
 * DESIGN
 *   The caller of dc_server_run is the run loop: it admits workers (admission.c), starts the run when all are
 * here and watches over its end. Each worker's session has two threads, checkpoints have one. What they share
 * is training.h's, part by part; the lock order stands there. */
#ifndef DC__SERVER_H
#define DC__SERVER_H

#include "net/address.h"
#include "server/session.h"
#include "server/training.h"

#define DC__ATTACH_TIMEOUT_S 10.0

struct dc_server {
    dc_server_options options;
    char url[DC__URL_BYTES];
    int join_socket;
    _Atomic bool stop_requested;
    dc__training training;
    dc__session *sessions; /* [roster.n], by rank */
};

/* admission.c: one request on the well-known port, if there is one; places of workers that left before the
 * start, or never attached, are free again; a session's link is opened. Run loop. */
void dc__server_admit(dc_server *s);
void dc__server_reap(dc_server *s);
dc_error dc__server_open_link(dc_server *s, dc__session *session);

#endif
