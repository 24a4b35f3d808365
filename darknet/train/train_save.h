/* train_save.h - which weights a training command leaves behind, and when. Compute thread; each returns DC_OK, or another
 * value after it has printed why (not where the server is lost, which is no end yet, or a signal has come). */
#ifndef DK_TRAIN_SAVE_H
#define DK_TRAIN_SAVE_H

#include "train/train.h"

/* dk_train_save - as NAME in the backup directory. dk_train_save_backup - as BASE.backup. dk_train_save_due - what is due
 * after the round that was trained last. */
int dk_train_save(dk_train *train, dk_session *session, const char *name);
int dk_train_save_backup(dk_train *train, dk_session *session);
int dk_train_save_due(dk_train *train, dk_session *session, dk_progress *progress);

#endif
