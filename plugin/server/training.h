/* training.h - the parts of a server's training, each with a struct and a lock of its own, and what joins
 * them: from a gradient that arrives to the next version of a block.
 *
 * DESIGN
 *   The receiver that brings the last gradient of a block sums it (reduce), steps the optimizer (apply) and
 * publishes the block's next version: any worker that wants it can be sent it at once. Work is spread over
 * receivers without a queue.
 *
 *   Lock order: versions, then a session's, then roster, then one of the leaves (statistics, checkpoint,
 * watch, pace, barred, log). None is held during arithmetic, input or output. */
#ifndef DC__TRAINING_H
#define DC__TRAINING_H

#include "endpoint/account.h"
#include "base/log.h"
#include "dynacomm_server.h"
#include "model/shard.h"
#include "net/link.h"
#include "server/barred.h"
#include "server/bases.h"
#include "server/checkpoint.h"
#include "server/clip.h"
#include "server/codes.h"
#include "server/given.h"
#include "server/omissions.h"
#include "server/pace.h"
#include "server/reduce.h"
#include "server/refusals.h"
#include "server/roster.h"
#include "server/run_log.h"
#include "server/statistics.h"
#include "server/versions.h"
#include "server/watch.h"

typedef struct dc__training {
    dc_model *
        model; /* the first worker's, or this server's shard of it; set and cleared with the roster's lock, constant
                        while training */
    dc_model *whole;     /* the first worker's; likewise */
    int shard;           /* this server holds this one, from 0, */
    dc__shares shares;   /* of those; constant once there is a model */
    dc__shard part;      /* which is this; zeros if it holds all */
    dc__versions all;    /* at the first of several shards: room for a version of the whole model, */
    dc__codes all_codes; /* and for what workers hold of it */
    char *fingerprint;   /* likewise */
    bool resumed;        /* likewise */
    dc__roster roster;
    dc__barred barred;
    dc__versions versions;
    dc__statistics statistics;
    dc__bases bases;
    dc__reduce reduce[DC_STALENESS_MOST + 1]; /* of round r in [r % (bases.most + 1)] */
    dc__omissions omissions;
    dc__refusals refusals;
    dc__codes codes;
    dc__checkpoint checkpoint;
    dc__watch watch;
    dc__pace pace;
    dc__run_log run_log;
    dc__log log;
    dc_bounds bounds;
    dc__clip clip;
    dc_on_loss on_loss, on_loss_asked; /* the first of the model that is trained */
    dc_bad_value on_bad_value_asked;   /* likewise: bounds.on_bad_value is of the model that is trained */
    dc__account *
        account; /* of the link that sessions share with the worker in this process; NULL: there is none. Constant */
    bool relayed;       /* run loop: some worker stands behind a relay */
    bool begun;         /* run loop: START goes out */
    _Atomic bool ended; /* the end of the run is saved, with the round that is on; written by the run loop */
    bool keeps;         /* likewise: workers have something from round to round that the server has not */
    bool balance;       /* workers' images may differ */
    double loss_wait_s; /* of DC_ON_LOSS_WAIT */
    /* Blocks [first, first + n) are at version: those who want them may be sent them. With versions' lock. */
    void (*offer)(void *context, uint32_t first, uint32_t n, uint64_t version);
    /* A round begins, with its crew: those who enter with it must hear of it, and if it changed all must. Likewise. */
    void (*border)(void *context, uint64_t round, bool changed);
    /* At another shard than the first: in this round, which is about to be made, of a member only these blocks of the shard count (bitmap).
     * NULL: it is for this server's log. Any receiver. */
    void (*omitted)(void *context, uint64_t round, int number, const uint64_t *counted);
    void *context; /* of all three */
} dc__training;

/* dc__training_init - for a server with these options; _destroy also after it failed. */
dc_error dc__training_init(dc__training *t, const dc_server_options *options);

/* dc__training_crew - the round that is on, and a copy of its crew. Any thread, without versions' lock. */
uint64_t dc__training_crew(dc__training *t, dc__crew *crew);
void dc__training_destroy(dc__training *t);

/* dc__training_adopt - the run trains this model, with the checkpoint's values if there is one and it is
 * wanted; takes ownership on success. remembers: its layers do (dc_memory). dc__training_forget - it may be another one, or
 * goes on from a checkpoint. Run loop, without sessions. */
dc_error dc__training_adopt(dc__training *t, dc_model *model, const char *fingerprint, bool remembers,
                            bool fresh);
void dc__training_forget(dc__training *t);

/* dc__training_log_start - the run's log begins, or goes on where the checkpoint was; a line says what was lost of it.
 * Run loop, when all values are here and training is about to begin. */
dc_error dc__training_log_start(dc__training *t);

/* dc__training_reduce - the sums of a round that is on. */
static inline dc__reduce *dc__training_reduce(dc__training *t, uint64_t round)
{
    return &t->reduce[round % (t->bases.most + 1)];
}

/* dc__training_carries - a single worker keeps SGD's velocity in its gradient buffers: where there can be others,
 * the server does. */
bool dc__training_carries(const dc__training *t);

/* dc__training_refuse - a member's gradient or statistics of this round are not finite, as the calling thread's last
 * error says: its gradients of the round count no more. DC_OK if it may stay (--on-bad-value), else DC_EVALUE with
 * the line that its session ends with. Any thread. */
dc_error dc__training_refuse(dc__training *t, int slot, uint64_t round);

/* dc__training_spares - the run goes on without this member, if it goes. Any thread. */
bool dc__training_spares(dc__training *t, int slot);

/* dc__training_begin - the run begins with its crew (dc__roster_start). dc__training_is_on - START goes out once the version that the run
 * begins with is saved, or cannot be; whether it has: until then everybody has that version still. Run loop. dc__training_border - round begins, before
 * it can be seen; with versions' lock. dc__training_crew_changed - its crew is another than was logged: newcomers
 * have the mean of the makers' statistics; likewise. */
void dc__training_begin(dc__training *t);
bool dc__training_is_on(dc__training *t);
void dc__training_border(dc__training *t, uint64_t round);
void dc__training_crew_changed(dc__training *t, uint64_t round, const dc__crew *makers);

/* gradient.c. dc__training_log_shard - of a member only these blocks of a shard (bitmap) count in this round; at the first. DC_ENOMEM.
 * dc__training_gradient - takes a GRAD frame of a round that is on; *kept if the message is ours now.
 * heard_ns: see dc__checkpoint_guard. The member's receiver. */
dc_error dc__training_log_shard(dc__training *t, const dc__shard *shard, uint64_t round, int number,
                                const uint64_t *counted);
dc_error dc__training_gradient(dc__training *t, int slot, dc__given *given, dc__frame *frame,
                               _Atomic int64_t *heard_ns, bool *kept);

/* For workers without a receiver; run loop.
 * dc__training_take_over - a worker joins the round that is on, whose crew has left. With versions' lock.
 * dc__training_reopen - likewise, but a member of that crew which was passed over in it.
 * dc__training_redo - the only member comes back, with momentum of the last whole version: of the round that is on nothing has come
 * yet. Its buffers go on from what it computes now, and may differ from what had come, if its layers had forgotten. With versions' lock.
 * dc__training_close - a round goes on without what a member of its crew has not given. */
void dc__training_take_over(dc__training *t, int slot, dc__given *given);
void dc__training_reopen(dc__training *t, int slot, dc__given *given);
void dc__training_redo(dc__training *t, dc__given *given);
void dc__training_close(dc__training *t, uint64_t round, int slot, dc__given *given);

#endif
