/* host.h - a shard's server in a process that is something else: a worker's of a mesh.
 *
 * DESIGN
 *   The process says SHARD to the meeting server (dc__meet), which answers with the shard that it is to hold and what the run
 * is like; then it makes a server of that (dc__server_host), which goes on with the same link. The server has a second
 * listener for the worker beside it, whose frames stay inside the process. */
#ifndef DC__HOST_H
#define DC__HOST_H

#include "dynacomm_server.h"
#include "endpoint/account.h"
#include "server/hello.h"

typedef struct dc__meet_options {
    const char *url; /* the meeting server's */
    const char *own; /* where workers reach the shard; of all interfaces: the one that leads there */
    int rank;        /* that the worker asks for, -1 = any */
    double Bps;      /* of its link each way, 0 = not known */
    uint64_t id;     /* the worker's, 0 = none that it keeps */
    double connect_s, silence_s;
    volatile int *stop; /* as dc_worker_options.stop */
} dc__meet_options;

typedef struct dc__met {
    char url[DC__URL_BYTES], own[DC__URL_BYTES];
    dc__link link; /* to the meeting server */
    int rank;      /* as what it came there: as in the options */
    double Bps;
    uint64_t id;
    dc__shard_place place;
} dc__met;

/* dc__meet - DC_EURL, DC_ENET, DC_ETIMEOUT, DC_ESTOPPED; DC_EPEER, DC_EINVAL, DC_EFULL, DC_EVERSION as the meeting server says. Blocks.
 * On success close met->link, or give it to dc__server_host. */
dc_error dc__meet(const dc__meet_options *options, dc__met *met);

/* dc__server_host - the server of that shard: it takes over both listeners and met's link, also if it fails; what it sends to others is
 * on account, which must outlive it. Otherwise as dc_server_start.
 * dc__server_end - its run ends, as the line says; any thread. */
dc_error dc__server_host(dc_server **server, dc__met *met, dc__listener *listener, dc__listener *inner,
                         dc__account *account);
void dc__server_end(dc_server *server, const char *line);

#endif
