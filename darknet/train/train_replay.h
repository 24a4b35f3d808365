/* train_replay.h - -dynacomm-replay: a run's weights made again on one machine, from its log and everybody's data. */
#ifndef DK_TRAIN_REPLAY_H
#define DK_TRAIN_REPLAY_H

#include "train/train.h"

typedef struct dk_replay dk_replay;

/* dk_replay_open - the log that cli names; NULL if it names none. Checks that the data of all its workers is given. Ends
 * the program with a line if something is wrong. dk_replay_seed - the run's. */
dk_replay *dk_replay_open(const dk_cli *cli);
uint64_t dk_replay_seed(const dk_replay *replay);
void dk_replay_free(dk_replay *replay);

/* dk_replay_run - replays, writes NAME_replay.weights into the backup directory, and compares it with the run's own if
 * that is beside the log. Returns the exit status: 0, 1 after a line, also if they differ, or 128 + signal. */
int dk_replay_run(dk_train *train);

#endif
