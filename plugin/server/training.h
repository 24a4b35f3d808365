/* training.h - the parts of a server's training, each with a struct and a lock of its own, and what joins
 * them: from a gradient that arrives to the next version of a block.
 *
 * DESIGN
 *   The receiver that brings the last gradient of a block sums it (reduce), steps the optimizer (apply) and
 * publishes the block's next version: any worker that wants it can be sent it at once. Work is spread over
 * receivers without a queue.
 *
 *   Lock order: versions, then a session's, then roster, then one of the leaves (statistics, checkpoint,
 * watch, log). None is held during arithmetic, input or output. */
#ifndef DC__TRAINING_H
#define DC__TRAINING_H

#include "base/log.h"
#include "net/link.h"
#include "server/checkpoint.h"
#include "server/clip.h"
#include "server/codes.h"
#include "server/omissions.h"
#include "server/reduce.h"
#include "server/roster.h"
#include "server/run_log.h"
#include "server/statistics.h"
#include "server/versions.h"
#include "server/watch.h"

typedef struct dc__training {
    dc_model *model; /* the first worker's; set and cleared with the roster's lock, constant while training */
    char *fingerprint; /* likewise */
    bool resumed;      /* likewise */
    dc__roster roster;
    dc__versions versions;
    dc__statistics statistics;
    dc__reduce reduce;
    dc__omissions omissions;
    dc__codes codes;
    dc__checkpoint checkpoint;
    dc__watch watch;
    dc__run_log run_log;
    dc__log log;
    dc_bounds bounds;
    dc__clip clip;
    /* Blocks [first, first + n) are at version: those who want them may be sent them. With versions' lock. */
    void (*offer)(void *context, uint32_t first, uint32_t n, uint64_t version);
    void *offer_context;
} dc__training;

/* What one worker has pushed: a round at a time, each block once. Its receiver's. */
typedef struct dc__given {
    uint64_t *blocks; /* bitmap [n_blocks] of round */
    uint32_t n;       /* blocks in it, 0 = nothing was ever pushed */
    uint64_t round;
    uint64_t refused;  /* 1 + the last round in which a value of it was not finite, 0 = none */
    int in_a_row;      /* such rounds up to that one */
    uint64_t refusals; /* all of them */
} dc__given;

/* dc__training_init - for a server with these options; _destroy also after it failed. */
dc_error dc__training_init(dc__training *t, const dc_server_options *options);
void dc__training_destroy(dc__training *t);

/* dc__training_adopt - the run trains this model, with the checkpoint's values if there is one and it is
 * wanted; takes ownership on success. dc__training_forget - it may be another one. Run loop, before START. */
dc_error dc__training_adopt(dc__training *t, dc_model *model, const char *fingerprint, bool fresh);
void dc__training_forget(dc__training *t);

/* dc__training_log_start - the run's log begins, or goes on where the checkpoint was; a line says what was lost of it.
 * Run loop, when all values are here and training is about to begin. */
dc_error dc__training_log_start(dc__training *t);

/* dc__training_carries - a single worker keeps SGD's velocity in its gradient buffers; nothing is lost both ways. */
bool dc__training_carries(const dc__training *t);

/* dc__training_refuse - a member's gradient or statistics of this round are not finite, as the calling thread's last
 * error says: its gradients of the round count no more. DC_OK if it may stay (--on-bad-value), else DC_EVALUE with
 * the line that ends it. The member's receiver. */
dc_error dc__training_refuse(dc__training *t, int rank, dc__given *given, uint64_t round);

/* dc__training_gradient - takes a GRAD frame of the round that is on; *kept if the message is ours now.
 * heard_ns: see dc__checkpoint_guard. The member's receiver. */
dc_error dc__training_gradient(dc__training *t, int rank, dc__given *given, dc__frame *frame,
                               _Atomic int64_t *heard_ns, bool *kept);

/* dc__training_is_even - who has given this much has pushed
 * for all rounds before this one and for nothing after. */
bool dc__training_is_even(const dc__training *t, const dc__given *given, uint64_t round);

#endif
