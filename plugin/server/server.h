/* server.h - the server's insides.
 *
 * DESIGN
 *   A server runs one model's training to its end. Threads: the caller of dc_server_run admits workers on the
 *   well-known port (join.c) and watches over the end; each worker has a receiver (peer.c), which also sums
 * and applies (round.c), and a sender (outbox.c); one thread writes checkpoints (checkpoint.c).
 *
 *   A block's gradients of a round stay in the messages they came in until every worker's is there. The
 * receiver that brings the last one sums them in rank order, steps the optimizer and publishes the block's
 * next version: any worker that wants it can be sent it at once. Work is spread over receivers without a
 * queue.
 *
 *   Values and moments exist twice: version v lives in arrays [v & 1]. A step reads one and writes the other,
 * so the last whole version is intact at any moment - a worker may die in the middle of a round and a
 * checkpoint of the round before it can still be written. Version v is overwritten by v + 2, which needs
 * every worker to have received all of v + 1: nobody reads v then but, perhaps, the checkpoint writer
 * (protected_).
 *
 *   Locks: server->lock guards everything below marked (L). It is never held during arithmetic, input or
 * output. log_lock only keeps lines of
 * the log apart, and watch.lock what people are shown (watch.h): a leaf, taken with or without the lock. */
#ifndef DC__SERVER_H
#define DC__SERVER_H

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/error.h"
#include "model/model.h"
#include "net/address.h"
#include "endpoint/join.h"
#include "net/link.h"
#include "schedule/queue.h"
#include "server/watch.h"

#define DC__ATTACH_TIMEOUT_S 10.0
#define DC__GOODBYE_S 2.0
#define DC__NO_ROUND UINT64_MAX

/* Where one worker's gradient of one block is: in a message that is freed with its last block. */
typedef struct dc__held {
    void *message;
    _Atomic uint32_t blocks_left;
} dc__held;

typedef struct dc__slot {
    const float *data; /* NULL = not here yet */
    dc__held *held;
    float rate;
} dc__slot;

typedef enum dc__peer_state {
    DC__PEER_FREE,     /* no worker */
    DC__PEER_WELCOMED, /* promised to a worker that has not attached yet */
    DC__PEER_ATTACHED,
    DC__PEER_READY,
    DC__PEER_RUNNING,
    DC__PEER_FINISHED, /* said goodbye after its last round */
    DC__PEER_LEFT      /* gone; its threads are about to end */
} dc__peer_state;

typedef struct dc_server dc_server;

typedef struct dc__peer {
    dc_server *server;
    int rank;
    dc__link link;
    bool threads; /* run loop only: receiver and sender exist */
    pthread_t receiver, sender;
    _Atomic bool stop; /* ends both threads' calls */
    uint64_t nonce;    /* of the JOIN that was answered with welcome */
    dc__welcome welcome;
    uint64_t upload_at; /* receiver only: next float of the upload */
    int64_t welcomed_ns;
    /* receiver only: what it has pushed. A round at a time, each block once. */
    uint64_t *given;  /* bitmap [n_blocks] of given_round */
    uint32_t n_given; /* blocks in it, 0 = nothing was ever pushed */
    uint64_t given_round;
    _Atomic uint64_t reached; /* given_round + 1, 0 = nothing yet; for other workers' receivers */

    dc__peer_state state; /* (L) from here on */
    uint64_t finished_round;
    pthread_cond_t wake; /* for the sender */
    bool start_due, pong_due, stat_due, ack_due, stop_due;
    uint64_t pong_stamp;
    bool pong_quiet; /* the PING met an idle link */
    /* what the worker wants next */
    uint64_t want; /* version, DC__NO_ROUND = nothing */
    dc__queue queue;
} dc__peer;

typedef struct dc__state {
    float *value[2], *moment1[2], *moment2[2]; /* [arena], [trained + frozen]; moment2 only for Adam */
    float *stats[2];         /* [workers][statistics] of version v in [v & 1]: (L). Two, since a worker may be
                              * a round ahead of another that has not sent its own yet */
    uint64_t *stat_round[2]; /* [workers] version they belong to: (L) */
    float *no_gradient;      /* [frozen] zeros, only for Adam */
    _Atomic float rate[2];   /* learning rate that made the version; written by round.c */
    uint64_t first_round;    /* where this run of the server began */
    uint64_t round;          /* last whole version: (L) */
    uint64_t first_step;     /* optimizer steps behind first_round */
    uint64_t seed;
} dc__state;

struct dc_server {
    dc_server_options options;
    char url[DC__URL_BYTES];
    char backup_dir[PATH_MAX];
    int join_socket;
    _Atomic bool stop_requested;
    int workers;
    dc__peer *peers; /* [workers] */

