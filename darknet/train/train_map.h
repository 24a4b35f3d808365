/* train_map.h - `-map`: mean average precision on the data file's valid list, now and then while training. */
#ifndef DK_TRAIN_MAP_H
#define DK_TRAIN_MAP_H

#include "check/datafile.h"
#include "train/progress.h"
#include "train/train.h"

/* dk_train_map_lists - reads and checks the list of images to measure on: the data file's valid list, or its
 * training list if it names none, as the forks do. Ends the program with a line on bad input. */
void dk_train_map_lists(const dk_datafile *file, int classes, dk_lines *valid);

/* dk_train_map_open - the second network, from the same cfg, that is measured. Borrows valid, whose owner
 * frees it after dk_train_map_close (NULL is fine). Initial weights take numbers from this thread's
 * generator: not to be called while a round's are drawn. */
dk_train_map *dk_train_map_open(const char *cfg, const dk_datafile *file, const dk_lines *valid);
void dk_train_map_close(dk_train_map *map);

/* dk_train_map_round - measures if it is time to: every -mAP_epochs passes over the training list (4, and
 * then not more often than every 100 rounds), not before burn_in is over, and after the last round (`last`, 0
 * = no end). Only worker 0 does; the server gets the mAP beside the round's loss. A new best is kept as
 * NAME_best.weights. Returns DC_OK, or an error after it has printed why. The network in training, its
 * optimizer and its random numbers are not touched. */
int dk_train_map_round(dk_train *train, dk_session *session, float loss, dk_progress *progress,
                       uint64_t last);

#endif
