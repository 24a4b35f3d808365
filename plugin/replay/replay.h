/* replay.h - what a replay of a run is made of; see dynacomm_replay.h.
 *
 * DESIGN
 *   The versions, the sum, its bounds, the step and the changes that go down are the server's own (versions, dc__addends,
 * clip, apply, codes), what each member has not sent is in a worker's own encoder; new is only where the gradients
 * come from: one member's after another, out of the caller's model.
 *   The log is read twice: as a whole, for who takes part and how far it goes, and then record by record, one ahead of the round
 * that is computed. Memory is the versions, as many as at the server (two, but with --staleness), and for each member one gradient of the whole model as it was sent, and what
 * a worker has of its encoder.
 *   Arithmetic is done in the server's threads' mode (floatmode.h), and the caller's thread gets its own back. */
#ifndef DC__REPLAY_H
#define DC__REPLAY_H

#include <limits.h>

#include "dynacomm_replay.h"
#include "server/clip.h"
#include "server/codes.h"
#include "server/run_log_read.h"
#include "server/tree.h"
#include "server/versions.h"
#include "worker/encoder.h"

/* A gradient as it left a worker. */
typedef struct dc__sent {
    uint8_t *payload;
    size_t room;
    size_t *at; /* [n_blocks] where each block's begins */
} dc__sent;

/* A member, from when it first takes part. */
typedef struct dc__player {
    dc_replay_member who; /* as the last roster has it */
    dc__path path;        /* relays that it stands behind, likewise */
    bool known;           /* it has statistics */
    float *statistics;    /* [statistics' floats] in its own arrays */
    float *reported;      /* likewise, as the server has them */
    dc__encoder encoder;
    bool encodes;    /* it is there: the player has taken part in a round */
    dc__sent sent;   /* of the round */
    dc__sent before; /* likewise, by a process that was lost in it */
    uint8_t *counts; /* bitmap [n_blocks] of the round, where only some blocks count */
    uint8_t *old;    /* likewise: blocks that came from that process */
    uint64_t base;   /* version that it computes the round on */
    bool partial, forgot;
} dc__player;

/* A member's computation in a round. */
typedef struct dc__pass {
    int player;
    bool lost;   /* by a process that was lost in it, and its statistics with it */
    bool afresh; /* by one that has nothing kept */
} dc__pass;

struct dc_replay {
    char path[PATH_MAX];
    dc__log_reader *log;
    dc__log_record next; /* not carried out yet */
    dc_replay_info info;
    dc__log_server server; /* that makes the round */
    dc_model *model;       /* the caller's; NULL before dc_replay_begin */
    dc__versions versions;
    dc__codes codes;
    dc__clip clip; /* members: places in the crew */
    uint64_t stat_floats;
    int most_crew;       /* largest */
    uint32_t most_stale; /* rounds that a version was older than a round that somebody computed on it */
    dc__player *players; /* [info.members] */
    int *crew, n_crew;   /* indices of players, in the order of summation */
    dc__pass *passes;    /* [n_passes] */
    int n_passes;
    int at; /* the pass that is placed */
    uint64_t round;
    float rate;
    bool rated;
    int taken; /* passes of this round */
    dc__tree tree;
};

/* players.c: dc__replay_find - a player by its number; NULL if there is none. dc__replay_add - it takes part, once.
 * dc__player_describe - it is as a roster has it. */
dc__player *dc__replay_find(dc_replay *r, int number);
dc_error dc__replay_add(dc_replay *r, const dc__log_member *member);
void dc__player_describe(dc__player *p, const dc__log_member *member);
void dc__replay_free_players(dc_replay *r);

/* dc__replay_allocate - what players have for the model. */
dc_error dc__replay_allocate(dc_replay *r);

/* roster.c: dc__replay_server, dc__replay_roster, dc__replay_relays - what the next record says holds from this round on. */
dc_error dc__replay_server(dc_replay *r);
dc_error dc__replay_roster(dc_replay *r);
dc_error dc__replay_relays(dc_replay *r);

/* passes.c: dc__replay_blocks - of a player some blocks count, or came before it had lost what it kept, as the next record
 * says. dc__replay_begin_passes - the round's; none of the blocks of the round before is left. */
dc_error dc__replay_blocks(dc_replay *r);
void dc__replay_begin_passes(dc_replay *r);

/* dc__replay_counts - whether block b of a player counts; dc__replay_sent - where it is, as it was sent. */
bool dc__replay_counts(const dc__player *p, uint32_t b);
const uint8_t *dc__replay_sent(const dc__player *p, uint32_t b);

/* dc__replay_take_statistics - the model's are the player's and the server's, those frames that are finite. dc__replay_mean - the mean of what the server has of the crew, [stat_floats]. DC_ENOMEM. */
void dc__replay_take_statistics(dc_replay *r, dc__player *p);
dc_error dc__replay_mean(const dc_replay *r, float *mean);

#endif
