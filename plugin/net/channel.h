/* channel.h - an ordered, unbroken stream of whole messages between a worker and a server.
 *
 * DESIGN
 *   Over tcp:// and ipc:// a channel ends at a gate (gate.h) that owns the connection, makes it again when it
 * breaks and sends again what had not arrived: as long as both processes live and reach each other now and
 * then, the stream has no gap. Over inproc:// the two ends are joined directly. A listener has one address
 * for all its workers.
 *
 *   One thread may send while another receives; state may be read by any. */
#ifndef DC__CHANNEL_H
#define DC__CHANNEL_H

#include <stdint.h>

#include "net/handshake.h"
#include "net/socket.h"
#include "secure/keeper.h"

typedef struct dc__channel dc__channel;
typedef struct dc__listener dc__listener;

typedef enum dc__channel_state {
    DC__CHANNEL_CONNECTING, /* there was no connection yet */
    DC__CHANNEL_UP,
    DC__CHANNEL_LOST, /* there is no connection at the moment */
    DC__CHANNEL_ENDED /* and there will be none: dc__channel_error says why */
} dc__channel_state;

typedef struct dc__dial_options {
    double connect_s;  /* how long a first connection may take */
    double refused_s;  /* how long it is tried again where nobody listens any more */
    double patience_s; /* how long it is tried again at all */
    double
        shut_s; /* how long first handshakes may come to nothing, 0 = as long as a crowd may take all room for them */
    size_t most_bytes;         /* of a message that arrives */
    const dc__dial_keys *keys; /* NULL: without; copied */
} dc__dial_options;

/* dc__channel_dial - begins to connect; returns at once. DC_EURL, DC_ENET, DC_ENOMEM. */
dc_error dc__channel_dial(dc__channel **channel, const char *url, const dc__dial_options *options);

/* dc__channel_close - delivers what was sent, as far as that takes no longer than linger_ms and there is a
 * connection, says goodbye, and frees the channel. NULL is allowed. After both threads are done with it. */
void dc__channel_close(dc__channel *channel, int linger_ms);

/* dc__channel_alloc - n bytes for a message that is to be sent over this channel, where it need not be copied if there
 * is such room (buffers.h); else, and for any channel, dc__message_alloc. NULL when out of memory.
 * dc__channel_send - takes message (n bytes) over; false if it did not within wait_ms: the caller
 * keeps it. dc__channel_receive - the next message, NULL if none came within wait_ms; it is the caller's. */
void *dc__channel_alloc(dc__channel *channel, size_t n);
bool dc__channel_send(dc__channel *channel, void *message, size_t n, int wait_ms);
void *dc__channel_receive(dc__channel *channel, size_t *n, int wait_ms);

/* dc__channel_state_of - see above. dc__channel_error - once it has ended: why, with a line that calls the
 * peer `peer`. After the last message has been received, dc__channel_receive gives NULL for ever. */
dc__channel_state dc__channel_state_of(const dc__channel *channel);
dc_error dc__channel_error(const dc__channel *channel, const char *peer);

/* dc__channel_is_tried - there is no connection at the moment, and this side tries to make one, for as long
 * as its options say. */
bool dc__channel_is_tried(const dc__channel *channel);

/* dc__channel_member - the name of the peer whose key this listener's channel has proved, "" without keys; constant.
 * dc__channel_member_key - that key [DC__KEY_BYTES], NULL without keys; likewise.
 * dc__channel_is_inside - both ends are in this process.
 * dc__channel_is_intact - nothing can be changed on its way unnoticed: it is sealed, or stays within one machine. */
const char *dc__channel_member(const dc__channel *channel);
const uint8_t *dc__channel_member_key(const dc__channel *channel);
bool dc__channel_is_inside(const dc__channel *channel);
bool dc__channel_is_intact(const dc__channel *channel);

/* dc__channel_part_ns - when bytes of a message last came, which may not be whole yet: 0 = never. Any thread. */
int64_t dc__channel_part_ns(const dc__channel *channel);

/* dc__channel_reconnects - how often a broken connection was made again. */
uint64_t dc__channel_reconnects(const dc__channel *channel);

/* dc__channel_admit - a listener's channel whose peer is known: its messages may have up to most_bytes from
 * here on, and it no longer counts as one that waits for admission. */
void dc__channel_admit(dc__channel *channel, size_t most_bytes);

/* dc__listener_open - listens on url. first_bytes: the most that a message may have before its channel is
 * admitted. DC_EURL; DC_ENET with a line that names url if it is taken. dc__listener_close - after all of its
 * channels are closed. */
dc_error dc__listener_open(dc__listener **listener, const char *url, size_t first_bytes);

/* dc__listener_open_near - listens on a free port of the interface that leads to the tcp:// address there, or beside the unix
 * socket there; url: where. DC_ENET, DC_EURL with a line. */
dc_error dc__listener_open_near(dc__listener **listener, const char *there, size_t first_bytes, char *url,
                                size_t url_bytes);

/* dc__listener_open_keyed - the same, for those alone whom keeper admits; it must outlive the listener, whose thread
 * is its owner from here on. NULL: anybody. dc__listener_turned_away - connections so far that ended before they had
 * proved who they are. */
dc_error dc__listener_open_keyed(dc__listener **listener, const char *url, size_t first_bytes,
                                 dc__keeper *keeper);
uint64_t dc__listener_turned_away(const dc__listener *listener);
void dc__listener_close(dc__listener *listener);

/* dc__listener_accept - the next peer's channel, NULL if none came within wait_ms, or before that when the connection of one that was
 * accepted broke. */
dc__channel *dc__listener_accept(dc__listener *listener, int wait_ms);

#endif
