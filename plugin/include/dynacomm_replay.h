/* dynacomm_replay.h - makes the weights of a run again, bit for bit, from its log (NAME.log in the backup directory) and
 * everybody's data: on one machine, without a network.
 *
 * DESIGN
 *   The log says who made each version, in which order, with how many images, which gradients of a lost worker count, and
 * at which learning rate. What it does not say, the gradients, the caller computes: member after member, on the values,
 * statistics and momentum that the library puts into the model's arrays, as that worker did. The library sums them and
 * steps the optimizer with the server's own functions. All calls from one thread.
 *
 *   open, begin
 *     next_round                        until it has no members
 *       next_member, (compute), take    for each of them
 *     step
 *   save, free */
#ifndef DYNACOMM_REPLAY_H
#define DYNACOMM_REPLAY_H

#include "dynacomm.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dc_replay dc_replay;

/* Somebody who takes part in a run. */
typedef struct dc_replay_member {
    uint64_t id;
    int number;      /* its data order and random numbers are drawn from this */
    uint32_t images; /* that it feeds in a round */
} dc_replay_member;

typedef struct dc_replay_info {
    const char *model;                /* its name; like members the replay's */
    uint64_t seed;                    /* the run's */
    uint64_t first_round, last_round; /* done where the log begins; done where it ends, at a checkpoint */
    uint64_t torn_bytes;              /* at its end, of a write that was cut off */
    int n_members;                    /* whoever takes part in any round, by number */
    const dc_replay_member *members;
} dc_replay_info;

/* dc_replay_open - reads the log at path, all of it. DC_EFILE, DC_EFORMAT (damaged, or nothing was saved), DC_EINVAL (something
 * that this program cannot repeat), DC_ENOMEM, with a line that names the file. dc_replay_info_get - what it says. */
DC_API dc_error dc_replay_open(dc_replay **replay, const char *path);
DC_API dc_replay_info dc_replay_info_get(const dc_replay *replay);

/* dc_replay_begin - with a model as the run's worker 0 had it, of the same values; it is borrowed until dc_replay_free, and
 * the library writes its arrays in next_member and save. DC_EMODEL (another model or other values), DC_ENOMEM. */
DC_API dc_error dc_replay_begin(dc_replay *replay, dc_model *model);

typedef struct dc_replay_round {
    uint64_t round; /* rounds done; the next is computed now */
    float rate;     /* its learning rate */
    int members;    /* 0: the log has no more */
} dc_replay_round;

/* dc_replay_next_round - what the next version is made of. DC_EFILE, DC_EFORMAT, DC_ENOMEM. */
DC_API dc_error dc_replay_next_round(dc_replay *replay, dc_replay_round *round);

/* dc_replay_next_member - whose gradients are to be computed now, in the order of the sum: the model's arrays have the
 * version's values, this member's statistics, and zero gradients or, where a single worker carries it, the momentum.
 * dc_replay_take - they are in the model's gradients, and its statistics are new. */
DC_API void dc_replay_next_member(dc_replay *replay, dc_replay_member *member);
DC_API void dc_replay_take(dc_replay *replay);

/* dc_replay_step - after the round's last member: the next version. DC_EFORMAT if a block has nobody's gradient. */
DC_API dc_error dc_replay_step(dc_replay *replay);

/* dc_replay_save - writes the version that is made as a .weights file, with the mean of the members' statistics,
 * as the server does. DC_EFILE. */
DC_API dc_error dc_replay_save(dc_replay *replay, const char *path);

DC_API void dc_replay_free(dc_replay *replay);

#ifdef __cplusplus
}
#endif

#endif
