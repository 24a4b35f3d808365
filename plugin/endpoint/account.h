/* account.h - what several endpoints of a process may have on their way over the one link that all of them leave by.
 *
 * DESIGN
 *   Where a process sends over many connections (a worker pushes to every shard; in a mesh the shard in its process sends parameters
 * to every other worker, too), each connection's credit bounds what queues for its peer, but not what queues for the link; and which of
 * them goes first is TCP's chance. An account bounds the sum, and gives the turns: of the endpoints that have a slice and credit, the
 * one whose slice is needed first (the role's `position`, which counts versions: a worker that is behind waits for parameters of the one before,
 * and gradients for the next would fill its link while nothing can be done with them); but any of them, while less than half of the bound is under way: the link must
 * not run dry until the first one's thread has a processor. It is kept by what peers acknowledge, so it knows no rate. A slice that
 * has nothing before it always goes.
 *
 *   An endpoint's claim is as its sender left it when it last looked: who changes what it may send wakes it. Whoever has sent, and
 * whoever hears an acknowledgement, wakes the first in the order.
 *
 *   Lock: the account's is a leaf below the endpoints' own; no endpoint's is taken with it or with another endpoint's held. */
#ifndef DC__ACCOUNT_H
#define DC__ACCOUNT_H

#include <pthread.h>
#include <stdatomic.h>

#include "model/model.h"
#include "net/link.h"

/* Endpoints: a mesh's worker has one for each shard and one for each other worker. */
#define DC__ACCOUNT_MOST 72

/* An endpoint's place: what it leaves by, and how its sender is woken. */
typedef struct dc__claim {
    const dc__link *link; /* NULL: a free place */
    pthread_mutex_t *lock;
    pthread_cond_t *work;
    double position;  /* of its next slice, INFINITY: there is none, or no credit */
    uint64_t sending; /* bytes, about, of a slice that is granted and not given to its link yet */
    int waking;       /* threads that are about to wake it */
} dc__claim;

typedef struct dc__account {
    pthread_mutex_t lock;
    pthread_cond_t woken;
    int n;                              /* places so far */
    dc__claim claims[DC__ACCOUNT_MOST]; /* [n] */
    _Atomic uint64_t window_bytes;      /* 0 = no bound */
} dc__account;

/* dc__account_init, dc__account_destroy - without endpoints. */
void dc__account_init(dc__account *a);
void dc__account_destroy(dc__account *a);

/* dc__position - of a block of a shard's model; where it is the same, who has fewer turns to wait goes first: of processes that begin with
 * different peers, none has all of the others' slices come at once. Pure. */
static inline double dc__position(const dc_model *model, uint64_t version, uint32_t block, int turns)
{
    return (double)version +
           (double)model->block_offset[block] / (double)model->block_offset[model->n_blocks] + 1e-6 * turns;
}

/* dc__account_moved - payload bytes of all of its endpoints so far: given to their links, of those acknowledged, and received. Any thread. */
void dc__account_moved(dc__account *a, uint64_t *given, uint64_t *acked, uint64_t *taken);

/* dc__account_join - slices of this link, of an endpoint with this lock and condition, are on the account from here on; before it has
 * threads. Its place. dc__account_leave - not any more; after they have ended. */
int dc__account_join(dc__account *a, const dc__link *link, pthread_mutex_t *lock, pthread_cond_t *work);
void dc__account_leave(dc__account *a, int place);

/* dc__account_grants - the next slice of who has this place, of about `bytes`, is at position (INFINITY: there is none that may go): whether it
 * is its turn. If so, call dc__account_sent once it is given to the link. Sender's thread, with the endpoint's lock. */
bool dc__account_grants(dc__account *a, int place, double position, uint64_t bytes);

/* dc__account_sent, dc__account_wake - the next one may have its turn. Without any lock; the latter is any thread's. */
void dc__account_sent(dc__account *a, int place);
void dc__account_wake(dc__account *a);

#endif
