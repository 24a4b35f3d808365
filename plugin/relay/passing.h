/* passing.h - frames that a relay passes on as they came, in order. No lock: the owner has one. */
#ifndef DC__PASSING_H
#define DC__PASSING_H

#include "net/link.h"

typedef struct dc__passed {
    struct dc__passed *next;
    dc__header header;
    void *message; /* as it came, or made by this end */
    int of; /* number of the worker that it is of, where the session is another's; -1: the session's own */
} dc__passed;

typedef struct dc__passing {
    dc__passed *first, **last;
    int n;
} dc__passing;

/* dc__passing_put - takes message over; DC_ENOMEM, then it is freed. dc__passing_take - the first, the caller's to send and
 * free; NULL if there is none. dc__passing_clear - frees all. */
void dc__passing_init(dc__passing *p);
dc_error dc__passing_put(dc__passing *p, const dc__header *header, void *message, int of);
dc__passed *dc__passing_take(dc__passing *p);
void dc__passing_clear(dc__passing *p);

#endif
