/* shards.h - several servers that hold a model together: the first one, and the others.
 *
 * DESIGN
 *   Each is a server of its own for its part of the model (model/shard.h): a worker has a session with each, and
 * rounds, versions and sums know nothing of the rest. What must be decided once is decided by the first: who takes part and
 * as which number, when the run begins and with which values, which versions are saved. The others have a link to it,
 * an endpoint as between worker and server:
 *     - SHARD: the other one says what it was started with, and is refused if that is not the first one's.
 *     - RUN: the first one's model and codec and, of a run that is resumed, the state of the other's part. Workers that come to
 *       another shard wait for it; they name the run by its number, for the first one may train another one instead.
 *     - MEMBERS, with keys: the workers that the first has taken, whenever there are others. Workers whose key is not among them, or who say
 *       that they are another of them, are not let in. All shards have one key, by which the first knows the others.
 *     - READY, ROSTER: the run begins when all workers are at all shards, or, where it does not end with whoever is lost, as many as one
 *       server would begin with: the first names them (BACK with ENTERS) before ROSTER.
 *     - BACK: a worker is ready at a shard, whose round is on there; and the first one's answer when it is so at all of
 *       them: with which round it begins. States of a member in between are the roster's, at each shard:
 *           RUNNING -> LOST (its session ended here, or at another one, as BACK says) -> JOINED -> READY -> RUNNING (at the first, when
 *           all have reported this entry of it; at another one, when the first's word about this entry is here)
 *       The first alone says how long it is waited for, who is passed over then, and who comes anew, and with which round
 *       (shard_crew.c): the crew of a round is the same at all of them.
 *     - OMITTED: blocks of a round in which a member does not count, of each of the others, for the run's log.
 *     - KEEP: for each version, when the one before is whole at the first shard, whether the others are to send it. They
 *       do not overwrite a version of which they have not heard (checkpoint.h's guard), and nobody waits for that: the
 *       next one but one overwrites it.
 *     - STATE: such a version, from each of the others. The first one has arrays for all of the model (training.all),
 *       from which the files of a checkpoint are written as by a server that has everything. A checkpoint is on the disk
 *       only when every shard's part of it has come.
 *   Where the run waits for who is lost, a shard that is lost is waited for, too: all go back to a checkpoint (shard_losses.c). Then the
 * end is saved before anybody hears of it (shard_ends.c).
 *   At the end, also by an error, the others say which version they are at, and send the newest one that all have: no two
 * shards are more than one version apart, and the older of the two is intact, since nobody has pushed for the next.
 *
 *   In a mesh the first is the meeting server, and each worker's process has another one (plugin/mesh/): it says SHARD before its
 * worker says JOIN, and is answered with its number; for the rest it is a shard as any other.
 *
 *   Lock: shards->lock is the lock of these endpoints and guards what is marked (L). It is a leaf. */
#ifndef DC__SHARDS_H
#define DC__SHARDS_H

#include "endpoint/endpoint.h"
#include "endpoint/join.h"
#include "server/hello.h"
#include "server/training.h"

struct dc_server;
struct dc__session;

enum { DC__KEEPS_MOST = 8 }; /* versions whose KEEP has not gone yet: workers are at most two rounds ahead */

/* A worker that the first has taken, with keys. */
typedef struct dc__admitted {
    int number;
    dc__listed who;
} dc__admitted;

/* A worker that is ready, or lost, at the shard that says so, which is at this round; or the first one's word about it: it goes on with this
 * round, ENTERS with it, or is a member up to it. */
typedef struct dc__back {
    int number;
    uint32_t entry; /* which of its sessions */
    uint64_t round;
    uint8_t flags; /* of the frame */
} dc__back;

#define DC__FIND_FIRST_S 60.0 /* the first shard may be started later, or again before there is a run */

enum { DC__BACKS_MOST = 4 * DC__CREW_MOST };

