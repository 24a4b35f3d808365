/* gate.h - a thread that carries channels over connections, and keeps them whole when a connection breaks.
 *
 * DESIGN
 *   A listener's gate accepts at one public address for all its workers; a dialed channel has a gate of its
 * own. Everything marked (G) belongs to the gate's thread. The engine's side reaches it only through the
 * channel's two sockets, atomics, and dc__gate.lock for what is marked (L); `wake` gets the thread's
 * attention.
 *
 *   A connection begins with a hello and its answer (record.h), with keys inside a handshake (handshake.h):
 * a listener with keys says the same to everybody who has not proved its own. Who waits for long has its place
 * taken by who comes, so that nobody can hold up others by connecting. A session outlives its connections: who dials makes new ones, with a pause that
 * doubles, and both ends then send again what the other has not got. What ends a session: a goodbye; on a
 * unix socket, where no network can be to blame, the end of the connection; at the dialer, its patience, or a
 * listener that does not know the session (it was started again). A listener waits as long as its owner does.
 *
 *   It polls: a run has a handful of workers, and what is asked of each descriptor changes all the time. */
#ifndef DC__GATE_H
#define DC__GATE_H

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include "net/address.h"
#include "net/channel.h"
#include "net/connection.h"
#include "net/inproc.h"
#include "secure/keeper.h"

#define DC__GATE_PENDING 64               /* connections before their hello, and channels before admission */
#define DC__GATE_HELLO_NS 5000000000      /* a hello has so long to come */
#define DC__GATE_HEARTBEAT_NS 500000000   /* after so long without a record sent */
#define DC__GATE_SILENCE_NS 3000000000    /* a dialer that hears nothing for so long connects again */
#define DC__GATE_RETRY_NS 50000000        /* first pause between two attempts to connect, */
#define DC__GATE_RETRY_MOST_NS 1000000000 /* and the longest; of an attempt, too, or 3 round trips */
#define DC__INNER_WAITING 16  /* messages between engine and gate: the link's credit bounds their bytes */
#define DC__ENGINE_WAITING 16 /* the other way */
/* No further record is added to a batch of so many. Several large ones go at one wake-up: with one, the threads' changes cost 0.1 s per GB. */
#define DC__BATCH_BYTES (1u << 20)

typedef struct dc__gate dc__gate;
typedef struct dc__dialer dc__dialer;

/* Why a channel has ended; the line is made from it. */
typedef enum dc__ending {
    DC__END_NONE,
    DC__END_GOODBYE,   /* the peer closed it */
    DC__END_GONE,      /* the peer's process is gone */
    DC__END_UNKNOWN,   /* the listener does not know the session: it was started again */
    DC__END_REFUSED,   /* nobody listens there any more */
    DC__END_PATIENCE,  /* no connection for too long */
    DC__END_NO_ANSWER, /* there never was one */
    DC__END_FULL,      /* the listener has too many who wait for admission */
    DC__END_VERSION,   /* the peer's gate is of another version */
    DC__END_PROTOCOL,  /* the peer does not keep to the protocol */
    DC__END_MEMORY,
    DC__END_KEYS,        /* the listener takes only who has a key */
    DC__END_SHUT,        /* the handshake came to nothing again and again: another key, or none */
    DC__END_UNKNOWN_KEY, /* as dc__hello_status */
    DC__END_UNINVITED,
    DC__END_EXPIRED,
    DC__END_USED,
    DC__END_FILES,
    DC__END_NOT_YET,  /* the listener follows another, which has not announced this key */
    DC__END_EXPELLED, /* a listener's member is none any more */
    DC__END_TAKEN_OFF /* likewise: so says the one that the listener follows */
} dc__ending;

struct dc__channel {
    int engine, inner; /* the two sockets of the pair */
    _Atomic dc__channel_state state;
    _Atomic dc__ending ending; /* written before state */
    _Atomic uint64_t reconnects;
    _Atomic size_t most_bytes;
    _Atomic int64_t part_ns; /* when bytes of a message last came */
    _Atomic bool admitted;
    _Atomic(dc__buffers *) buffers; /* that it shares with the peer; set once. NULL: none, or not known yet */
    _Atomic bool local;             /* both gates know that a unix socket connects them */
    _Atomic int64_t close_by_ns;    /* 0 = it is not being closed */
    char url[DC__URL_BYTES];        /* that was dialed, "" at a listener */
    char member[DC__MEMBER_BYTES];  /* who it is, at a listener with keys; "": not known. Constant */
    uint8_t member_key[DC__KEY_BYTES];
    double waited_s;           /* for lines: how long it was tried; written before state */
    dc__gate *gate;            /* NULL: inproc */
    dc__channel *next;         /* (L) in the gate's list */
    bool finished;             /* (L) the gate is done with it */
    bool waits_to_be_accepted; /* (L) */
    /* (G) */
    uint8_t id[DC__SESSION_ID_BYTES];
    uint32_t attempt; /* of the latest hello: that was sent, or at a listener, that got a connection */
    dc__stream stream;
    dc__connection connection;
    void *held; /* came, and the engine has no room for it yet */
    size_t held_bytes;
    bool drained;       /* nothing more comes from the engine */
    bool deaf;          /* the connection takes nothing more; its rest is read */
    int64_t leaves_ns;  /* the goodbye was sent then, 0 = not yet */
    dc__dialer *dialer; /* NULL at a listener */
    int polls[3];       /* where its descriptors are in this turn's poll, -1 = not in it */
    dc__inproc *inproc; /* NULL: over a gate */
    int side;           /* of it: 0 dialed, 1 was accepted */
};

