/* connection.h - one TCP or unix connection between two gates: records in, records out, never blocking.
 *
 * On one machine bytes go through memory that both gates share (shared.h), if they can. Else, between gates with keys, all are sealed (seal.h). Otherwise a message's body is read straight into the message that is handed on, and written straight from the one
 * that is kept: nothing is copied here. The gate's thread only. */
#ifndef DC__CONNECTION_H
#define DC__CONNECTION_H

#include "net/record.h"
#include "net/seal.h"
#include "net/shared.h"
#include "net/stream.h"

#define DC__BATCH 16              /* records in one system call */
#define DC__STAGE_BYTES 4096u     /* read ahead; what is larger goes directly to its place */
#define DC__TURN_BYTES (1u << 20) /* read at a time, so that every connection gets its turn */

typedef enum dc__traffic {
    DC__TRAFFIC_DONE,    /* for now: the socket would block, or there is nothing to send */
    DC__TRAFFIC_MORE,    /* its turn is over: there may be more to read */
    DC__TRAFFIC_MESSAGE, /* a message has come: take it from the connection */
    DC__TRAFFIC_GOODBYE, /* the peer has ended the session */
    DC__TRAFFIC_CLOSED,  /* the connection is lost */
    DC__TRAFFIC_BAD      /* the peer does not keep to the protocol */
} dc__traffic;

/* A record on its way out. */
typedef struct dc__outgoing {
    uint8_t header[DC__RECORD_BYTES];
    const void *body;
    size_t body_bytes; /* that follow the header: none if the body lies in a shared buffer */
} dc__outgoing;

typedef struct dc__connection {
    int fd;             /* -1 = none */
    dc__seal *seal;     /* NULL: without keys, or through shared memory; owned */
    dc__shared *shared; /* NULL: all bytes go over the socket; owned */
    int64_t heard_ns, sent_ns;
    int64_t part_ns; /* when bytes of a message last came */
    /* reading */
    uint8_t stage[DC__STAGE_BYTES];
    size_t stage_at, stage_end;
    void *message; /* under way, also from one connection to the next; complete when body_at == body_bytes */
    size_t body_at, body_bytes;
    bool in_body;
    bool unread; /* its turn ended before the socket was empty */
    bool asked;  /* a heartbeat came: the peer wants to know what was received */
    /* writing */
    dc__outgoing batch[DC__BATCH];
    int n_batch, first; /* records [first, n_batch) are not written whole */
    size_t written;     /* bytes of record `first` */
    int sealed;         /* records before this one are sealed, */
    size_t sealed_at;   /* and so many bytes of it */
    bool goodbye;       /* is in the batch, or was written */
} dc__connection;

/* dc__connection_open - for a connected, non-blocking fd and its seal (NULL: none), which it owns; a message that came half over the
 * one before goes on. dc__connection_close - also twice. dc__connection_forget - the message, too. */
void dc__connection_open(dc__connection *c, int fd, dc__seal *seal, int64_t now_ns);
void dc__connection_close(dc__connection *c);

/* dc__connection_share - its records go through shared memory, which it owns from here on; NULL is allowed. */
void dc__connection_share(dc__connection *c, dc__shared *shared);

/* dc__connection_buffers - those that it shares with the peer, or NULL. */
dc__buffers *dc__connection_buffers(const dc__connection *c);

/* dc__connection_waits - what to poll the socket for, before the thread sleeps until there is something to read, or room to write;
 * *at_once: there is already. dc__connection_woke - after the sleep; events: of the socket. True if there may be something to read. */
short dc__connection_waits(dc__connection *c, bool to_read, bool to_write, bool *at_once);
bool dc__connection_woke(dc__connection *c, short events);
void dc__connection_forget(dc__connection *c);

/* dc__connection_partial - bytes of the message under way. */
static inline uint32_t dc__connection_partial(const dc__connection *c)
{
    return c->message ? (uint32_t)c->body_at : 0;
}

/* dc__connection_read - until something is to be done; at most *budget bytes more. most_bytes: of a message.
 * After DC__TRAFFIC_MESSAGE the caller owns c->message (c->body_bytes long) and sets it to NULL. */
dc__traffic dc__connection_read(dc__connection *c, dc__stream *s, size_t most_bytes, size_t *budget,
                                int64_t now_ns);

/* dc__connection_has_batch - records are half written. dc__connection_put - adds a record to the batch, whose
 * message stays the stream's; false if it is full. */
static inline bool dc__connection_has_batch(const dc__connection *c)
{
    return c->first < c->n_batch;
}
bool dc__connection_put(dc__connection *c, dc__stream *s, dc__record_type type, const dc__kept *message);

/* dc__connection_write - as much of the batch as the socket takes: DC__TRAFFIC_DONE or _CLOSED. */
dc__traffic dc__connection_write(dc__connection *c, dc__stream *s, int64_t now_ns);

#endif
