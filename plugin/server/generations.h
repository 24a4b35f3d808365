/* generations.h - the states of a run that stay on disk: the last checkpoint's and those of the two before it.
 *
 * DESIGN
 *   NAME.state is the newest, NAME.state-ROUND are older ones. A checkpoint gives the newest its second name, then
 * writes the new one in its place (temporary file, synced, renamed), then deletes what is too old: at every moment there
 * are as many whole ones as before. Which round a state has stands in it and in what this server has saved, never in a
 * clock. What is there of another run (--fresh) goes before the first checkpoint, so that nobody goes back to it.
 *   Where files cannot have two names, the newest is renamed: for a moment there is no NAME.state, and a start takes
 * the newest of the others.
 *
 *   Not locked: the run loop before training, the checkpoint's thread after. */
#ifndef DC__GENERATIONS_H
#define DC__GENERATIONS_H

#include <limits.h>

#include "base/log.h"
#include "server/codes.h"
#include "server/statistics.h"
#include "server/versions.h"

enum { DC__GENERATIONS = 3 };

typedef struct dc__generations {
    const char *dir; /* of the backup */
    int n;           /* of this run on disk, the newest last */
    uint64_t version[DC__GENERATIONS + 1];
    bool in_place; /* the newest is NAME.state; otherwise what has this name is of no use */
} dc__generations;

/* dc__generations_path - where the newest is. DC_EFILE if it is too long. */
dc_error dc__generations_path(const dc__generations *g, const dc_model *m, char path[PATH_MAX]);

/* dc__generations_load - dc__state_load with the newest that is not damaged, if there is any; a line for each that
 * is. DC_EFORMAT if all are; other errors as dc__state_load. dc__generations_none - the run is a new one. */
dc_error dc__generations_load(dc__generations *g, dc__log *log, dc__versions *v, dc__codes *codes,
                              dc__statistics *statistics, dc__roster *roster, uint64_t *seed, bool *found);
void dc__generations_none(dc__generations *g);

/* dc__generations_go_back - one of those on disk is the newest from here on, for every start: later ones are of a course that the
 * run leaves. DC_EFILE.
 * dc__generations_make_room - before the state of a version of this many bytes is written: what is not this run's
 * goes, older ones that a nearly full disk has no room for, and the newest is kept under a name of its own.
 * DC_EFILE. dc__generations_saved - it is on disk: the oldest goes. */
dc_error dc__generations_go_back(dc__generations *g, const dc_model *m, uint64_t version);
dc_error dc__generations_make_room(dc__generations *g, dc__log *log, const dc_model *m, uint64_t version,
                                   uint64_t bytes);
void dc__generations_saved(dc__generations *g, const dc_model *m, uint64_t version);

#endif