typedef struct dc__backs {
    int n;
    dc__back of[DC__BACKS_MOST];
} dc__backs;

/* Blocks of a round in which a member counts, of this shard's, until they are sent. */
typedef struct dc__omitted {
    struct dc__omitted *next;
    uint64_t round;
    int number;
    uint32_t bytes;
    uint8_t bitmap[];
} dc__omitted;

/* The other end of a link between shards. */
typedef struct dc__peer {
    struct dc_server *server;
    int number;              /* the shard's, from 1 */
    char url[DC__URL_BYTES]; /* where workers reach it */
    dc__endpoint endpoint;
    bool present;    /* run loop: its link has threads, or had */
    bool asked;      /* run loop, at another one: SHARD has gone */
    dc__shard shard; /* at the first: what of the model it has */
    int rank;        /* run loop, at a meeting server: that its worker asks for, -1 = any; */
    double Bps;      /* likewise: of its link, 0 = not known */
    uint64_t id;     /* likewise: its worker's, 0 = not known */
    bool awaited;    /* likewise: it was in the run that went back, and comes again as the same shard */
    bool has_part; /* likewise: it was in a run, and its worker can take part in one with these shares only */
    _Atomic bool over;        /* its receiver has ended */
    char why[DC__LINE_BYTES]; /* likewise; written before */
    bool run_due, begin_due, stop_due, ack_due, ready_due, bye_due, members_due; /* (L) to be sent */
    bool sending;       /* (L) at the first: RUN and what belongs to it is on its way */
    bool requested;     /* (L) at the first: what it has left with was asked for */
    bool ready;         /* (L) at the first: all workers are at it */
    bool end_due;       /* (L) at the first: KEEP with END is to be sent */
    bool left;          /* (L) at the first: it has said BYE */
    uint64_t at;        /* (L) with this version */
    uint64_t keep_next; /* (L) at the first: the next version to be announced */
    uint64_t now_due;   /* (L) at the first: KEEP with NOW for this version, DC__NO_ROUND = none */
    uint64_t got;       /* (L) at the first: the last version that has come whole, likewise */
    uint64_t send;      /* (L) at another one: this version is to go, likewise */
    bool acked;         /* (L) at another one: nothing more is needed */
    dc__backs go, came; /* (L) BACK, to be sent, and that came */
    dc__omitted *omitted, **omitted_end; /* (L) at another one: to be sent, oldest first */
} dc__peer;

typedef struct dc__shards {
    int index, n; /* this one's, from 0, of so many; 0, 1: a server that has all of the model */
    bool mesh;    /* the first is a mesh's meeting server, the others are in its workers' processes */
    struct dc_server *server;
    char first[DC__URL_BYTES],
        own[DC__URL_BYTES]; /* at another one: where the first is, and workers reach this one */
    pthread_mutex_t lock;
    pthread_cond_t news;
    dc__peer *peers;   /* at the first: [n], none at 0; at another one the first, at 0 */
    uint32_t run;      /* number of the run that is adopted; run loop */
    uint32_t entries;  /* run loop, at the first: sessions with workers so far */
    bool said;         /* run loop: who is missing */
    bool met;          /* run loop, at another one: SHARD had been answered before this server was made */
    uint64_t keep_end; /* (L) at the first: versions before are announced or about to be */
    bool keep[DC__KEEPS_MOST]; /* (L) by version % DC__KEEPS_MOST */
    uint64_t gathering;        /* (L) at the first: the version that is put together, DC__NO_ROUND = none */
    bool closing;              /* (L) at the first: others that come are of no use any more */
    bool leaving;              /* (L) at the first: the run goes back, and nothing is put together any more */
    int64_t
        lost_ns; /* run loop, at the first: since when it waits for shards that are lost, 0 = it does not */
    bool again;  /* run loop, at another one: it was in a run that waits, and comes to the first anew, */
    int64_t again_until_ns; /* until then */
    bool had_end;           /* run loop, at another one: the end of that run was saved */
    int64_t asked_ns;       /* run loop, at another one: when it last tried to reach the first */
    int rank; /* at another one of a mesh, constant: as what its process came to the meeting server (host.h) */
    double Bps;
    uint64_t id;
    bool went_back;           /* run loop, at the first: the run went back, and has not begun again */
    _Atomic bool worker_left; /* at another one of a mesh: the worker of its process has left */
    bool end_said,
        end_saved; /* (L) at another one: it has announced to the first that it is at the end, and heard that this is saved */
    /* (L) at another one: a run that was announced, until the run loop has adopted it; `adopting`: it is at that */
    dc_model *coming;
    bool adopting;
    dc__header coming_head;
    uint32_t coming_run;
    uint64_t coming_average;
    dc__shares coming_shares;
    char coming_coding[DC__CODING_BYTES], coming_fingerprint[DC_FINGERPRINT_BYTES];
    bool state_here; /* (L) its state has come */
    bool begin;      /* (L) the first has begun the run */
    /* With keys: whom the first has taken, (L), [DC__CREW_MOST]; and room for the next such list: at the first its run loop's, at
     * another one its receiver's. */
    dc__admitted *admitted, *listing;
    int n_admitted;
} dc__shards;

