/* files.h - descriptors of simulated processes that no kernel knows: sockets (sockets.c), and what a gate's thread is woken
 * by (wait.c). */
#ifndef SIM_FILES_H
#define SIM_FILES_H

#include <poll.h>
#include <stddef.h>

#include "sim/net.h"

#define SIM_FD 1000000 /* the first */
#define SIM_FILES 4096

typedef enum sim_kind { SIM_NONE, SIM_EVENT, SIM_STREAM, SIM_LISTENER, SIM_READABLE, SIM_WRITABLE } sim_kind;

typedef struct sim_connection sim_connection;
typedef struct sim_pair sim_pair;

typedef struct sim_file {
    sim_kind kind;
    int fd;
    const sim_process *owner;
    sim_thread *poller;        /* waits for it */
    uint64_t count;            /* EVENT */
    sim_connection *c;         /* STREAM; NULL: not connected to anybody yet */
    int side;                  /* of it, or of the pair */
    sim_pair *pair;            /* READABLE, WRITABLE */
    sim_connection *queue[64]; /* LISTENER: not accepted yet */
    int n_queue;
} sim_file;

/* sim_file_new - a descriptor of the calling process. sim_file_of - NULL: the kernel's. sim_file_free - and its number
 * may be given again. sim_file_at - the k-th there may be, of those in use; NULL at the end. */
sim_file *sim_file_new(sim_kind kind);
sim_file *sim_file_of(int fd);
void sim_file_free(sim_file *f);
sim_file *sim_file_at(int *k);

/* Something has changed: who polls it looks again. */
void sim_file_changed(sim_file *f);

/* sockets.c: what it is ready for. sim_tcp_close - the last of it. */
short sim_tcp_ready(const sim_file *f);
void sim_tcp_close(sim_file *f, bool silently);
/* wait.c: likewise. */
short sim_pair_ready(const sim_file *f);

#endif
