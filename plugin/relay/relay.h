/* relay.h - a relay's insides.
 *
 * DESIGN
 *   To the server a worker behind a relay is a worker as any other: it has a session of its own, which the relay passes on
 * frame by frame, so that numbers, statistics, reports, checkpoints and goodbyes need no word here. What is heavy goes once
 * for all of them, on the session of the worker with the lowest number, the relay's lead:
 *     - Up: a block's gradients wait in their messages until the last worker's is here; then they are summed in the order
 *       of numbers, and the sum may leave, lowest layer first. With them go the workers' statistics, each before the
 *       gradients of its round, as the server counts on it.
 *     - Down: the relay asks for a version when the first worker asks for it. A block stays in the message that it came in
 *       until it has gone to all workers.
 *   A relay behind this one comes as its workers do: their sessions one by one, and gradients on that of its lead. So
 * relays stand behind relays, and each sums what is directly behind it: workers, and sums.
 *
 *   With keys the parent is reached by an invitation, and workers come as to a server. The relay opens what they seal, for it sums it, and
 * says to the parent which of its workers each is.
 *
 *   Threads: the caller of dc_relay_run admits workers and watches; each worker has the two endpoints of its session, to
 * it (down.c) and to the parent (up.c). One lock for all, relay->lock, guards what is marked (L). It is not held during
 * arithmetic, copying, input or output.
 *
 *   A relay knows one run. Before it begins, workers come and leave. When a worker or the parent is lost afterwards, the run ends; or,
 * where its server waits for who is lost, it goes back to a checkpoint: the relay closes all sessions without a word, forgets what
 * it had, and its workers come to it anew, as they do when it was killed itself. The server does the same (server/relays.c). */
#ifndef DC__RELAY_H
#define DC__RELAY_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/log.h"
#include "dynacomm_relay.h"
#include "endpoint/endpoint.h"
#include "endpoint/join.h"
#include "net/invited.h"
#include "relay/fan.h"
#include "relay/passing.h"
#include "relay/sums.h"
#include "server/given.h"

#define DC__RELAY_ASKING_MOST 64 /* connections without a session at a time */
#define DC__RELAY_PASSING_MOST \
    8 /* frames that wait to be passed on in one direction, before the next is read */
#define DC__RELAY_GOODBYE_S 2.0

typedef enum dc__leaf_state {
    DC__LEAF_FREE,
    DC__LEAF_HERE, /* welcomed: its endpoints have threads */
    DC__LEAF_DONE /* of a run that has begun: nothing more comes from it or goes to it. Its threads are there to the end */
} dc__leaf_state;

/* A worker behind this relay, or behind one behind it: its session. */
typedef struct dc__leaf {
    struct dc_relay *relay;
    dc__leaf_state state; /* run loop */
    int number;           /* constant while it is here; as is */
    dc__path path;        /* the relays between it and this one */
    dc__endpoint down, up;
    dc__passing to_worker, to_parent; /* (L) */
    dc__passing
        statistics; /* (L) likewise to the parent, of all workers on the lead's session, before anything else */
    dc__given given; /* down's receiver */
    int of;          /* likewise: number of the worker that the next frame is of, -1 = its own */
    bool
        brings; /* (L) its session brings gradients and asks for versions: its own, or those of a relay's workers */
    uint64_t want;               /* (L) version that it has asked for, UINT64_MAX = none */
    bool said_bye;               /* (L) its goodbye has been passed on, or the relay's for it */
    bool ended_well;             /* (L) it was one after all rounds; */
    bool leaves;                 /* (L) or the run is to go on without this worker */
    bool answered;               /* (L) BYE_ACK or STOP is on its way to it, or went */
    bool down_sent;              /* (L) the sender to it has ended */
    bool down_over;              /* (L) the receiver from it has ended, */
    bool up_over;                /* (L) the one from the parent; */
    char why[2][DC__LINE_BYTES]; /* (L) why each did: [0] down, [1] up, */
    dc_error lost[2];            /* (L) and with which error */
    int64_t left_ns;             /* run loop: since when its worker is gone, 0 = it is here */
} dc__leaf;

/* A connection whose first frame has not been answered yet. */
typedef struct dc__asking {
    dc__link from; /* closed: this relay's own question */
    dc__link to;   /* the parent, as far as it was asked; else closed */
    bool asked;    /* the parent was, */
    bool relay;    /* by a relay */
    bool answered; /* the peer has its answer, and a moment to close */
    int64_t until_ns;
    dc__join join; /* of a worker */
} dc__asking;

