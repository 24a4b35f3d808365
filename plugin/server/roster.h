/* roster.h - who takes part in a run, in which order, with how many images; and how far the run is.
 *
 * DESIGN
 *   A member is a worker, whoever its session is: it is known by its id, which it keeps. Its number is given to
 * it once and stays: gradients are summed in the order of numbers, and its data order and random numbers are
 * drawn from it. Its slot is where this server keeps what belongs to it (session, statistics, gradients).
 *
 *   A crew is the roster of one round: who makes the next version. It changes between rounds only (dc__roster_border),
 * but that a round whose members are all gone may be taken over by others. Two are kept: the crew of the round
 * that is on and of the one before. A round's crew is read without the lock by whoever works for that round.
 *
 *   The lock is taken with or without versions' and a session's, never the other way round. */
#ifndef DC__ROSTER_H
#define DC__ROSTER_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/error.h"
#include "endpoint/path.h"
#include "secure/key.h"
#include "dynacomm.h"

#define DC__CALLED_BYTES (DC__MEMBER_BYTES + 24)
#define DC__CREW_MOST \
    (2 * DC_MAX_WORKERS) /* slots of a server: those who make a round, and those who come instead */

typedef enum dc__member_state {
    DC__MEMBER_FREE,     /* nobody's slot */
    DC__MEMBER_JOINED,   /* welcomed; its values may be on their way */
    DC__MEMBER_READY,    /* and waits for the start, or for a round to enter with */
    DC__MEMBER_ENTERING, /* fetches the version that the next round begins with */
    DC__MEMBER_RUNNING,
    DC__MEMBER_FINISHED, /* said goodbye after its last round */
    DC__MEMBER_LOST,     /* has no session, and may come back: it is waited for */
    DC__MEMBER_LEFT      /* has no session, or one that is about to end, and is not waited for */
} dc__member_state;

typedef struct dc__member {
    uint64_t id; /* of the worker */
    int number;
    char name[DC__MEMBER_BYTES]; /* whose key it has proved, "" without keys */
    uint32_t images;             /* that it feeds in a round */
    uint64_t losses;             /* (L) how often it was lost */
    int64_t state_ns;            /* (L) since when it is in its state */
    uint32_t part;               /* images that it computes at once */
    uint64_t images_round;       /* (L) since when it feeds so many */
    uint64_t next_round;         /* (L) from that round on it feeds others, */
    uint32_t next_images;        /* (L) namely so many; 0 = nothing is planned */
    char note[DC_NOTE_BYTES];    /* (L) how it computes, for the run's log */
    dc__path path;               /* (L) relays that it stands behind */
    int lead; /* (L) slot of the member whose session brings its gradients: its own, or that of the first behind the same relay */
    _Atomic dc__member_state state; /* written with the lock */
    uint64_t enters;                /* (L) ENTERING: the round it begins with */
    uint64_t finished_round;        /* (L) */
    _Atomic uint64_t reached; /* 1 + the round it has begun to push, 0 = none yet; written with the lock */
    int64_t since_ns;         /* (L) LOST: since when; LEFT: likewise */
    bool called;              /* run loop: of those with whom the run begins (dc__roster_call) */
    bool fresh;  /* (L) of a run that is resumed: it begins with the round that is on, and nothing kept */
    bool known;  /* (L) has taken part in a round: its slot is not given away lightly */
    bool closed; /* (L) the round that is on goes on without it */
    /* Over shards, all (L): what the first has decided, at all of them (shard_crew.c). */
    bool due;       /* it is a member from round `enters` on, which has not begun here */
    bool leaves;    /* nobody waits for it: it is a member up to round `until`, with what it had given, */
    uint64_t until; /* and none of the next */
    bool absent;    /* run loop: called, and not here any more: a member all the same */
    char reason[DC__LINE_BYTES]; /* (L) why it is LOST or LEFT, for lines */
} dc__member;

typedef struct dc__crew_member {
    uint64_t id;
    int number;
    uint32_t images;
    int slot;
    bool
        fresh; /* begins with this round: its statistics of the round's version are the mean of the others' */
    bool follows;    /* its gradients come with those of another member: they have one relay to the server */
    uint32_t behind; /* images of those who follow this one */
} dc__crew_member;

typedef struct dc__crew {
    int n;
    int followers;                         /* of them: gradients come from the others only */
    uint64_t images;                       /* of all of them */
    dc__crew_member member[DC__CREW_MOST]; /* [n] by number */
} dc__crew;

typedef struct dc__roster {
    pthread_mutex_t lock;
    int wanted;                 /* members that the run is for */
    int least;                  /* with fewer it waits */
    int n;                      /* slots */
    dc__member *member;         /* [n] */
    bool spread;                /* over shards: members come and go as the first decides; constant */
    int next_number;            /* (L) above all that ever took part */
    dc__crew saved;             /* of the version that the run is resumed from; n = 0: it is a new run */
    dc__crew crew[2];           /* of round r in [r & 1]; written with versions' and this lock */
    _Atomic bool training;      /* START was sent; written with the lock */
    _Atomic bool ending;        /* likewise */
    int64_t began_ns, ended_ns; /* (L) when */
    dc_error result;            /* (L) why it ended, with its line */
    char result_line[DC__LINE_BYTES];
} dc__roster;

dc_error dc__roster_init(dc__roster *r, int wanted, int least);
void dc__roster_destroy(dc__roster *r);

/* dc__roster_crew - who makes the version after round. */
static inline const dc__crew *dc__roster_crew(const dc__roster *r, uint64_t round)
{
    return &r->crew[round & 1];
}
bool dc__crew_has(const dc__crew *crew, int slot);

