/* statistics.h - each worker's rolling means and variances, by version.
 *
 * Two versions are kept, since a worker may be a round ahead of another that has not sent its own yet; with --staleness as
 * many more as rounds that it may be ahead. Its lock is a leaf. */
#ifndef DC__STATISTICS_H
#define DC__STATISTICS_H

#include <pthread.h>

#include "server/roster.h"

#define DC__STATISTICS_MOST (DC_STALENESS_MOST + 2)

typedef struct dc__statistics {
    pthread_mutex_t lock;
    int members;                         /* slots of the roster */
    uint64_t floats;                     /* of one member */
    uint32_t ring;                       /* versions that are kept; v is in [v % ring] */
    float *values[DC__STATISTICS_MOST];  /* [members][floats] */
    uint64_t *made[DC__STATISTICS_MOST]; /* [members] version they belong to */
    float *mean;                         /* [floats] of dc__statistics_begin */
} dc__statistics;

/* dc__statistics_init - for two versions; the caller may make the ring larger before it is allocated. */
void dc__statistics_init(dc__statistics *s);
void dc__statistics_destroy(dc__statistics *s);
dc_error dc__statistics_allocate(dc__statistics *s, int members, uint64_t floats);
void dc__statistics_release(dc__statistics *s);

/* dc__statistics_put - a part of a member's; last: they are all there. */
void dc__statistics_put(dc__statistics *s, int member, uint64_t version, uint64_t offset, uint64_t count,
                        const float *values, bool last);

/* dc__statistics_set - all of a member's, and the version is theirs; dc__statistics_set_all - every member's
 * alike. */
void dc__statistics_set(dc__statistics *s, int member, uint64_t version, const float *values);
void dc__statistics_set_all(dc__statistics *s, uint64_t version, const float *values);

/* dc__statistics_begin - those of the fresh members of a crew, at the version that it begins with: the mean of the other
 * members', or where there are none of the makers' of the version, as far as they are here. *sources: whose they are. */
void dc__statistics_begin(dc__statistics *s, const dc__crew *crew, const dc__crew *makers, uint64_t version,
                          dc__crew *sources);

/* dc__statistics_copy - [crew->n][floats] of a version in the crew's order, false while a member's are missing;
 * to NULL: only asks. dc__statistics_copy_last - the same, but where a member has not sent them, those of the
 * version before: nothing in training reads them. */
bool dc__statistics_copy(dc__statistics *s, const dc__crew *crew, uint64_t version, float *to);
void dc__statistics_copy_last(dc__statistics *s, const dc__crew *crew, uint64_t version, float *to);

/* dc__statistics_of - one member's of a version, to read while nobody writes that version. */
const float *dc__statistics_of(const dc__statistics *s, int member, uint64_t version);

/* dc__statistics_mean - mean over members of [members][floats]. Pure. */
void dc__statistics_mean(const float *values, int members, uint64_t floats, float *mean);

#endif
