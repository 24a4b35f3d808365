/* endpoint.h - what both ends of a link are: a sender and a receiver thread, a queue of blocks, and the
 * housekeeping between them.
 *
 * DESIGN
 *   A worker has one endpoint, a server one for each worker. What differs is the role: which frames are due
 * and what an arriving one means. The endpoint asks the role for one thing at a time and does it, in this
 * order: what the role wants first (goodbyes, the transfer that a run begins with), answers to heartbeats and
 * heartbeats, the role's requests, a slice of the queue as far as credit reaches, an acknowledgement, and
 * what the role keeps for the end. So nothing small waits behind megabytes, and both ends keep to one policy.
 *
 *   Threads: dc__endpoint_start makes two, dc__endpoint_stop joins them. `lock` is the role's own; it guards
 * what is marked (L) and is held in the role's next, slice, hold_until_ns and ack_delay_ns, never while a
 * frame is made, sent, received or acted on.
 *
 *   Does not: open the link, know the model's values, decide what a lost peer means. */
#ifndef DC__ENDPOINT_H
#define DC__ENDPOINT_H

#include <pthread.h>
#include <stdatomic.h>

#include "endpoint/account.h"
#include "net/link.h"
#include "schedule/queue.h"

typedef enum dc__stage {
    DC__STAGE_FIRST,   /* before everything else */
    DC__STAGE_REQUEST, /* after heartbeats, before slices */
    DC__STAGE_LAST     /* when nothing else can go */
} dc__stage;

/* One thing to send. send runs on the sender's thread without the lock; it may send several frames. */
typedef struct dc__turn {
    dc_error (*send)(void *self, dc__header *header); /* NULL: nothing is due */
    dc__header header;
    bool ends;    /* the sender ends after it */
    bool waits;   /* first stage: nothing else may go either, until the endpoint is woken */
    bool granted; /* slices: by the account */
    bool on_time; /* slices: the link had not run out of work before this one */
} dc__turn;

typedef struct dc__endpoint_role {
    /* next - fills turn if something of this stage is due. */
    void (*next)(void *self, dc__stage stage, dc__turn *turn);
    /* slice - fills turn for the blocks [first, first + n); last: they end a segment. */
    void (*slice)(void *self, uint32_t first, uint32_t n, bool last, dc__turn *turn);
    /* hold_until_ns - when the next slice may be decided on; 0 = now. NULL: always now. */
    int64_t (*hold_until_ns)(void *self);
    /* position - of a piece of its queue in the model, from 0 to 1, or later where others have less time: whose is lower, goes first.
     * NULL: it is on no account. */
    double (*position)(void *self, uint32_t piece);
    /* ack_delay_ns - after how long without a frame an acknowledgement goes alone; -1 = not now. */
    int64_t (*ack_delay_ns)(void *self);
    /* on_frame - acts on a frame that is not housekeeping; may keep frame->message and set it to NULL. */
    dc_error (*on_frame)(void *self, dc__frame *frame);
    /* after_frame - whether the receiver goes on. NULL: always. */
    bool (*goes_on)(void *self);
    /* on_end - the receiver has ended with err (the calling thread's last error is the line). */
    void (*on_receiver_end)(void *self, dc_error err);
    /* on_sender_end - likewise. NULL: nothing to do. */
    void (*on_sender_end)(void *self, dc_error err);
    bool measures_rtt; /* heartbeats also while the link is idle, to time their answers */
} dc__endpoint_role;

typedef struct dc__endpoint {
    dc__link link;
    const dc__endpoint_role *role;
    void *self;
    pthread_mutex_t *lock;
    pthread_cond_t work; /* wakes the sender; with the lock */
    pthread_t sender, receiver;
    bool threads; /* both exist; owner's thread */
    _Atomic bool stop;
    dc__queue queue;     /* (L) of the blocks that go out */
    bool pong_due;       /* (L) */
    bool pong_quiet;     /* (L) the PING met an idle link */
    uint64_t pong_stamp; /* (L) */
    int64_t pinged_ns;   /* sender's thread */
    struct dc__account *
        account; /* of the link that others leave by, too (endpoint/account.h); NULL: none. Set without threads */
    int account_place;    /* in it */
    bool acks_first;      /* without an account: acknowledgements go before slices. Set without threads */
    bool busy;            /* sender's thread: slices went without a pause */
    dc__least rtt;        /* receiver's thread: answers that met an idle link, the first one included */
    _Atomic double rtt_s; /* 0 = not known */
} dc__endpoint;

/* dc__endpoint_init - for a role. The link is the owner's to open; the queue's memory is the owner's to
 * allocate (dc__queue_init) and is freed by dc__endpoint_destroy. */
void dc__endpoint_init(dc__endpoint *e, const dc__endpoint_role *role, void *self, pthread_mutex_t *lock);
void dc__endpoint_destroy(dc__endpoint *e);

/* dc__endpoint_start - starts both threads on an open link; DC_ENOMEM. dc__endpoint_stop - ends them (at most
 * DC__POLL_MS after their last frame) and joins; does nothing without threads. Owner's thread. */
dc_error dc__endpoint_start(dc__endpoint *e);
void dc__endpoint_stop(dc__endpoint *e);

/* dc__endpoint_wake - something may be due; with the lock held. */
static inline void dc__endpoint_wake(dc__endpoint *e)
{
    pthread_cond_signal(&e->work);
}

#endif
