/* wire.h - the frames that workers and servers exchange, and nothing about how they travel.
 *
 * DESIGN
 *   A frame is a header of DC__HEADER_BYTES, little-endian, and a payload. Values travel as the codec makes
 * them (codec/codec.h). The checksum (XXH3, 64 bits) covers header and payload, so a frame is taken whole or
 * not at all. Values are addressed as ranges [offset, offset + count) of the model's arena (model/model.h).
 *
 *     bytes  0- 3 magic "DYNC"     4 protocol version     5 codec of the values     6 type     7 flags
 *            8-11 sequence number of the frame on its link, from 0
 *           12-15 payload bytes, encoded
 *           16-23 round            24-31 offset             32-35 count of values, decoded
 *           36-39 rate (float)     40-47 payload bytes received on this link so far
 *           48-51 goodput measured at this end (float, bytes/s)   52-55 cost of a frame here (float, s)
 *           56-63 checksum, taken with these bytes zero; zero where nothing can change it on its way
 *
 *   A session's frames, in order:
 *     worker: JOIN; server: WELCOME, or REFUSED and the end
 *     worker: the first one of a new run uploads all values as STATE; READY
 *     server: STATE (what a pull does not bring), START once all workers are READY
 *     worker, each round: PULL (what it wants next, in order), STAT (rolling statistics), GRAD ...
 *     server, each round: PARAM ...
 *     either: PING, answered by PONG; worker: WANT_STAT, answered by STAT
 *     either: ACK, when nothing else goes that would report what was received
 *     worker: REPORT, now and then, of how it is doing (endpoint/telemetry.h)
 *     server, with a codec, before the PARAM frames of a version that a checkpoint will be made of: KEEP
 *     server: ROSTER, before START and whenever it is another: how many workers make the round, of how many images
 *     server, before START and whenever it is another: IMAGES, how many images the worker feeds from a round on
 *     server, with +local:auto, before START and whenever it is another: STEPS, how many batches rounds have from one on
 *     the end: worker BYE, server BYE_ACK; or server STOP
 *   Between the first shard and each of the others, in order:
 *     other: SHARD; first: SHARD, or REFUSED and the end
 *     first: RUN for the model that is to be trained, and STATE if the run is resumed, with LAST on the last frame
 *     first, with keys: MEMBERS whenever it has taken others
 *     other: READY, when all workers are at it; first: ROSTER, the run begins
 *     other: BACK, when a worker is ready, or one is lost; first: BACK, the round that it begins with, or is a member up to
 *     other: OMITTED, when a round is made in which not all of a worker's blocks counted
 *     first: KEEP for each version, in order: whether it is to be sent; other: STATE of that version
 *     the end: other BYE with its version, or first STOP; KEEP with NOW; first BYE_ACK
 *   A relay has a session with its parent for each worker behind it, which goes on with that worker's frames. Beside those:
 *     relay, when it starts: RELAY on a session that is for this only; parent: RELAY, or REFUSED
 *     relay, on the session of its worker with the lowest number: LEAF, and then the STAT of the worker with that number */
#ifndef DC__WIRE_H
#define DC__WIRE_H

#include "base/bytes.h"
#include "base/limits.h"
#include "dynacomm.h"

#define DC__PROTOCOL_VERSION 16
#define DC__HEADER_BYTES 64u
#define DC__MAX_PAYLOAD_BYTES (DC__MAX_SLICE_BYTES) /* of any other frame than JOIN */
#define DC__MAX_JOIN_BYTES (128u << 10)             /* five times what the description of resnet152 takes */
#define DC__REASON_BYTES 400
#define DC__VERSIONS_MOST 8 /* in a KEEP or READY frame */

typedef enum dc__type {
    DC__JOIN = 1,
    DC__WELCOME,
    DC__REFUSED,
    DC__READY,
    DC__START,
    DC__STATE,
    DC__PULL,
    DC__PARAM,
    DC__GRAD,
    DC__STAT,
    DC__WANT_STAT,
    DC__PING,
    DC__PONG,
    DC__ACK,
    DC__BYE,
    DC__BYE_ACK,
    DC__STOP,
    DC__REPORT,
    DC__ROSTER,
    DC__KEEP,
    DC__IMAGES,
    DC__SHARD,
    DC__RUN,
    DC__RELAY,
    DC__LEAF,
    DC__STEPS,
    DC__BASE,
    DC__MEMBERS,
    DC__BACK,
    DC__OMITTED,
    DC__TYPE_END
} dc__type;

