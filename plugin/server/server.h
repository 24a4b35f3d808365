/* server.h - a server: one model's training, from the first worker that joins to the last goodbye.
 *
 * DESIGN
 *   The caller of dc_server_run is the run loop: it admits workers (admission.c), starts the run when all are
 * here and watches over its end. Each worker's session has two threads, checkpoints have one. What they share
 * is training.h's, part by part; the lock order stands there. */
#ifndef DC__SERVER_H
#define DC__SERVER_H

#include "endpoint/join.h"
#include "net/address.h"
#include "secure/keeper.h"
#include "server/session.h"
#include "server/shards.h"
#include "server/training.h"

#define DC__JOIN_S 10.0     /* a connection's JOIN has so long to come */
#define DC__JOINING_MOST 64 /* connections without a session at a time */

/* A connection that has not joined yet, or was refused and is to hear why. */
typedef struct dc__joining {
    dc__link link;
    int64_t until_ns;
    bool asked;    /* its JOIN came, and waits: the worker's session is still with another process */
    dc__join join; /* that it said */
    bool refused;
    bool shard;    /* it is another shard's server */
    bool kept_out; /* it is barred */
} dc__joining;

typedef enum dc__drop_state {
    DC__DROP_OFF, /* the run loop has not begun, or has ended */
    DC__DROP_NONE,
    DC__DROP_ASKED,
    DC__DROP_ANSWERED
} dc__drop_state;

/* A request of dc_server_drop, one at a time. */
typedef struct dc__drop {
    pthread_mutex_t lock; /* guards all; a leaf */
    pthread_cond_t news;
    dc__drop_state state;
    bool awaited; /* somebody waits for the answer */
    char who[64];
    dc_error err;
    char line[DC__LINE_BYTES];
} dc__drop;

/* What the run loop has made of the workers' reports (local_steps.c). */
typedef struct dc__steps_watch {
    int64_t tried_ns; /* it looked last, */
    int64_t seen_ns;  /* and last found that all had reported anew */
    int agreed;       /* times in a row that another number was right: */
    int way;          /* more, 1, or fewer, -1; 0 = the first choice; */
    uint32_t best;    /* the nearest of them */
    bool chosen;      /* once, by this server */
} dc__steps_watch;

/* What has happened since this server was started; the run loop counts. */
typedef struct dc__tally {
    _Atomic uint64_t joins, losses, rejoins, drops, rounds_held;
} dc__tally;

struct dc_server {
    dc_server_options options;
    char url[DC__URL_BYTES];
    dc__listener *listener;
    dc__listener *inner;    /* in a worker's process: where that worker comes from; else NULL */
    dc__keeper keeper;      /* who may come; pair NULL: without keys. The listener's thread's */
    bool open;              /* other machines reach it, and there are no keys */
    int64_t warned_ns;      /* that everybody may */
    uint64_t turned_away;   /* connections that the log knows of */
    int64_t turned_away_ns; /* since when */
    int64_t comings_ns;     /* the minute whose lines about workers that come in vain are counted, */
    int comings;            /* how many were written, */
    uint64_t unreported;    /* and how many were not */
    dc__joining joining[DC__JOINING_MOST];
    int n_joining;
    _Atomic bool stop_requested;
    char backup[PATH_MAX]; /* the directory that is locked */
    int backup_lock;       /* -1 = none */
    dc__training training;
    dc__shards shards;
    dc__session *sessions;  /* [roster.n], by slot */
    int64_t first_ready_ns; /* run loop: since when somebody is ready for the start, 0 = nobody is */
    int expected;           /* run loop: who take part again in a run that went back, 0 = it did not */
    bool owes;          /* run loop: the end is saved, and workers are to hear of it (dc__session.owed), */
    int64_t closing_ns; /* run loop: since then; */
    int64_t heard_ns;   /* run loop: the last of them heard, or came for it, then; */
    bool said_owed;     /* run loop: a line named those who had not */
    dc__drop drop;
    dc__tally tally;
    int64_t looked_ns;     /* run loop: when it last looked at all, */
    int64_t awake_ns;      /* run loop: and since when it does without a pause */
    int64_t paced_ns;      /* run loop: when it last looked who holds up the others */
    int64_t balanced_ns;   /* run loop: when it last looked whether other images would pay */
    dc__steps_watch steps; /* run loop: which number of local steps would be right */
    uint64_t held_round;   /* run loop: 1 + the last round that is counted as held up */
    bool announced;        /* run loop: that it waits, and for what */
    bool in_doubt;         /* run loop: a connection is gone, and may be made again */
};