/* dc__shards_first - "the first shard", or what it is in a mesh. dc__shards_text - "shard 2 of 3" for a shard from 0; a
 * mesh's meeting server is not counted. */
#define DC__SHARD_TEXT_BYTES 32
static inline const char *dc__shards_first(const dc__shards *sh)
{
    return sh->mesh ? "the meeting server" : "the first shard";
}

static inline void dc__shards_text(const dc__shards *sh, int number, char text[DC__SHARD_TEXT_BYTES])
{
    if (sh->mesh && number == 0)
        (void)snprintf(text, DC__SHARD_TEXT_BYTES, "the meeting server");
    else
        (void)snprintf(text, DC__SHARD_TEXT_BYTES, "shard %d of %d", number + !sh->mesh, sh->n - sh->mesh);
}

/* dc__shards_check - what options say of shards: DC_EINVAL with a line. Pure. dc__shards_init, _destroy - for a server with
 * these options, which are changed where shards know one way only. DC_ENOMEM. */
dc_error dc__shards_check(const dc_server_options *o);
dc_error dc__shards_init(dc__shards *sh, struct dc_server *s, dc_server_options *o);
void dc__shards_destroy(dc__shards *sh);

/* dc__shards_say - what a run over shards does otherwise, as a line. dc__shards_ready - a worker may be admitted: all
 * shards are here, and its run is known; else the calling thread's last error says what is waited for. Run loop. */
void dc__shards_say(dc__shards *sh);
bool dc__shards_ready(dc__shards *sh, uint32_t run);

/* dc__meeting_here - how many shards are here, at a mesh's meeting server. dc__shards_waits - some are not here, for whom workers wait as long as it takes: those of a mesh. Run loop. */
int dc__meeting_here(const dc__shards *sh);
bool dc__shards_waits(const dc__shards *sh);

/* dc__shards_coding - the codec that this server's user has said, "" = none. Run loop. */
void dc__shards_coding(const dc__shards *sh, char text[DC__CODING_BYTES]);

/* dc__shards_begun - at another one: the first has begun the run. Run loop. */
bool dc__shards_begun(dc__shards *sh);

/* dc__shards_join - DC_EINVAL with a line if a worker takes this server for another one. dc__shards_welcome - what a
 * WELCOME says of shards. Run loop. */
dc_error dc__shards_join(const dc__shards *sh, const dc__join *join);
void dc__shards_welcome(const dc__shards *sh, dc__welcome *welcome);