/* Flags, by type. */
enum {
    DC__STATE_MOMENT1 = 1, /* STATE: SGD's velocity or Adam's m; neither flag: values */
    DC__STATE_MOMENT2 = 2, /* STATE: Adam's v */
    DC__PULL_SLICES =
        1,        /* PULL: any slice as soon as it is new, lowest first; else whole segments in order */
    DC__LAST = 4, /* GRAD, PARAM: last frame of its segment; STATE: last of all */
    DC__BUSY = 8, /* GRAD, PARAM: was waiting while the frame before was sent (the link was the limit) */
    DC__STATE_SHOWN = 16, /* STATE, between shards: the trained values as workers hold them */
    DC__QUIET = 16,       /* PING, PONG: nothing else was on its way from its sender */
    DC__REPORT_PLAN = 1,  /* REPORT: with the plan in force */
    DC__STAT_FORGOT =
        1, /* STAT: the round's gradients are encoded with nothing kept of those before: it was lost */
    DC__KEEP_SENT = 1,   /* KEEP, between shards: the version is to be sent when it is whole */
    DC__KEEP_NOW = 2,    /* likewise: at once; it is whole */
    DC__KEEP_END = 4,    /* likewise: it is the end of the run, and saved */
    DC__RUN_RESUMED = 1, /* RUN: it goes on from a backup: STATE follows */
    DC__RUN_WAITS = 2,   /* RUN: the run does not end when somebody is lost: the first shard says what then */
    DC__RUN_DROPS = 4,   /* likewise: at once */
    DC__BACK_LOST = 1,   /* BACK: the worker is lost */
    DC__BACK_ENTERS = 2, /* BACK: the worker is a member from that round on, which is still to come */
    DC__BACK_PASSED = 4, /* BACK: it is one up to that round, and is not waited for */
    DC__BYE_OK = 1,      /* BYE: all rounds done as planned */
    DC__BYE_LEAVE = 2,   /* BYE: the run is to go on without this worker */
    DC__BYE_WAITS = 4,   /* BYE: it is answered when the end of the run is saved */
    DC__START_SOON = 1,  /* START: the round is not on yet, but its version may be pulled */
    DC__START_FRESH =
        2, /* START: the worker had no part in making that version; what it kept of one is of another */
    DC__JOIN_CLEAR = 1,     /* JOIN: the worker asks for a new run */
    DC__JOIN_REMEMBERS = 2, /* JOIN: its layers remember the rounds before */
    DC__JOIN_MESH = 4,      /* JOIN: its process holds a shard of the model */
    DC__JOIN_DONE = 8       /* JOIN: it has done its rounds, and waits for the end of the run to be saved */
};

typedef struct dc__header {
    dc__type type;
    uint8_t flags;
    uint8_t codec; /* of values, dc__codec_id: 0 are floats as they are; else 0 */
    uint32_t sequence;
    uint32_t payload_bytes;
    uint64_t round;
    uint64_t offset;
    uint32_t count;
    float rate;
    /* filled in by the link (net/link.h) */
    uint64_t received_bytes;
    float goodput_Bps, cost_s;
} dc__header;

/* dc__wire_seal - writes header into frame (DC__HEADER_BYTES + payload_bytes long, payload in place) and its checksum; not
 * checked: 0 in its place, for a connection on which nothing can change it. */
void dc__wire_seal(void *frame, const dc__header *header, bool checked);

/* dc__wire_open - reads and checks everything about a received frame that can be checked without a model:
 * size, magic, version, type, length, checksum; not checked: it may have none. DC_EVERSION, DC_ENET (damaged on the way) or
 * DC_EPROTO with a line. Allocates nothing. */
dc_error dc__wire_open(const void *frame, size_t frame_bytes, dc__header *header, bool checked);

/* dc__wire_type_name - "GRAD" for DC__GRAD. */
const char *dc__wire_type_name(dc__type type);

#endif
