/* join.h - the frames of joining, as both ends write and read them: the first of their session. */
#ifndef DC__JOIN_H
#define DC__JOIN_H

#include "codec/coding.h"
#include "endpoint/fingerprint.h"
#include "endpoint/path.h"
#include "model/shard.h"
#include "net/address.h"
#include "net/link.h"

/* Addresses of the shards after the first one, with commas between them. */
#define DC__SHARD_URLS_BYTES (DC__URL_BYTES * DC__PARTS_MOST)

typedef struct dc__join {
    int rank;             /* requested, -1 = any */
    uint64_t worker_id;   /* who joins, whatever its address; a worker keeps it */
    uint64_t seed, round; /* seed: of one that is done, dc__hash_of_model instead */
    uint32_t part;        /* images that it computes at once, 0 = not known */
    int shard,
        shards; /* it takes the server for shard 1.. of so many; 0, 0: for the one that a run begins at */
    uint32_t run, entry; /* of the first shard's WELCOME; 0 to that one */
    bool clear;
    bool mesh;        /* its process holds a shard of the model */
    bool remembers;   /* dc_worker_options.remembers */
    bool done;        /* it has done all rounds, `round` of them, and waits for the end of the run */
    dc__path path;    /* relays that it stands behind */
    char version[32]; /* of the program, for lines */
    char coding[DC__CODING_BYTES]; /* that its user asked for, "" = whatever the run has; not checked */
    char fingerprint[DC_FINGERPRINT_BYTES];
    dc_model *model; /* parsed; owned */
} dc__join;

#define DC__RANK_MOST 1000000 /* new workers take new numbers, for as long as a run goes on */

typedef struct dc__welcome {
    int rank;          /* its number in the run */
    int workers;       /* that the run wants */
    bool upload;       /* send your values: the run starts from them */
    bool carry;        /* keep SGD's velocity in the gradient buffers: this worker trains alone */
    bool resumed;      /* the run goes on: from a backup, or it is under way */
    bool ended;        /* to one that was done: the end of the run is saved, and nothing follows */
    dc__shares shares; /* of those who hold the model together; n = 1: this server has all of it */
    bool waits;        /* a worker that is lost may come back */
    uint32_t run;      /* which one of the first shard's; for the others */
    uint32_t entry;    /* which of all sessions with its workers; likewise */
    char urls[DC__SHARD_URLS_BYTES]; /* of the others, from a first shard; else "" */
    dc__coding coding;
    uint32_t staleness; /* rounds that the worker may be ahead of the slowest */
} dc__welcome;

/* dc__join_send, dc__welcome_send, dc__refusal_send - as dc__link_send. */
dc_error dc__join_send(dc__link *link, const dc__join *join, const dc_model *model);
dc_error dc__welcome_send(dc__link *link, const dc__welcome *welcome);
dc_error dc__refusal_send(dc__link *link, dc_error err, const char *line);

/* Readers check everything. dc__join_read - of a JOIN's payload; free with dc__join_free, also after an
 * error. dc__welcome_read - a WELCOME, or the error and line of a REFUSED. */
dc_error dc__join_read(dc__join *join, void *payload, size_t n);
void dc__join_free(dc__join *join);
dc_error dc__welcome_read(dc__welcome *welcome, const dc__frame *frame);

/* dc__join_payload - a JOIN's payload as a message's (dc__link_alloc), which ends after *n bytes; NULL when
 * out of memory. */
void *dc__join_payload(const dc__join *join, const dc_model *model, uint32_t *n);

/* dc__shares_put, dc__shares_get - within a frame's payload; get: false if they are out of bounds. */
void dc__shares_put(const dc__shares *shares, dc__bytes *out);
bool dc__shares_get(dc__shares *shares, dc__bytes *in);

#endif
