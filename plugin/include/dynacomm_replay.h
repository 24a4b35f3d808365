/* dynacomm_replay.h - a run made again on one machine from its log (NAME.log in the server's backup directory) and everybody's data: the
 * same weights, bit for bit, whatever happened to machines meanwhile. The caller computes gradients, as its workers
 * did; the rest is the server's own code:
 *
 *   dc_replay_open, dc_replay_begin(model)
 *     dc_replay_round                          while there are passes in it
 *       for each pass k of it, in order:
 *         dc_replay_place(k)                   the model's arrays are a member's:
 *         for each batch (steps):              compute forward and backward on its images
 *           dc_replay_step_alone               after all but the last
 *         dc_replay_take(k)                    its gradients and its statistics
 *       dc_replay_step
 *   dc_replay_save, dc_replay_close
 *
 * A round has one pass for each member, but two for one whose process was lost in it with what its codec kept.
 *
 * One thread. Errors: DC_EFILE, DC_EFORMAT (the log), DC_EMODEL, DC_EINVAL (another model, other initial values),
 * DC_ENOMEM. */
#ifndef DYNACOMM_REPLAY_H
#define DYNACOMM_REPLAY_H

#include "dynacomm.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dc_replay dc_replay;

typedef struct dc_replay_info {
    uint64_t seed;                    /* the run's */
    uint64_t first_round, last_round; /* rounds done where the log begins and where it ends */
    uint64_t round;                   /* rounds replayed so far, those before first_round included */
    int members;                      /* workers that ever took part */
} dc_replay_info;

typedef struct dc_replay_member {
    int number;               /* what its data order and random numbers are drawn from */
    uint64_t id;              /* of the worker */
    uint32_t images;          /* in a round */
    char note[DC_NOTE_BYTES]; /* the fourth line of its fingerprint */
} dc_replay_member;

typedef struct dc_replay_round_info {
    uint64_t round; /* rounds done before it, */
    uint64_t batch; /* and batches of a worker that took part in all of them */
    int steps;      /* batches that a worker computes in it */
    int passes;     /* that make it; 0 = the log ends here */
    int members;    /* likewise: workers */
    int workers;    /* that the run was for */
    float rate;     /* learning rate of its step */
} dc_replay_round_info;

DC_API dc_error dc_replay_open(dc_replay **replay, const char *path);
DC_API void dc_replay_close(dc_replay *replay);
DC_API dc_replay_info dc_replay_info_get(const dc_replay *replay);
/* dc_replay_member_get - the k-th of those that ever took part, k from 0. */
DC_API dc_replay_member dc_replay_member_get(const dc_replay *replay, int k);

/* dc_replay_begin - model has the values that the run began with, and is borrowed until the replay is closed; its arrays
 * are written from here on. */
DC_API dc_error dc_replay_begin(dc_replay *replay, dc_model *model);
DC_API dc_error dc_replay_round(dc_replay *replay, dc_replay_round_info *round);
/* dc_replay_place - returns which of those that ever took part the round's k-th pass is of. dc_replay_afresh - in that pass its
 * process had nothing kept of the rounds before: what layers remember is zero. dc_replay_step_alone - a batch's
 * step on the member's own parameters, at the learning rate of that batch. */
DC_API int dc_replay_place(dc_replay *replay, int k);
DC_API bool dc_replay_afresh(const dc_replay *replay, int k);
DC_API void dc_replay_step_alone(dc_replay *replay, float rate);
DC_API dc_error dc_replay_take(dc_replay *replay, int k);
DC_API dc_error dc_replay_step(dc_replay *replay);

/* dc_replay_save - the values so far and the members' mean statistics as a .weights file, as the server saves them.
 * dc_replay_averaged - there is a moving average of the values (dc_optimizer.average). dc_replay_save_average - saves it
 * likewise, after dc_replay_save. */
DC_API dc_error dc_replay_save(dc_replay *replay, const char *path);
DC_API bool dc_replay_averaged(const dc_replay *replay);
DC_API dc_error dc_replay_save_average(dc_replay *replay, const char *path);

#ifdef __cplusplus
}
#endif
#endif
