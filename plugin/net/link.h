/* link.h - one connection between a worker and a server: bounded, checked frames over a nanomsg PAIR socket.
 *
 * DESIGN
 *   nanomsg gives messages whole and in order over tcp, ipc and inproc. What it does not give is here: a
 * deadline on every call, a sign of life, word of a broken connection (it would reconnect in silence, having
 * lost what was in flight), a bound on what a peer can make us allocate, and credit. One thread sends and one
 * receives; they may be two threads. Nothing here starts a thread.
 *
 *   Credit. A frame of high priority must not queue behind megabytes of low in the kernel, and yet the kernel
 * must hold enough to keep a long link full. How much that is depends on the link, so the kernel's buffers
 * are large and the sender holds itself back: every frame tells how many payload bytes its sender has
 * received on this link; what was sent and not told to be received is kept below window_bytes (and one
 * frame). The receiver never sends: it wakes its own side's sender, which acknowledges with the next frame,
 * or with an ACK when there is none. An ACK has no payload, so it calls for no other. No frame waits for
 * credit with nothing unacknowledged, and receivers take whatever comes, so two ends cannot wait for each
 * other.
 *
 *   Each frame also tells what its sender measures (net/meter.h), so that both ends know both directions. */
#ifndef DC__LINK_H
#define DC__LINK_H

#include <stdatomic.h>

#include "net/meter.h"
#include "net/wire.h"

#define DC__POLL_MS 50 /* how often a blocked call looks at stop and at the connection */
#define DC__POLL_NS (DC__POLL_MS * (int64_t)1000000)
#define DC__PING_NS 1000000000     /* a sign of life after this long without a frame sent */
#define DC__KERNEL_BYTES (4 << 20) /* asked for, per direction; the kernel may grant less */
#define DC__COST_BYTES 4096        /* a frame's cost is measured on those that carry no more */

typedef struct dc__link {
    int socket; /* -1 = closed */
    int endpoint;
    uint32_t next_out, next_in; /* sequence numbers; the sender's and the receiver's thread */
    _Atomic int64_t heard_ns;   /* last frame received, or the start */
    int64_t sent_ns;            /* last frame sent; sender's thread */
    _Atomic uint64_t sent_bytes, received_bytes;
    /* credit, in payload bytes */
    _Atomic uint64_t window_bytes;             /* 0 = no bound; set by anyone */
    _Atomic uint64_t given_bytes, taken_bytes; /* sent; received */
    _Atomic uint64_t acked_bytes;              /* of given_bytes, as the peer told */
    uint64_t told_bytes;                       /* of taken_bytes, as we told the peer; sender's thread */
    /* measured; 0 = not known */
    dc__meter meter;                /* receiver's thread */
    _Atomic double in_Bps, out_Bps; /* goodput: ours, and the other direction's as the peer told */
    dc__least cost;                 /* sender's thread */
    _Atomic double cost_s, peer_cost_s;
    bool dialed;             /* we connect, the peer listens */
    _Atomic uint64_t broken; /* connections that nanomsg had lost when this one was seen */
    _Atomic bool up;         /* a connection was seen */
    _Atomic bool *stop;      /* set by the owner: calls return DC_ESTOPPED */
    int64_t silence_ns;      /* DC_ETIMEOUT after this long without a frame */
    char peer[64];           /* for lines: "the server at tcp://..." */
} dc__link;

/* A received frame: payload is payload_bytes long, 4-byte aligned, and stays until dc__frame_free. */
typedef struct dc__frame {
    dc__header header;
    void *message;
    uint8_t *payload;
} dc__frame;

/* dc__link_listen / dc__link_dial - a PAIR socket bound or connecting to url. DC_EURL, DC_ENET name url. stop
 * may be NULL. Close with dc__link_close, after both threads are done. */
dc_error dc__link_listen(dc__link *link, const char *url, const char *peer, double silence_s,
                         _Atomic bool *stop);
dc_error dc__link_dial(dc__link *link, const char *url, const char *peer, double silence_s,
                       _Atomic bool *stop);
void dc__link_close(dc__link *link);

/* dc__link_connected - there is a connection to the peer. Any thread. */
bool dc__link_connected(const dc__link *link);

/* dc__link_has_credit - a frame may go. dc__link_owes_ack - something was received that the peer was not told
 * of. dc__link_quiet - the peer has received all that was sent. All: sender's thread. */
bool dc__link_has_credit(const dc__link *link);
bool dc__link_owes_ack(const dc__link *link);
bool dc__link_quiet(const dc__link *link);

/* dc__link_alloc - a message with room for payload_bytes: fill what *payload points to, then dc__link_send
 * it. NULL when out of memory. dc__link_discard frees one that is not sent. */
void *dc__link_alloc(uint32_t payload_bytes, void **payload);
void dc__link_discard(void *message);

/* dc__link_send - seals and sends message (from dc__link_alloc, payload_bytes = header->payload_bytes),
 * taking ownership whatever happens. Blocks until nanomsg took it. The sequence number is filled in.
 * DC_ESTOPPED, DC_EPEER (connection lost), DC_ETIMEOUT (peer silent). */
dc_error dc__link_send(dc__link *link, dc__header *header, void *message);

/* dc__link_send_small - sends a frame whose payload is copied from n bytes. */
dc_error dc__link_send_small(dc__link *link, dc__header *header, const void *payload, uint32_t n);

/* dc__link_ping - sends a PING if nothing was sent for DC__PING_NS. Sender's thread. */
dc_error dc__link_ping(dc__link *link);

/* dc__link_receive - the next frame, checked; blocks at most wait_ms (-1: until something ends it), then
 * DC_OK with frame->message NULL. Errors as dc__link_send, and DC_EPROTO or DC_EVERSION for a bad frame or a
 * gap in the sequence. */
dc_error dc__link_receive(dc__link *link, dc__frame *frame, int wait_ms);
void dc__frame_free(dc__frame *frame);

#endif
