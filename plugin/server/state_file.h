/* state_file.h - the server's own file beside the .weights: everything that a resumed run needs to go on bit
 * for bit.
 *
 *   "DYNCRUN3", model description (length, bytes), seed, round, step, the next worker's number, how many workers
 * there are and of each its id, number and images; the coding (64 bytes), with +local:auto the batches of rounds before and
 * now, of each from which round on, batches before it and how many, then floats: values of the
 * whole arena, first moments, second moments (Adam), statistics of each worker, and where down loses
 * something the trained values as workers hold them; at the end a XXH3 checksum of
 * all before, which is looked at first. "DYNCRUN2" was the same, but for runs with local steps: their server stepped with a momentum of its
 * own. Those are refused, others are read. */
#ifndef DC__STATE_FILE_H
#define DC__STATE_FILE_H

#include "base/file.h"
#include "server/codes.h"
#include "server/statistics.h"
#include "server/versions.h"

/* What belongs to a version beside its arrays. */
typedef struct dc__state_head {
    uint64_t seed;
    int next_number;      /* of a worker that is new to the run */
    const dc__crew *crew; /* who makes the next version */
    dc__batches batches;  /* of its rounds */
} dc__state_head;

/* dc__state_bytes - of a state, about. dc__state_write - version as it is in versions, with stats [crew->n][floats], into
 * a file that is to be committed, which tells of failures. Any thread; the version must not change meanwhile.
 * DC_ENOMEM. */
uint64_t dc__state_bytes(const dc_model *m, int members);
dc_error dc__state_write(dc__file *file, const dc__versions *v, const dc__codes *codes, uint64_t version,
                         const dc__state_head *head, uint64_t stat_floats, const float *stats);

/* dc__state_load - begins versions, statistics (allocated) and roster with the run in the file, if there is one
 * (*found): its workers are known and away. They go on with their own statistics, others with the mean.
 * DC_EFORMAT (damaged), DC_EVERSION, DC_EMODEL, DC_EINVAL (another coding), DC_EFILE with a line that names the file;
 * then the roster is as it was. */
dc_error dc__state_load(const char *path, dc__versions *v, dc__codes *codes, dc__statistics *statistics,
                        dc__roster *roster, uint64_t *seed, bool *found);

#endif
