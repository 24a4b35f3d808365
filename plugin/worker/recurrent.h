/* recurrent.h - what the caller's layers remember from round to round (dc_memory), as it was at the last two versions: beside what an
 * encoder has not sent, the other thing that a worker has and nobody else. Compute thread; who writes it to disk reads. */
#ifndef DC__RECURRENT_H
#define DC__RECURRENT_H

#include "dynacomm.h"

typedef struct dc__recurrent {
    dc_memory of;
    float *at[2];        /* [of.floats] by version & 1; NULL where nothing is remembered */
    uint64_t version[2]; /* that they are of, UINT64_MAX = none */
} dc__recurrent;

/* dc__recurrent_init - DC_ENOMEM. dc__recurrent_free - also after a failed init. */
dc_error dc__recurrent_init(dc__recurrent *m, const dc_memory *of);
void dc__recurrent_free(dc__recurrent *m);

/* dc__recurrent_has - of this version; so is everything where nothing is remembered. */
bool dc__recurrent_has(const dc__recurrent *m, uint64_t version);

/* dc__recurrent_note - the caller's layers are where this version begins. dc__recurrent_restore - they go back to there.
 * dc__recurrent_forget - nothing is remembered at this version: all is zero, as in a new network. */
void dc__recurrent_note(dc__recurrent *m, uint64_t version);
void dc__recurrent_restore(const dc__recurrent *m, uint64_t version);
void dc__recurrent_forget(dc__recurrent *m, uint64_t version);

#endif
