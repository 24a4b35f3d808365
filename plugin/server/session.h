/* session.h - one worker's connection to a server: what it sends is checked against what may come now and
 * acted on, and what it wants goes out.
 *
 * DESIGN
 *   A worker asks once per version, in one PULL: either for segments (each goes out
 * when all its blocks are new, in the order asked for: the paper's transmissions)
 * or for slices (any block as soon as it is new, lowest layer first). The endpoint
 * has the threads; session->lock is its lock and guards what is marked (L). */
#ifndef DC__SESSION_H
#define DC__SESSION_H

#include "endpoint/endpoint.h"
#include "endpoint/join.h"
#include "server/training.h"

#define DC__GOODBYE_S 2.0

/* What another shard has reported of a session to the first one. */
typedef enum dc__reported { DC__REPORTED_NOTHING, DC__REPORTED_READY, DC__REPORTED_LOST } dc__reported;

typedef struct dc__session {
    dc__training *training;
    int slot;              /* its member's in the roster */
    int number;            /* its member's; constant while it has threads */
    uint32_t entry;        /* over shards: which of all sessions with workers, likewise */
    dc__reported reported; /* run loop */
    dc__endpoint endpoint;
    pthread_mutex_t lock;
    dc__welcome welcome;
    char fingerprint[DC_FINGERPRINT_BYTES]; /* of the worker in that place */
    uint64_t upload_at;                     /* receiver only: next float of the upload */
    dc__given given;                        /* receiver only */
    int leaf; /* likewise: slot of the member that the next frame is of, -1 = its own */
    bool soon_due, crew_due, images_due, steps_due, start_due, stat_due, ack_due, stop_due; /* (L) */
    bool acked;                       /* (L) the acknowledgement of its goodbye has gone, */
    int64_t acked_ns;                 /* (L) and when */
    uint64_t images_round;            /* (L) from there on */
    uint32_t images;                  /* (L) it is to feed so many */
    uint64_t enters;                  /* (L) the round that it begins with, DC__NO_ROUND = it has begun */
    uint64_t start;                   /* (L) the round that START is due for */
    uint64_t has;                     /* (L) version it has got, DC__NO_ROUND = none */
    uint64_t want;                    /* (L) version it wants next, DC__NO_ROUND = nothing */
    uint64_t announced[2];            /* (L) by version & 1: versions whose KEEP it was sent */
    uint64_t kept[DC__VERSIONS_MOST]; /* versions that it can go on from, as READY said; then constant */
    int n_kept;
    _Atomic uint64_t last_round; /* that it trains to, as READY said; 0 = not known; then constant */
    bool owed;                   /* run loop: its worker is to hear that the run has ended */
    _Atomic bool over;           /* the receiver has ended */
    _Atomic int64_t
        broke_ns;    /* written by the run loop: since when there is no connection, 0 = there is one */
    bool away;       /* run loop: it is counted as lost */
    int64_t said_ns; /* run loop: when a line last said so, 0 = never */
} dc__session;

/* dc__session_init - for a slot of the training's roster; the link is closed. */
void dc__session_init(dc__session *s, dc__training *training, int slot);
void dc__session_destroy(dc__session *s);

/* dc__session_open - begins with a worker whose JOIN came over link: takes the link over, welcomes the worker
 * and starts the endpoint. anew: it is another worker than the one that the slot was of before. Run loop; if it
 * fails, the link is the caller's or closed. dc__session_close - ends the threads and closes the link (linger_ms: for what was sent). */
dc_error dc__session_open(dc__session *s, dc__link *link, const dc__welcome *welcome, double silence_s,
                          bool anew);
void dc__session_close(dc__session *s, int linger_ms);

/* dc__session_has_kept - a worker that is ready has what it had kept by this version: of the first, everybody has.
 * dc__session_came_after - all that it has kept is of later versions: it came into the run after this one.
 * dc__session_forget - frees what belongs to a model. Run loop, without threads. */
bool dc__session_has_kept(const dc__session *s, uint64_t version);
bool dc__session_came_after(const dc__session *s, uint64_t version);
void dc__session_forget(dc__session *s);

/* dc__session_begins_with - a round that is to begin: START follows at its border, and if soon the worker is
 * asked to fetch that version already. dc__session_start - START for the round that is on, now.
 * dc__session_border - the round begins: START if it is what the session waits for; else, if changed, what the
 * crew is now; with versions' lock held. dc__session_say_stop - STOP with the roster's result. */
void dc__session_begins_with(dc__session *s, uint64_t round, bool soon);
void dc__session_start(dc__session *s, uint64_t round);
void dc__session_border(dc__session *s, uint64_t round, bool changed);
void dc__session_say_stop(dc__session *s);

/* dc__session_say_ack - BYE_ACK, the answer to its goodbye. Run loop, receiver. */
static inline void dc__session_say_ack(dc__session *s)
{
    pthread_mutex_lock(&s->lock);
    s->ack_due = true;
    dc__endpoint_wake(&s->endpoint);
    pthread_mutex_unlock(&s->lock);
}

/* dc__session_say_images - IMAGES, before any block of a version that is still to come. */
void dc__session_say_images(dc__session *s, uint64_t round, uint32_t images);

/* dc__session_say_steps - STEPS, how many batches rounds have from one on that is still to come, likewise. With versions' lock held. */
void dc__session_say_steps(dc__session *s);

/* dc__session_offer - blocks [first, first + n) are at version; with versions' lock held. */
void dc__session_offer(dc__session *s, uint32_t first, uint32_t n, uint64_t version);

/* session_want.c: what a PULL frame asks for becomes what the session wants. dc__session_takes_changes - of that version the worker gets the
 * change; with its lock held. */
dc_error dc__session_want(dc__session *s, const dc__frame *frame);
bool dc__session_takes_changes(const dc__session *s);

/* The endpoint's role: session_send.c, session_receive.c. */
void dc__session_next(void *session, dc__stage stage, dc__turn *turn);
void dc__session_slice(void *session, uint32_t first, uint32_t n, bool last, dc__turn *turn);
dc_error dc__session_on_frame(void *session, dc__frame *frame);
void dc__session_on_end(void *session, dc_error err);

#endif
