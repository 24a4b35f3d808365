/* barred.h - workers that are kept out of the rest of a run, because of what they sent or because its owner dropped them,
 * and why.
 *
 * DESIGN
 *   With keys it is a key that is kept out: its owner is in again if it is expelled and invited anew with another. Without keys
 * it is the id that a worker says it has; it can say another, so only those who mean no harm are kept out. A worker that was dropped is kept out by the id that its roster has, with keys its
 * member's name's.
 *   The list outlives slots and sessions, and the server: beside the run's state it is NAME.barred, a line for each worker,
 * "ID why", that a person may take out while no server runs. It is written by the run loop. The lock is a leaf. */
#ifndef DC__BARRED_H
#define DC__BARRED_H

#include <limits.h>
#include <pthread.h>

#include "base/error.h"
#include "base/log.h"
#include "dynacomm.h"
#include "net/channel.h"

#define DC__BARRED_MOST 256 /* then the first gives its place to the next, but none that the owner dropped */

typedef struct dc__bar {
    uint64_t id; /* dc__barred_id */
    bool stays;  /* its place is not given away: the owner dropped it, or it is in the run's file */
    char why[DC__LINE_BYTES];
} dc__bar;

typedef struct dc__barred {
    pthread_mutex_t lock;
    dc__bar *list;       /* (L) [DC__BARRED_MOST], in the order in which they came; NULL = nobody ever did */
    int n;               /* (L) */
    bool changed;        /* (L) since it was written */
    char path[PATH_MAX]; /* run loop: of the file; "" = there is none */
} dc__barred;

void dc__barred_init(dc__barred *b);
void dc__barred_destroy(dc__barred *b);

/* dc__barred_id - who is at the other end, as it is known here; worker_id: as it says. */
uint64_t dc__barred_id(const dc__channel *channel, uint64_t worker_id);

/* dc__barred_add - the worker of this id is kept out from now on, because of what it sent; why: a line. Nothing new for one that is
 * already. dc__barred_drop - likewise, by the run's owner; false if there is no place. Any thread. */
void dc__barred_add(dc__barred *b, uint64_t id, const char *why);
bool dc__barred_drop(dc__barred *b, uint64_t id, const char *why);

/* dc__barred_has - whether this one is; why [DC__LINE_BYTES], or NULL. Any thread. */
bool dc__barred_has(dc__barred *b, uint64_t id, char *why);

/* dc__barred_count - how many are. Any thread. */
int dc__barred_count(dc__barred *b);

/* dc__barred_open - the run's file is NAME.barred in this directory. resumes: whom it lists is kept out, too;
 * otherwise the file is of another run, and the next dc__barred_save replaces it. DC_EFILE, DC_EFORMAT with the
 * file and line. Run loop. */
dc_error dc__barred_open(dc__barred *b, const char *directory, const char *name, bool resumes);

/* dc__barred_close - the run is given up before it began: its list stays in its file only. Run loop. */
void dc__barred_close(dc__barred *b, dc__log *log);

/* dc__barred_save - writes the file if somebody is new; none if nobody is listed. A line if it cannot be
 * written. Run loop. */
void dc__barred_save(dc__barred *b, dc__log *log);

/* dc__barred_read - adds the ids of a file's text, which is changed. path: for lines. DC_EFORMAT. */
dc_error dc__barred_read(dc__barred *b, const char *path, char *text);

#endif
