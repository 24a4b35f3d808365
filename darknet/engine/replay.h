/* replay.h - a run made again from its log, on one network: whose gradients are due, and the steps in between.
 *
 * One thread. Functions return 0 or a dc_error, with its line in dc_last_error(). */
#ifndef DK_REPLAY_H
#define DK_REPLAY_H

#include <darknet.h>
#include <stdbool.h>

#include "dynacomm_replay.h"

typedef struct dk_replay dk_replay;

/* dk_replay_open - replays the log on net, which has the values that the run began with; both are borrowed until
 * dk_replay_close. name: the model's, as in dk_session_options. */
int dk_replay_open(network *net, const char *name, dc_replay *log, dk_replay **replay);
void dk_replay_close(dk_replay *replay);

/* dk_replay_round - who makes the next round; passes = 0: the log ends. dk_replay_pass - whose the round's k-th pass is: one of
 * the run's workers. */
int dk_replay_round(dk_replay *replay, dc_replay_round_info *round);
int dk_replay_pass(dk_replay *replay, int k);

/* dk_replay_compute - batch i (of dc_replay_round_info.steps) of the pass, on d: a multiple of net->batch rows, as the member fed, in
 * order. *loss: mean over its images. The caller has begun its random numbers. */
int dk_replay_compute(dk_replay *replay, int i, const data *d, float *loss);

/* dk_replay_step - after the last pass. dk_replay_save - the run's .weights so far; dk_replay_averaged, dk_replay_save_average - their moving
 * average (ema_alpha), if there is one. */
int dk_replay_step(dk_replay *replay);
int dk_replay_save(dk_replay *replay, const char *path);
bool dk_replay_averaged(const dk_replay *replay);
int dk_replay_save_average(dk_replay *replay, const char *path);

#endif