    pthread_mutex_t lock;
    pthread_cond_t changed; /* (L) any state the run loop or the checkpoint writer waits for */
    bool running;           /* (L) START was sent */
    int64_t began_ns;       /* (L) when; then when the last whole round was, and the end */
    int64_t whole_ns;       /* (L) */
    int64_t ended_ns;       /* (L) */
    bool ending;            /* (L) */
    dc_error result;        /* (L) why, with its line */
    char result_line[DC__LINE_BYTES];
    pthread_mutex_t log_lock;

    dc__watch watch;

    dc_model *model; /* set by the first JOIN, with the lock held, then constant */
    char *fingerprint;
    bool resumed;
    dc__state state;
    _Atomic uint64_t *version; /* [n_blocks] */
    _Atomic uint32_t *arrived; /* [n_blocks] workers whose gradient of this round is here */
    _Atomic uint32_t blocks_done;
    dc__slot *slots; /* [n_blocks][workers] */
    dc__held *held;  /* [workers][n_blocks], by a frame's first block */

    /* checkpoints */
    pthread_t writer;
    bool writer_runs;
    bool writer_quit;            /* (L) */
    uint64_t due, writing;       /* (L) versions, DC__NO_ROUND = none */
    uint64_t saved;              /* (L) last version on disk */
    float *due_stats;            /* (L) [workers][statistics] as of due */
    _Atomic uint64_t protected_; /* version that must not be overwritten, DC__NO_ROUND = none */
};

static inline uint64_t dc__stat_floats(const dc_server *s)
{
    return s->model->start[DC_ROLE_COUNT] - s->model->start[DC_STATISTIC];
}

/* Optimizer steps behind a version (Adam counts them). */
static inline uint64_t dc__step_of(const dc_server *s, uint64_t version)
{
    return s->state.first_step + (version - s->state.first_round);
}

/* dc__server_log - one line to the log. Any thread, without the lock. */
void dc__server_log(dc_server *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* dc__server_end - ends the run for this reason; the first one counts. With the lock held. */
void dc__server_end(dc_server *s, dc_error err, const char *line);

/* dc__server_wait - waits on condition for at most DC__POLL_MS; with the lock held. */
void dc__server_wait(dc_server *s, pthread_cond_t *condition);

/* join.c: one request on the well-known port, if there is one. Run loop. */
void dc__server_join(dc_server *s);
/* join.c: frees the slots of workers that left before the start, and those that never attached. Run loop. */
void dc__server_reap(dc_server *s);

/* peer.c, outbox.c: the threads of a worker. */
void *dc__peer_receive(void *peer);
void *dc__peer_send(void *peer);
/* outbox.c: what a PULL frame asks for becomes the peer's wish. */
dc_error dc__peer_want(dc__peer *peer, const dc__frame *frame);
/* outbox.c: block b is at version; with the lock held. */
void dc__peer_offer(dc__peer *peer, uint32_t b, uint64_t version);

/* round.c: the worker has pushed for all rounds before this one and for nothing after. Its receiver. */
bool dc__round_is_even(const dc__peer *peer, uint64_t round);
/* round.c: takes a GRAD frame; it owns the message afterwards if *kept. */
dc_error dc__round_gradient(dc__peer *peer, dc__frame *frame, bool *kept);
/* round.c: everything that a model needs in memory, versions and slots. */
dc_error dc__round_allocate(dc_server *s);
void dc__round_free(dc_server *s);

/* state.c: the server's own file beside the .weights. load: DC_OK with *found false if there is none. */
dc_error dc__state_load(dc_server *s, bool *found);
dc_error dc__state_save(dc_server *s, uint64_t version, const float *stats);
/* state.c: the statistics of version that every worker has sent, or NULL while one is missing; with the lock
 * held. */
float *dc__state_stats(const dc_server *s, uint64_t version);
/* state.c: mean over workers of [workers][n] statistics, into the arena's statistics range. */
void dc__state_mean_stats(const dc_server *s, const float *stats, float *mean);

/* checkpoint.c */
dc_error dc__checkpoint_start(dc_server *s);
void dc__checkpoint_stop(dc_server *s);
void dc__checkpoint_if_due(dc_server *s); /* with the lock held */
/* blocks while version may not be overwritten; DC_ESTOPPED when the run ends meanwhile. The peer's receiver.
 */
dc_error dc__checkpoint_guard(dc__peer *peer, uint64_t version);
dc_error dc__checkpoint_final(dc_server *s); /* run loop, after every other thread but the writer */

#endif
