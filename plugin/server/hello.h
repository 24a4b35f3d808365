/* hello.h - the first frames between the first of several shards and another one: SHARD, and its answer. */
#ifndef DC__HELLO_H
#define DC__HELLO_H

#include "codec/coding.h"
#include "model/shard.h"
#include "net/address.h"
#include "net/link.h"

/* What comes. */
typedef struct dc__shard_hello {
    char version[32]; /* of the program; filled in */
    bool mesh;        /* from a worker's process: its number is asked for, as are workers and trim, */
    int shard, shards,
        workers; /* shard 1.. of so many, for so many workers; but where it was in the run: then these */
    int trim;    /* dc_bounds.trim */
    int rank;    /* mesh: that the worker asks for, -1 = any */
    double Bps;  /* mesh: of its link each way, as its user says; 0 = not known */
    uint64_t id; /* mesh: the worker's, the same whenever it comes back; 0 = none */
    dc__shares shares;             /* mesh: of the run that it was in; n = 1: of none */
    char url[DC__URL_BYTES];       /* where workers reach it */
    char coding[DC__CODING_BYTES]; /* that its user has said, "" = none; not checked */
} dc__shard_hello;

/* The answer: what the other one is. */
typedef struct dc__shard_place {
    int shard, shards; /* shard 1.. of so many */
    int workers, trim, here;
    double timeout_s; /* dc_server_options.timeout_s */
} dc__shard_place;

/* dc__shard_hello_send, dc__shard_place_send - as dc__link_send. */
dc_error dc__shard_hello_send(dc__link *link, const dc__shard_hello *hello);
dc_error dc__shard_place_send(dc__link *link, const dc__shard_place *place);

/* dc__shard_hello_read - of a SHARD frame; DC_EPROTO, and with a line DC_EVERSION. dc__shard_place_read - of the answer, or the error and
 * line of a REFUSED; who is what the line of a DC_EPROTO calls the peer. */
dc_error dc__shard_hello_read(dc__shard_hello *hello, const dc__frame *frame);
dc_error dc__shard_place_read(dc__shard_place *place, const dc__frame *frame, const char *who);

#endif
