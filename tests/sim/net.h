/* net.h - the simulated machines' network: TCP connections between the server's machine and each worker's, and what
 * their gates wait on. A connection is ordered and whole until it breaks, as TCP's are; bytes take time, come in any
 * pieces, and wait while their link is cut. */
#ifndef SIM_NET_H
#define SIM_NET_H

#include "sim/sched.h"

#define SIM_MACHINES 16 /* 0 is the server's */

/* What the network is like; machines are given to processes by their names' order of appearance in sim_net_at. */
typedef struct sim_weather {
    int64_t latency_ns, jitter_ns; /* of a packet */
    double Bps;                    /* of a link */
    uint64_t buffer_bytes;         /* a direction of a connection holds so much */
    unsigned late_connections;     /* of 1024: they take seconds */
    unsigned pieces;               /* of 1024: what is sent or received is cut short */
} sim_weather;

void sim_net_begin(const sim_weather *weather);

/* sim_net_at - the process that runs on this machine, for the sockets it opens from here on. */
void sim_net_at(const sim_process *p, int machine);
int sim_net_machine(const sim_process *p);

/* sim_net_cut - nothing passes between a worker's machine and the server's until until_ns; what was under way comes
 * then. Who waits for an acknowledgement for 10 s gives the connection up, as the kernel does (TCP_USER_TIMEOUT).
 * sim_net_power - a machine has lost its power: its sockets are gone, and nobody hears of it. Then sim_kill. */
void sim_net_cut(int machine, int64_t until_ns);
void sim_net_power(const sim_process *p);

/* sim_net_close - a process is gone; its kernel closes what it had. sim_net_forget - a thread is. sim_net_advance -
 * what is due by now happens; when to look again. */
void sim_net_close(const sim_process *p);
void sim_net_forget(const sim_thread *t);
int64_t sim_net_advance(int64_t now_ns);

#endif