/* crew.c, with the lock held. dc__crew_add - a member in its place by number. dc__crew_group - whose gradients come with
 * whose: of those behind one relay of the server's, with those of the lowest number. */
void dc__crew_add(dc__crew *crew, const dc__member *m, int slot, bool fresh);
void dc__crew_group(dc__roster *r, dc__crew *crew);

/* dc__crew_gradients - how many gradients make a block's sum. */
static inline int dc__crew_gradients(const dc__crew *crew)
{
    return crew->n - crew->followers;
}

/* dc__roster_find - the slot of a member by its id, or by its number; -1 if there is none. Run loop. */
int dc__roster_find(const dc__roster *r, uint64_t id);
int dc__roster_numbered(const dc__roster *r, int number);

/* dc__roster_place - a slot for a worker that is not known, and *number for it: the requested one, or if that
 * is -1 one that nobody had. -1 if no slot can be had. Run loop. */
int dc__roster_place(dc__roster *r, uint64_t round, int requested, int *number);

/* dc__roster_recall - the run that is resumed was last this crew's, whose members are known, and away; as far as there are
 * slots for all of them, else nobody is known. slots: [crew->n] of them, or -1. */
void dc__roster_recall(dc__roster *r, const dc__crew *crew, int *slots);
/* dc__roster_forget - all slots are free, and nobody trains: another run, or this one from a checkpoint on. */
void dc__roster_forget(dc__roster *r);

/* dc__roster_count - members whose state is from `least` to `most`. */
int dc__roster_count(dc__roster *r, dc__member_state least, dc__member_state most);

/* dc__member_words - "worker 1", with keys "worker 1 (cam-2)". dc__roster_vacate - nobody's slot. */
void dc__member_words(const dc__member *m, char words[DC__CALLED_BYTES]);
void dc__roster_vacate(dc__roster *r, int slot);

/* dc__member_enter - a member's state from here on; with the lock held.
 * dc__roster_set - a member's state. dc__roster_advance - the same if it is `from`; whether it was.
 * dc__roster_gone - LOST or LEFT, with the reason; not if it is so already. */
void dc__member_enter(dc__member *m, dc__member_state state);
void dc__roster_set(dc__roster *r, int slot, dc__member_state state);
bool dc__roster_advance(dc__roster *r, int slot, dc__member_state from, dc__member_state to);
void dc__roster_gone(dc__roster *r, int slot, dc__member_state state, const char *reason);

/* dc__roster_call - the run is to begin with those who are READY now. dc__roster_start - training begins at round with those of them who still
 * are, or are called though absent, if there are as many as `need`; whether it does. Who becomes READY between the two comes late: it has not been prepared. Run loop. */
void dc__roster_call(dc__roster *r);
bool dc__roster_start(dc__roster *r, uint64_t round, int need);

/* dc__roster_border - the round before has been made: the crew of round, which is about to begin. Those who
 * left are not in it, unless those would be fewer than least; those who are to enter with it are, and RUNNING. True if
 * it is another than before. With versions' lock. */
bool dc__roster_border(dc__roster *r, uint64_t round);

/* dc__roster_plan_images - a member feeds so many from that round on, which is still to come. */
void dc__roster_plan_images(dc__roster *r, int slot, uint64_t round, uint32_t images);

/* dc__roster_take_over - a member joins the round that is on, whose other members have all left; nobody works
 * for the round. With versions' lock. */
void dc__roster_take_over(dc__roster *r, uint64_t round, int slot);

/* dc__roster_close - the round that is on goes on without a member that has left. */
void dc__roster_close(dc__roster *r, int slot);

/* dc__roster_reopen - a member of the crew takes up its part of the round that is on, which went on without it, with the images that it
 * had there. With versions' lock. */
void dc__roster_reopen(dc__roster *r, uint64_t round, int slot);

/* dc__roster_staying - members of a round's crew, beside `but` (a slot, or -1), that are here or waited for, and have not been passed
 * over in it. */
int dc__roster_staying(dc__roster *r, const dc__crew *crew, int but);

/* crew.c, over shards; any thread, with versions' lock. dc__roster_let - a member is one from that round on. dc__roster_pass - it is
 * one up to that round, and no longer waited for in those that are not made. By its number; false if there is no such member, or the round
 * that is on (`now`) is one that was to begin with it, or without it, and did not. */
bool dc__roster_let(dc__roster *r, int number, uint64_t from, uint64_t now);
bool dc__roster_pass(dc__roster *r, int number, uint64_t until, uint64_t now);

/* dc__roster_end - the run ends for this reason; the first one counts. */
void dc__roster_end(dc__roster *r, dc_error err, const char *line);
/* dc__roster_fail - a run that had ended well did not: its end could not be saved. */
void dc__roster_fail(dc__roster *r, dc_error err, const char *line);

/* dc__roster_pushes - a member begins to push for a round. DC_EPEER with a line if another has finished
 * before it: the round could never be whole. dc__roster_finish - a member is done after so many rounds;
 * likewise if another has gone on. */
dc_error dc__roster_pushes(dc__roster *r, int slot, uint64_t round);
dc_error dc__roster_finish(dc__roster *r, int slot, uint64_t rounds);

/* dc__roster_all_finished - every member of the crew is done, or left while another is. */
bool dc__roster_all_finished(dc__roster *r, uint64_t round);

/* dc__roster_result - why the run ended; line[DC__LINE_BYTES]. */
dc_error dc__roster_result(dc__roster *r, char *line);

#endif
