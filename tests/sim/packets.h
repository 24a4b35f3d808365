/* packets.h - what is under way between simulated machines, in the order in which it arrives. */
#ifndef SIM_PACKETS_H
#define SIM_PACKETS_H

#include <stddef.h>

#include "sim/files.h"

#define SIM_TIMEOUT_NS (10 * SIM_S) /* TCP_USER_TIMEOUT */

/* CHECK is a timer of its side's kernel. */
typedef enum sim_packet_kind { SIM_SYN, SIM_SYNACK, SIM_DATA, SIM_FIN, SIM_RST, SIM_CHECK } sim_packet_kind;

/* What one side sends the other. */
typedef struct sim_way {
    uint8_t *bytes; /* arrived and not read yet */
    size_t n, under_way;
    int64_t last_ns;  /* when the latest packet arrives */
    int64_t again_ns; /* what a cut has lost is sent again then: nothing that was behind it arrives before */
    int64_t progress_ns; /* when something was acknowledged */
    bool fin_sent, fin_here, watched;
} sim_way;

/* Side 0 dialed. */
struct sim_connection {
    int number, link; /* the dialer's machine */
    sim_file *file[2];
    sim_way way[2];
    int error[2];                   /* the next call fails with it */
    bool up[2], closed[2], dead[2]; /* established; nobody has it any more; reset */
    bool lost[2];                   /* what this side has sent does not arrive any more */
};

typedef struct sim_packet {
    int64_t at_ns;
    uint64_t order;
    sim_packet_kind kind;
    sim_connection *c;
    int side; /* that sent it */
    uint8_t *bytes;
    size_t n;
} sim_packet;

/* sim_packet_put - sent now; sim_packet_again - sent before, and keeps its place among others of its time.
 * sim_packet_first - the next to arrive, NULL: none; stays until sim_packet_drop. */
void sim_packet_put(const sim_packet *p);
void sim_packet_again(const sim_packet *p);
const sim_packet *sim_packet_first(void);
void sim_packet_drop(void);

/* tcp.c: the server's listening socket; there is one, or none. sim_packet_send - from a side of a connection, which takes
 * as long as the network says; bytes become the packet's. */
extern sim_file *sim_listener;
void sim_packet_send(sim_connection *c, int side, sim_packet_kind kind, uint8_t *bytes, size_t n);
const sim_weather *sim_net_weather(void);

/* Who has this side's descriptor looks again. */
static inline void sim_tcp_changed(sim_connection *c, int side)
{
    if (c->file[side]) sim_file_changed(c->file[side]);
}

#endif