/* shard_keys.c, with keys; without all is well. dc__shards_prove - who says SHARD has the server's key. dc__shards_worker - who says JOIN has not:
 * DC_EKEY with a line. dc__shards_has - at another one, the first has named this worker; false: not yet, for its word and the worker come by
 * different connections, and DC_EKEY's line is the last error. dc__first_tells_members - the others are to hear who was taken, if it is
 * news. Run loop. dc__first_send_members, dc__other_takes_members - MEMBERS: the link's threads. */
dc_error dc__shards_prove(const dc__shards *sh, const dc__channel *channel);
dc_error dc__shards_worker(const dc__shards *sh, const dc__channel *channel);
bool dc__shards_has(dc__shards *sh, const dc__channel *channel, const dc__join *join);
void dc__first_tells_members(dc__shards *sh);
dc_error dc__first_send_members(void *peer, dc__header *header);
dc_error dc__other_takes_members(dc__peer *p, const dc__frame *frame);

/* shard_members.c: what shards tell each other of workers. Run loop, but for the link's threads, which send and take BACK.
 * dc__shards_look - tells the other end who is lost or ready, and hears it. dc__shards_tell - at the first: all others hear it, in this order.
 * dc__shards_is_ready - at the first, a session whose worker is ready at all of the others; *round: the earliest that is on at any.
 * dc__shards_word - at another one, the first one's last word about when this session's worker begins. False: there is none.
 * dc__shards_back_due - a BACK is to be sent; with the lock held. dc__shards_take_back - one has come. */
void dc__shards_look(dc__shards *sh);
void dc__shards_tell(dc__shards *sh, dc__back back);
bool dc__shards_is_ready(dc__shards *sh, const struct dc__session *session, uint64_t *round);
bool dc__shards_word(dc__shards *sh, const struct dc__session *session, dc__back *word);
bool dc__shards_back_due(dc__peer *p, dc__header *header);
dc_error dc__shards_take_back(dc__peer *p, const dc__frame *frame);

/* shard_crew.c: who takes part, which the first decides for all. Run loop.
 * dc__shards_let_in - a worker that is ready begins, if
 * the first shard has said with which round, or, at the first, all others have it, too; rounds: it has some to do. Whether the run goes back instead.
 * dc__shards_pass - at the first, who is not waited for is passed over, if enough are left; at all, rounds go on without those who are.
 * dc__shards_ready_all - at the first, how many are ready at all shards. dc__shards_call - the run is to begin with those; at another one, with
 * those that the first has named, whether they are here or not. dc__shards_called - it has begun, at this round: the first names those with whom. */
bool dc__shards_let_in(struct dc_server *s, int slot, bool rounds);
void dc__shards_pass(struct dc_server *s);
int dc__shards_ready_all(struct dc_server *s);
void dc__shards_call(struct dc_server *s);
void dc__shards_called(struct dc_server *s, uint64_t round);

/* shard_omitted.c: which blocks count, for the log. dc__other_omits - at another one, of a version that is about to be whole; the receiver that
 * makes it (training.h's hook). dc__other_omitted_due - with the lock held; _send: sends the oldest; _free: forgets all.
 * dc__first_takes_omitted - an OMITTED frame. */
void dc__other_omits(void *server, uint64_t round, int number, const uint64_t *counted);
bool dc__other_omitted_due(const dc__peer *p);
dc_error dc__other_omitted_send(void *peer, dc__header *header);
void dc__other_omitted_free(dc__peer *p);
dc_error dc__first_takes_omitted(dc__peer *p, const dc__frame *frame);

/* shard_losses.c: shards that are lost, and come back. Run loop.
 * dc__first_lost - at the first, that this one's link has ended, or was found dead: the run goes back if it is on. dc__first_awaits - while it
 * waits for such: the end of the run when they are not back in time.
 * dc__other_lost - at another one, that its link to the first has ended: it forgets all, and comes to it anew. */
void dc__first_lost(dc__shards *sh, int number, const char *why);
void dc__first_awaits(dc__shards *sh);
void dc__other_lost(dc__shards *sh);