/* A connection whose hello has not come yet. (G) In secret memory. */
typedef struct dc__caller {
    int fd;
    int64_t until_ns;
    uint8_t from[8];                /* its IPv4 address, or IPv6 network; zeros: a unix socket */
    uint8_t bytes[DC__THIRD_BYTES]; /* of the message that comes, the longest of all */
    size_t n;
    bool knows_us; /* with keys: it knows ours, and the handshake is under way */
    dc__noise noise;
    int poll;
} dc__caller;

struct dc__gate {
    pthread_t thread;
    int wake; /* eventfd */
    dc__scheme scheme;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* (L) a channel is finished, or waits to be accepted; or broke */
    dc__channel *channels;  /* (L) changed by the gate's thread only, which may read it without */
    bool broke;             /* (L) a listener's: a connection did, and its owner has not looked yet */
    bool quit;              /* (L) */
    /* (G) */
    int listen_fd; /* -1 = a dialer's gate */
    int listen_poll;
    size_t first_bytes;           /* most of a message before its channel is admitted */
    char path[DC__URL_BYTES];     /* of the unix socket, "" = none */
    dc__caller *callers;          /* [DC__GATE_PENDING], NULL at a dialer's gate */
    dc__keeper *keeper;           /* who may come; NULL: anybody. The listener's owner's */
    _Atomic uint64_t turned_away; /* connections that ended before they had proved who they are */
    int n_callers;
    int64_t accept_after_ns; /* descriptors ran out: not before */
    struct pollfd *fds;
    int n_fds, room;
    int64_t next_ns; /* when to look again though nothing happens */
};

/* gate.c: starts the thread for a gate that was set up; ends it, when all its channels are finished. */
dc_error dc__gate_start(dc__gate *gate);
void dc__gate_stop(dc__gate *gate);

/* gate_poll.c: wake - ends its wait. Any thread. */
void dc__gate_wake(dc__gate *gate);
/* Adds a descriptor to this turn's poll; where it is in it, -1 if there is no memory. */
int dc__gate_poll(dc__gate *gate, int fd, short events);
/* Events of a place in the poll, 0 for -1. */
short dc__gate_events(const dc__gate *gate, int place);
/* The gate's thread is to look again by then. */
void dc__gate_by(dc__gate *gate, int64_t when_ns);

/* carry.c: one channel's traffic. prepare: what to wait for; carry: does what can be done. */
void dc__carry_prepare(dc__channel *c, int64_t now_ns);
void dc__carry(dc__channel *c, int64_t now_ns);

/* carry_state.c: the session goes on over fd, sealed unless seal is NULL, through shared memory unless that is NULL;
 * the peer has received so many messages and bytes of the next. */
void dc__carry_attach(dc__channel *c, int fd, dc__seal *seal, dc__shared *shared, uint64_t received,
                      uint32_t partial, int64_t now_ns);
/* A hello was answered so: most answers end the session, but a listener that is full may have room later. */
void dc__carry_refused(dc__channel *c, dc__hello_status status);
/* The session is over for this reason. */
void dc__carry_end(dc__channel *c, dc__ending why);

/* accept.c: those who connect. */
void dc__accept_prepare(dc__gate *gate, int64_t now_ns);
void dc__accept(dc__gate *gate, int64_t now_ns);
void dc__accept_free(dc__gate *gate);

/* dialer.c: makes a channel's connections. */
dc_error dc__dialer_new(dc__dialer **dialer, dc__channel *channel, const dc__address *address,
                        const dc__dial_options *options);
void dc__dialer_free(dc__dialer *d);
void dc__dialer_lost(dc__dialer *d, int64_t now_ns); /* the connection broke */
bool dc__dialer_has_keys(const dc__dialer *d);
bool dc__dialer_has_said_hello(const dc__dialer *d); /* and waits for the answer */
void dc__dialer_prepare(dc__dialer *d, int64_t now_ns);
void dc__dialer_work(dc__dialer *d, int64_t now_ns);

/* channel_new.c: a channel with its sockets and stream; url may be "". */
dc_error dc__channel_new(dc__channel **channel, dc__gate *gate, const char *url, size_t most_bytes);
void dc__channel_free(dc__channel *c);

/* gate_channel.c: one for side 1 of a connection inside the process, which it takes over; NULL when out of memory. */
dc__channel *dc__channel_of_inproc(dc__inproc *inproc);

#endif
