/* fan.h - a version on its way down: blocks stay in the messages that they came in until all who ask for it have them.
 *
 * DESIGN
 *   A version is values, or the change from the one before as a codec encoded it (server/codes.h): blocks are passed on as they are.
 *   One version at a time: a block of the next one comes only when everybody has pushed for it, and so has had all of this one. */
#ifndef DC__FAN_H
#define DC__FAN_H

#include "net/link.h"
#include "server/reduce.h"

#define DC__NO_VERSION UINT64_MAX

typedef struct dc__fan {
    const dc_model *model;
    int readers;          /* that ask for every version */
    uint64_t asked;       /* (L) the last version that was asked for, DC__NO_VERSION = none */
    uint32_t came;        /* (L) blocks of it that are here, or were */
    float rate;           /* (L) learning rate that made it */
    uint8_t codec;        /* (L) that all its blocks came in, dc__codec_id */
    uint64_t *version;    /* (L) [n_blocks] 1 + the last that came */
    const uint8_t **data; /* [n_blocks] of it, while somebody is to get it: */
    uint32_t *bytes;      /* [n_blocks] so many */
    dc__held **in;        /* [n_blocks] the message that it is in */
    _Atomic int *left;    /* [n_blocks] readers that have not got it */
    dc__held *held;       /* [n_blocks] by a message's first block */
} dc__fan;

dc_error dc__fan_allocate(dc__fan *f, const dc_model *model, int readers);
void dc__fan_free(dc__fan *f);

/* dc__fan_may_ask - this version is the next one to ask for, after `start` of the run. dc__fan_ask - it is asked for. With the lock. */
bool dc__fan_may_ask(const dc__fan *f, uint64_t version, uint64_t start);
void dc__fan_ask(dc__fan *f, uint64_t version);

/* dc__fan_take - a PARAM frame of the version that was asked for: blocks [*first, *end), whose message is taken over. DC_EPROTO.
 * One thread. dc__fan_offer - they may be asked for from here on; with the lock. */
dc_error dc__fan_take(dc__fan *f, uint64_t asked, dc__frame *frame, uint32_t *first, uint32_t *end);
void dc__fan_offer(dc__fan *f, const dc__header *header, uint32_t first, uint32_t end);

/* dc__fan_has - block b is here in this version; with the lock. dc__fan_bytes - of blocks [first, end), which a reader has not got yet.
 * dc__fan_give - copies them for one reader, once each; the last one's copy lets their messages go. Any thread, without the lock. */
bool dc__fan_has(const dc__fan *f, uint32_t b, uint64_t version);
uint32_t dc__fan_bytes(const dc__fan *f, uint32_t first, uint32_t end);
void dc__fan_give(dc__fan *f, uint32_t first, uint32_t end, void *to);

#endif
