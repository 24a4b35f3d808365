/* train_save.c - which weights a training command leaves behind, and when. */
#include "train/train_save.h"

#include "dynacomm_file.h"
#include "replace/fatal.h"
#include "train/stop.h"

#include <limits.h>
#include <stdio.h>

/* The forks call the newest weights NAME_last.weights, and their users' scripts go on from there: a second
 * name for the same file. */
static void name_last(const dk_train *train, const char *path)
{
    char last[PATH_MAX];
    if (!train->kind->last) return;
    if (snprintf(last, sizeof last, "%s/%s_last.weights", train->backup, train->base) < (int)sizeof last)
        (void)dc_second_name(path, last);
}

/* As the forks do, whenever there is a newer _last. */
static int save_average(const dk_train *train, dk_session *session)
{
    char path[PATH_MAX];
    if (!train->kind->last || !dk_session_averaged(session)) return DC_OK;
    if (snprintf(path, sizeof path, "%s/%s_ema.weights", train->backup, train->base) >= (int)sizeof path)
        return DC_OK;
    return dk_session_save_average(session, path);
}

int dk_train_save(dk_train *train, dk_session *session, const char *name)
{
    if (train->cli->shared_backup && dk_session_rank(session) != 0) return dk_session_sync(session);
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", train->backup, name) >= (int)sizeof path) {
        dk_note("%s/%s: the path is too long", train->backup, name);
        return -1;
    }
    int err = dk_session_save(session, path);
    if (err == DC_OK) name_last(train, path);
    if (err == DC_OK) err = save_average(train, session);
    if (err != DC_OK && !(err == DC_ESTOPPED && dk_stop_signal()) && !dk_session_lost_server(session))
        dk_note("%s", dc_last_error());
    return err;
}

int dk_train_save_backup(dk_train *train, dk_session *session)
{
    char name[PATH_MAX];
    snprintf(name, sizeof name, "%s.backup", train->base);
    const int err = dk_train_save(train, session, name);
    if (err == DC_OK) train->saved = dk_session_round(session);
    train->saved_s = dk_steady_s();
    return err;
}

static bool is_backup_due(const dk_train *train, uint64_t round)
{
    if (train->cli->shared_backup) return false; /* the server's own .backup is in that directory */
    const uint64_t last = train->input->file.last_every;
    dc_every every = train->cli->backup_every;
    if (every.rounds == 0 && every.seconds <= 0) every.rounds = last ? last : train->kind->backup_every;
    return (every.rounds > 0 && round % every.rounds == 0) ||
           (every.seconds > 0 && dk_steady_s() - train->saved_s >= every.seconds);
}

int dk_train_save_due(dk_train *train, dk_session *session, dk_progress *progress)
{
    const uint64_t round = dk_session_round(session);
    const bool due = is_backup_due(train, round);
    char name[PATH_MAX];
    const bool numbered = train->kind->numbered(train, round, name, sizeof name);
    if (!numbered && !due) return DC_OK;
    dk_progress_break(progress);
    int err = numbered ? dk_train_save(train, session, name) : DC_OK;
    if (err == DC_OK && due) err = dk_train_save_backup(train, session);
    return err;
}