struct dc_relay {
    dc_relay_options options;
    char url[DC__URL_BYTES], parent[DC__URL_BYTES];
    uint64_t id;
    dc__log log;
    dc__listener *listener;
    dc__keeper keeper;   /* who may come; pair NULL: without keys. The listener's thread's */
    dc__dial_keys *keys; /* towards the parent, in secret memory; NULL: without */
    dc__asking asking[DC__RELAY_ASKING_MOST];
    int n_asking;
    _Atomic bool stop_requested;
    bool confirmed;       /* run loop: the parent takes it for a relay */
    bool ask_again;       /* run loop: the parent went away before it answered that; it is tried */
    int64_t ask_until_ns; /* until then */
    bool waits;           /* run loop: the run goes back when somebody is lost, as a welcome said */
    int64_t
        announced_ns; /* run loop: a worker heard last then that the run had ended while it was away, 0 = none did */
    char back[DC__LINE_BYTES]; /* run loop: why the run goes back, "" = it does not */
    dc_error error;            /* (L) why the run ends, with its line; the first one counts */
    char error_line[DC__LINE_BYTES];

    pthread_mutex_t lock;
    pthread_cond_t room;  /* a frame was passed on */
    dc__leaf *leaf;       /* [options.workers] */
    dc_model *model;      /* the first worker's; constant while somebody is here */
    dc__leaf *lead;       /* (L) NULL: not all are here */
    bool begun;           /* (L) START has come, */
    uint64_t start;       /* (L) for this round */
    uint32_t slice_bytes; /* of what goes to the parent and comes from it */
    dc__summing sums;
    dc__fan fan;
};

/* asking.c, run loop. dc__relay_admit - waits for who comes up to DC__POLL_MS; asks the parent, and passes its answers on.
 * dc__relay_ask_parent - asks whether this may be a relay. dc__relay_admit_none - nobody else comes. */
void dc__relay_admit(dc_relay *r);
dc_error dc__relay_ask_parent(dc_relay *r);
void dc__relay_admit_none(dc_relay *r);

/* leaves.c, run loop. dc__relay_places - DC_EFULL with a line if with those that are here or have asked, one more, behind these
 * relays, is more than this relay is for. dc__relay_welcome - a worker that the parent has welcomed: its session goes on over both
 * links, which are taken over. dc__relay_reap - who is gone. dc__relay_is_used - somebody was welcomed,
 * and is here or was to the end; dc__relay_is_done - all were to the end. dc__relay_close - ends all sessions; says: with a goodbye.
 * dc__relay_finds_silent - where the run waits for who is lost: a worker was not heard lately, and the run goes back, for another comes.
 * dc__relay_begins_again - if the run goes back: closes all sessions, and is as it was before anybody came. */
dc_error dc__relay_places(const dc_relay *r, const dc__path *path);
dc_error dc__relay_welcome(dc_relay *r, dc__asking *a, dc__frame *frame, const dc__welcome *welcome);
void dc__relay_reap(dc_relay *r);
bool dc__relay_is_used(const dc_relay *r);
bool dc__relay_is_done(const dc_relay *r);
void dc__relay_close(dc_relay *r, bool says);
bool dc__relay_finds_silent(dc_relay *r);
void dc__relay_begins_again(dc_relay *r);

/* pass.c. dc__relay_fail - the run ends for this reason; the calling thread's last error is the line. Any thread, without the lock.
 * dc__relay_pass - a frame waits its turn to go to the parent (up) or to the worker, and its message is taken over.
 * dc__relay_pass_statistics - the same to the parent, of the worker with this number, whoever's the session is. Both block while
 * too many wait; a receiver's thread. DC_ENOMEM.
 * dc__relay_says - a goodbye of the relay for a worker (up), or a stop to it, with the reason. With the lock held. */
void dc__relay_fail(dc_relay *r, dc_error err);
dc_error dc__relay_pass(dc__leaf *leaf, bool up, dc__frame *frame);
dc_error dc__relay_pass_statistics(dc__leaf *leaf, dc__frame *frame, int number);
void dc__relay_says(dc__leaf *leaf, bool up, const char *reason);

/* The endpoints' roles: up.c, down.c. */
extern const dc__endpoint_role dc__relay_up, dc__relay_down;

/* up.c: asks the parent for a version, for all workers; sums of this round are about to leave. With the lock held. */
dc_error dc__relay_pull(dc_relay *r, uint64_t version);
void dc__relay_push_begins(dc_relay *r, uint64_t round);

#endif
