/* link.h - one connection between a worker and a server: bounded, checked frames over a channel.
 *
 * DESIGN
 *   A channel (net/channel.h) gives messages whole, in order and without a gap. What it does not give is
 * here: a deadline on every call, heartbeats, checks of what a peer sends, and credit. One thread sends and
 * one receives; they may be two threads. Nothing here starts a thread.
 *
 *   Credit. A frame of high priority must not queue behind megabytes of low in the kernel, and yet the kernel
 * must hold enough to keep a long link full. How much that is depends on the link, so the kernel's buffers
 * follow it and the sender holds itself back: every frame carries how many payload bytes its sender has
 * received on this link; what was sent and not yet reported as received is kept below window_bytes (and one
 * frame). The receiver never sends: it wakes its own side's sender, which acknowledges with the next frame,
 * or with an ACK when there is none. An ACK has no payload, so it calls for no other. No frame waits for
 * credit with nothing unacknowledged, and receivers take whatever comes, so two ends cannot wait for each
 * other.
 *
 *   Each frame also carries what its sender measures
 * (net/meter.h), so that both ends know both directions. */
#ifndef DC__LINK_H
#define DC__LINK_H

#include <stdatomic.h>

#include "base/log.h"
#include "net/channel.h"
#include "net/meter.h"
#include "net/wire.h"

#define DC__POLL_MS 50 /* how often a blocked call looks at stop and at the connection */
#define DC__POLL_NS (DC__POLL_MS * (int64_t)1000000)
#define DC__PING_NS 1000000000   /* a heartbeat after this long without a frame sent */
#define DC__ABSENT_NS 3000000000 /* a peer that was not heard for so long is reported */
#define DC__LINGER_MS 1000       /* for the last frames of a link, which are small */
#define DC__COST_BYTES 4096      /* a frame's cost is measured on those that carry no more */

typedef struct dc__link {
    dc__channel *channel;       /* NULL = closed */
    uint32_t next_out, next_in; /* sequence numbers; the sender's and the receiver's thread */
    _Atomic int64_t heard_ns;   /* last frame received, or the start */
    int64_t sent_ns;            /* last frame sent; sender's thread */
    _Atomic uint64_t sent_bytes, received_bytes;
    /* credit, in payload bytes */
    _Atomic uint64_t window_bytes;             /* 0 = no bound; set by anyone */
    _Atomic uint64_t given_bytes, taken_bytes; /* sent; received */
    _Atomic uint64_t acked_bytes;              /* of given_bytes, as the peer reported */
    uint64_t reported_bytes;                   /* of taken_bytes, as reported to the peer; sender's thread */
    /* measured; 0 = not known */
    dc__meter meter;                /* receiver's thread */
    _Atomic double in_Bps, out_Bps; /* goodput: ours, and the other direction's as the peer reports */
    dc__least cost;                 /* sender's thread */
    _Atomic double cost_s, peer_cost_s;
    _Atomic bool *stop; /* set by the owner: calls return DC_ESTOPPED */
    int64_t
        silence_ns; /* DC_ETIMEOUT after this long without a byte of a frame, but while this side connects */
    dc__log *log;   /* the owner's, for a peer that is absent and comes back; NULL: none */
    int64_t absent_ns; /* since when it is, 0 = it is not; receiver's thread */
    char peer[64];     /* for lines: "the server at tcp://..." */
} dc__link;

/* A received frame: payload is payload_bytes long, 4-byte aligned, and stays until dc__frame_free. */
typedef struct dc__frame {
    dc__header header;
    void *message;
    uint8_t *payload;
} dc__frame;

/* dc__link_open - frames over channel, which it takes over. stop may be NULL. dc__link_move - to's frames go
 * on where from's were, and from is closed; peer, silence_s and stop are to's. Close with dc__link_close,
 * after both threads are done; what was sent is delivered if that takes no longer than linger_ms. */
void dc__link_open(dc__link *link, dc__channel *channel, const char *peer, double silence_s,
                   _Atomic bool *stop);
void dc__link_move(dc__link *to, dc__link *from, const char *peer, double silence_s, _Atomic bool *stop);
void dc__link_close(dc__link *link, int linger_ms);

/* dc__link_ended - the peer cannot be reached any more. Any thread. */
bool dc__link_ended(const dc__link *link);

/* dc__link_sign_ns - when the peer was last heard: a frame, or a part of one that is on its way. Any thread. */
int64_t dc__link_sign_ns(const dc__link *link);

/* dc__link_has_credit - a frame may go. dc__link_owes_ack - something was received that was not reported to
 * the peer. dc__link_quiet - the peer has received all that was sent. All: sender's thread. */
bool dc__link_has_credit(const dc__link *link);
bool dc__link_owes_ack(const dc__link *link);
bool dc__link_quiet(const dc__link *link);

/* dc__link_alloc - a message with room for payload_bytes: fill what *payload points to, then dc__link_send
 * it. NULL when out of memory. dc__link_alloc_values - one for this link, which on one machine is not copied on its way
 * if it is large; NULL: for any. dc__link_discard frees one that is not sent. */
void *dc__link_alloc(uint32_t payload_bytes, void **payload);
void *dc__link_alloc_values(dc__link *link, uint32_t payload_bytes, void **payload);
void dc__link_discard(void *message);

/* dc__link_send - seals and sends message (from dc__link_alloc, payload_bytes = header->payload_bytes),
 * taking ownership whatever happens. Blocks until the channel took it. The sequence number is filled in.
 * DC_ESTOPPED, DC_ETIMEOUT (peer silent), or why the channel has ended. */
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
