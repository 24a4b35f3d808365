/* replay.h - what a replay of a run is made of; see dynacomm_replay.h.
 *
 * DESIGN
 *   The log is read twice: once as a whole, for who takes part and how far it goes, then record by record, one ahead of the
 * round that is computed. Memory is two versions, as at the server, and one gradient of the whole model for each member. */
#ifndef DC__REPLAY_H
#define DC__REPLAY_H

#include <limits.h>

#include "dynacomm_replay.h"
#include "server/run_log_read.h"
#include "server/versions.h"

/* A member of the round that is on. */
typedef struct dc__replayed {
    dc__log_member who;
    float *statistics; /* [stat_floats] */
    float *gradient;   /* [trained floats] */
    uint8_t *counts;   /* bitmap [n_blocks] */
    bool partial;      /* only the blocks in counts */
} dc__replayed;

struct dc_replay {
    char path[PATH_MAX];
    dc_replay_info info;
    dc_replay_member *everybody; /* info.members */
    dc__log_reader *reader;      /* the second time */
    dc__log_record next;         /* that is not yet taken */
    dc__log_run run;
    char name[DC__NAME_BYTES];
    bool carried, rated;
    float rate;
    dc_model *model; /* the caller's, NULL before begin */
    dc__versions versions;
    uint64_t stat_floats, trained_floats;
    dc__replayed *members; /* [n] */
    int n, at;             /* at: whose turn it is */
};

/* dc__replay_roster - the members from this round on. Their statistics are their own, or the mean of the others'. */
dc_error dc__replay_roster(dc_replay *r, const dc__log_record *record);
void dc__replay_free_members(dc__replayed *members, int n);

#endif
