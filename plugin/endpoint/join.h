/* join.h - the two messages of joining, as both ends write and read them. */
#ifndef DC__JOIN_H
#define DC__JOIN_H

#include "endpoint/fingerprint.h"
#include "model/model.h"
#include "net/wire.h"

typedef struct dc__join {
    int rank;       /* wished, -1 = any */
    uint64_t nonce; /* of this attempt */
    uint64_t seed, round;
    bool clear;
    char version[32]; /* of the program, for lines */
    char fingerprint[DC_FINGERPRINT_BYTES];
    dc_model *model; /* parsed; owned */
} dc__join;

typedef struct dc__welcome {
    int rank, workers;
    uint64_t token; /* proves on the link that this worker was welcomed */
    bool upload;    /* lend your values to the run */
    bool carry;     /* keep SGD's velocity in the gradient buffers: this worker trains alone */
    bool resumed;
} dc__welcome;

/* Writers return a sealed nanomsg message (NULL when out of memory). Readers check everything. */
void *dc__join_write(const dc__join *join, const dc_model *model);
dc_error dc__join_read(dc__join *join, void *payload, size_t n);
void dc__join_free(dc__join *join);

void *dc__welcome_write(const dc__welcome *welcome);
void *dc__refusal_write(dc_error err, const char *line);
/* dc__welcome_read - a WELCOME, or the error and line of a REFUSED. frame as received. */
dc_error dc__welcome_read(dc__welcome *welcome, void *frame, size_t n);

#endif
