/* state_file.h - the server's own file beside the .weights: everything that a resumed run needs to go on bit
 * for bit.
 *
 *   "DYNCRUN2", model description (length, bytes), seed, round, step, the next worker's number, how many workers
 * there are and of each its id, number and images; the coding (64 bytes), then floats: values of the
 * whole arena, first moments, second moments (Adam), statistics of each worker, and where down loses
 * something the trained values as workers hold them; at the end a XXH3 checksum of
 * all before. Written to a temporary file, synced, renamed. */
#ifndef DC__STATE_FILE_H
#define DC__STATE_FILE_H

#include "server/codes.h"
#include "server/statistics.h"
#include "server/versions.h"

/* What belongs to a version beside its arrays. */
typedef struct dc__state_head {
    uint64_t seed;
    int next_number;      /* of a worker that is new to the run */
    const dc__crew *crew; /* who makes the next version */
} dc__state_head;

/* dc__state_save - version as it is in versions, with stats [crew->n][floats]. Any thread; the version must not
 * change meanwhile. DC_EFILE, DC_ENOMEM. */
dc_error dc__state_save(const char *dir, const dc__versions *v, const dc__codes *codes, uint64_t version,
                        const dc__state_head *head, uint64_t stat_floats, const float *stats);

/* dc__state_load - begins versions, statistics (allocated) and roster with the run in dir, if there is one
 * (*found): its workers are known and away. They go on with their own statistics, others with the mean.
 * DC_EFORMAT, DC_EMODEL, DC_EFILE with a line that names the file. */
dc_error dc__state_load(const char *dir, dc__versions *v, dc__codes *codes, dc__statistics *statistics,
                        dc__roster *roster, uint64_t *seed, bool *found);

#endif