/* dc__shards_are_elastic - workers may come and go over shards: the run does not end with who is lost. Run loop. */
static inline bool dc__shards_are_elastic(const dc__shards *sh)
{
    return sh->n > 1 && sh->server->training.on_loss != DC_ON_LOSS_END;
}

/* dc__server_start_after_s - how long others are awaited. */
static inline double dc__server_start_after_s(const dc_server *s)
{
    return s->options.start_after_s > 0 ? s->options.start_after_s : DC_DEFAULT_START_AFTER_S;
}

/* guard.c: the keys, or that url needs none, before it is listened on; and, while the run goes on, lines about those
 * who have not proved who they are, and about a server that takes anybody. Run loop. */
dc_error dc__server_guard(dc_server *s);
void dc__server_watch_gate(dc_server *s);

/* Whether there may be another line about a worker that came in vain: three a minute, then they are counted only, for
 * whoever comes again and again would fill the log. The caller writes it. */
bool dc__server_tells(dc_server *s);

/* admission.c: workers that come: waits for them up to DC__POLL_MS, or until a connection breaks, and admits or refuses those whose JOIN is
 * here; no further ones are wanted. dc__server_refuse_waiting - the run has ended with this line, which those hear whose JOIN waits.
 * Run loop. */
void dc__server_admit(dc_server *s);
void dc__server_admit_none(dc_server *s);
void dc__server_refuse_waiting(dc_server *s, const char *line);

/* agree.c: values that a worker brings are worker 0's or nobody's; augmentation is each worker's own, but seldom meant to
 * differ: DC_EMODEL with a line, or only a line. Run loop. */
dc_error dc__server_agree_on_start(dc_server *s, const dc__join *join, int slot, int number);

/* agree.c: dc__server_fed - what a worker feeds, if it is a member of the round that is on, which is not closed without it, or of the run
 * that is resumed; else 0. dc__server_agree_on_computing - such a member, or one that the round is closed without, makes the same
 * gradients only if it computes as before: DC_EINVAL. Run loop. */
uint32_t dc__server_fed(dc_server *s, int slot);
dc_error dc__server_agree_on_computing(dc_server *s, const dc__join *join, int slot);

/* relays.c: workers behind relays. Run loop.
 * dc__relays_take - a RELAY frame on a connection that has just come: answers it, or DC_EINVAL, DC_EVERSION, DC_EPROTO with a line.
 * dc__relays_admit - a worker may come into this slot, with the relays that it stands behind, as far as those go: DC_EINVAL,
 * DC_EFULL, DC_EPROTO. dc__relays_whole - of the relays of those who are ready, all workers are.
 * Where the run waits for who is lost: dc__relays_go_back - it has begun, somebody is, and it goes back to a checkpoint, to be
 * begun by all again. dc__relays_come_again - the same since somebody joins, who would not if all were there. Run loop. */
dc_error dc__relays_take(dc_server *s, dc__joining *j, const dc__frame *frame);
dc_error dc__relays_admit(dc_server *s, const dc__join *join, int slot);
bool dc__relays_whole(const dc_server *s);
bool dc__relays_go_back(dc_server *s);
bool dc__relays_come_again(dc_server *s);

