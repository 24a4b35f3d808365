/* replay.h - what a replay of a run is made of; see dynacomm_replay.h.
 *
 * DESIGN
 *   The versions, the sum and the step are the server's own (versions, dc__addends, apply), and so are the rules for
 * statistics; what is new is only where the gradients come from: one member's after another, out of the caller's model.
 *   The log is read twice: as a whole, for who takes part and how far it goes, and then record by record, one ahead of the round
 * that is computed. Memory is two versions, as at the server, and one gradient of the whole model for each member.
 *   Arithmetic is done in the server's threads' mode (floatmode.h), and the caller's thread gets its own back. */
#ifndef DC__REPLAY_H
#define DC__REPLAY_H

#include <limits.h>

#include "dynacomm_replay.h"
#include "server/run_log_read.h"
#include "server/versions.h"

/* A member, from when it first takes part. */
typedef struct dc__player {
    dc_replay_member who; /* as the last roster has it */
    bool known;           /* it has statistics */
    float *statistics;    /* [statistics' floats] in its own arrays */
    float *told;          /* likewise, as the server has them */
    float *gradients;     /* [trained floats] of the round; NULL until it takes part in one */
    uint8_t *counts;      /* bitmap [n_blocks] of the round, where only some blocks count */
    bool partial;
} dc__player;

struct dc_replay {
    char path[PATH_MAX];
    dc__log_reader *log;
    dc__log_record next; /* not carried out yet */
    dc_replay_info info;
    dc__log_server server; /* that makes the round */
    dc_model *model;       /* the caller's; NULL before dc_replay_begin */
    dc__versions versions;
    uint64_t stat_floats;
    dc__player *players; /* [info.members] */
    int *crew, n_crew;   /* indices of players, in the order of summation */
    uint64_t round;
    float rate;
    bool rated;
    int taken; /* of the crew, in this round */
};

/* roster.c: dc__replay_find - a player by its number; NULL if there is none. dc__replay_add - it takes part, once. */
dc__player *dc__replay_find(dc_replay *r, int number);
dc_error dc__replay_add(dc_replay *r, const dc__log_member *member);
void dc__replay_free_players(dc_replay *r);

/* dc__replay_allocate - what players have for the model. */
dc_error dc__replay_allocate(dc_replay *r);

/* dc__replay_server, dc__replay_roster - what the next record says holds from this round on. */
void dc__replay_server(dc_replay *r);
dc_error dc__replay_roster(dc_replay *r);

/* dc__replay_take_statistics - the model's are the player's; the server takes those that it would be sent and that are
 * finite. dc__replay_mean - the mean of what the server has of the crew, [stat_floats]. DC_ENOMEM. */
void dc__replay_take_statistics(dc_replay *r, dc__player *p);
dc_error dc__replay_mean(const dc_replay *r, float *mean);

#endif