/* shard_ends.c: the end of links, and of a run that waits for those who are lost. Run loop.
 * dc__first_part - the link to another shard ends. dc__first_leaves, dc__first_parts - of a run that goes back: nobody waits for versions any
 * more; all links end.
 * dc__first_may_end - all shards are at this version, which is the last. dc__first_says_end - it is saved: the others may answer goodbyes.
 * dc__other_is_done - at another one: the first needs nothing more. */
void dc__first_part(dc__shards *sh, int number);
void dc__first_leaves(dc__shards *sh);
void dc__first_parts(dc__shards *sh);
bool dc__first_may_end(dc__shards *sh, uint64_t version);
void dc__first_says_end(dc__shards *sh);
bool dc__other_is_done(dc__shards *sh);

/* meeting.c, at a mesh's meeting server; run loop.
 * dc__meeting_place - the number, from 1, of the shard that a worker's process is to hold; DC_EINVAL, DC_EFULL with a line that is for
 * that worker, DC_EPEER: it is to come again. Also of whoever takes another server for one. dc__meeting_lost - before: the shard whose
 * link has ended though it was not known, in whose place it comes; 0 = none. dc__meeting_came - it has its number.
 * dc__meeting_vacant - the slot of a member of the run that is resumed whose process is not here: the mesh is complete without it, so whoever
 * is new takes its place; -1 = there is none. */
dc_error dc__meeting_place(const dc__shards *sh, const dc__shard_hello *hello, int *number);
int dc__meeting_lost(const dc__shards *sh, const dc__shard_hello *hello);
int dc__meeting_vacant(const dc__shards *sh);
void dc__meeting_came(dc__shards *sh, int number, const dc__shard_hello *hello);

/* first_shard.c, all at the first; run loop.
 * dc__first_forgets - the run's model is about to be freed: nothing of it is sent any more.
 * dc__first_take - a SHARD frame on a link that has just come, which is taken over; DC_EINVAL, DC_EVERSION, DC_EPROTO.
 * dc__first_adopted - a run has a model. dc__first_may_begin - all shards have all workers, and a new run's values have been
 * put together if a log will name them. dc__first_begins - the others begin it, at this round.
 * dc__first_watch - links that have ended. dc__first_stop - the run ends: the others hear why. dc__first_done - they may
 * end. */
dc_error dc__first_take(dc__shards *sh, dc__link *link, const dc__frame *frame);
dc_error dc__first_adopted(dc__shards *sh);
void dc__first_forgets(dc__shards *sh);
bool dc__first_may_begin(dc__shards *sh);
void dc__first_begins(dc__shards *sh, uint64_t round);
void dc__first_watch(dc__shards *sh);
void dc__first_stop(dc__shards *sh);
void dc__first_done(dc__shards *sh);

/* first_shard.c: the hooks of a checkpoint (checkpoint.h). */
void dc__first_announce(void *shards, uint64_t version, bool saved);
dc_error dc__first_gather(void *shards, uint64_t version);
dc_error dc__first_newest(void *shards, uint64_t *version);

/* dc__shards_own - other_shard.c: who listens on all interfaces is reached at the one that leads to the first shard; DC_EURL if
 * there is none. Blocks for a name. */
dc_error dc__shards_own(const char *first, char own[DC__URL_BYTES]);

/* other_shard.c: at another one; run loop. dc__other_watch - its link to the first, and what has come over it.
 * dc__other_goes_on - before the run loop: SHARD has been answered on this link, which is taken over; its threads start with the run loop.
 * dc__other_end - says where it is, and sends what is asked for. dc__other_deliver - sends a version: a hook of the
 * checkpoint's. */
void dc__other_watch(dc__shards *sh);
void dc__other_goes_on(dc__shards *sh, dc__link *link);
void dc__other_end(dc__shards *sh);
dc_error dc__other_deliver(void *shards, uint64_t version);

/* The endpoints' roles. */
extern const dc__endpoint_role dc__first_role, dc__other_role;

#endif