/* ended.c: the end of a run. Run loop.
 * dc__server_is_done - the run is at its end, which is saved, and those who are to have heard of it, as far as they
 * can be reached; or it could not be saved.
 * dc__server_had_ended - this worker has done the run's rounds, as it says, and the end is saved, perhaps by a server that
 * was killed then. dc__server_tell_end - answers its JOIN so; as dc__link_send, or DC_EINVAL: the run ended without it.
 * dc__server_begins_at_end - the run that is resumed has ended, and those who are ready have no rounds to do: they are to
 * fetch the last values, and nobody else is waited for. dc__server_has_no_rounds_for - a worker that is ready, or was, trains no further than to
 * the round that is on. */
bool dc__server_is_done(dc_server *s);
bool dc__server_had_ended(dc_server *s, const dc__join *join);
dc_error dc__server_tell_end(dc_server *s, dc__joining *j);
bool dc__server_begins_at_end(dc_server *s);
bool dc__server_has_no_rounds_for(const dc_server *s, int slot);

/* start.c: begins to train, if all are here or it is time to. Run loop. */
void dc__server_begin(dc_server *s);

/* changes.c: who takes part. Run loop.
 * dc__server_reap - closes the sessions of those who are gone; slots of workers that never took part are free.
 * dc__server_change - while it trains: who is lost is waited for or given up, as --on-loss says; who is ready
 * enters. */
void dc__server_reap(dc_server *s);
void dc__server_change(dc_server *s);

/* going_back.c: workers keep something that the server has not.
 * dc__server_goes_back - a worker is ready that was in the round that is on, and is to go on with this one: if it has not
 * got what it had kept by then, the run goes back to a checkpoint of which it has. Whether it does: then nobody is ready any more. If
 * there is none, the worker begins with nothing.
 * dc__server_goes_back_further - likewise before the start. Run loop.
 * dc__server_restart - the run goes back, with a line that begins with why; errors end it. Run loop.
 * dc__server_forget - everything but the files, the counts and what people are shown; without sessions' threads. Run loop. */
dc_error dc__server_restart(dc_server *s, const char *why);
void dc__server_forget(dc_server *s);
bool dc__server_goes_back(dc_server *s, int slot, uint64_t round);
bool dc__server_goes_back_further(dc_server *s);

/* tally.c: counts losses, returns, and the rounds that somebody who is lost holds up; while it trains. Run loop.
 * dc__server_came - a worker has joined in this slot, whose state was that before; anew: another than the slot's before. */
void dc__server_count(dc_server *s);
void dc__server_came(dc_server *s, int slot, dc__member_state was, bool anew);

/* rebalance.c: plans other images for the workers if that pays. Run loop. */
void dc__server_balance(dc_server *s);

/* local_steps.c: with +local:auto, how many batches workers step alone from some round on. Run loop. */
void dc__server_choose_steps(dc_server *s);

/* straggler.c: a line when somebody begins to hold up the others, or does not any more. Run loop. */
void dc__server_watch_pace(dc_server *s);

/* drop.c: dc__server_take_request - does what dc_server_drop asks for; dc__server_requests - from here on, or no more. Run loop. _init, _destroy. */
void dc__server_take_request(dc_server *s);
void dc__server_requests(dc_server *s, bool on);
void dc__drop_init(dc__drop *drop);
void dc__drop_destroy(dc__drop *drop);

/* dc__server_forget_if_empty - without a single worker before the start the run is anybody's: the next one may
 * bring another model. dc__server_members (tally.c) - how many take part or are about to. Run loop. */
void dc__server_forget_if_empty(dc_server *s);
int dc__server_members(dc_server *s);

/* dc__server_make - a server with options that are checked here; listener NULL: it opens one on url; else both are taken over, also
 * if it fails. As dc_server_start. */
dc_error dc__server_make(dc_server **out, const dc_server_options *options, dc__listener *listener,
                         dc__listener *inner);

#endif
