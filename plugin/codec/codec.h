/* codec.h - a run of floats as the payload of a frame, and back.
 *
 * DESIGN
 *   A codec is a constant table of functions; both ends of a link name it by its id. It knows nothing of
 * frames, models or links, has no state of its own, and may be called from any thread.
 *   A codec that loses something keeps what it has not sent yet for the next time (error feedback). That state
 * belongs to who encodes: an array as long as everything that is encoded, zero in the beginning, checkpointed
 * with the run. For a run of n floats, encode gets where the array's part for that run begins; what is encoded
 * plus what is kept afterwards equals what was given plus what was kept before, to the bit. Decoding has no
 * state: every receiver gets the same values, bit for bit.
 *   Runs that travel in one frame are encoded one by one and lie behind one another, so that a run's bytes do
 * not depend on what it travels with.
 *   The payload is a peer's: check reads all of it before decode or add touch a float. Floats that are not
 * finite are encoded so that decoding gives some, too, and check tells. Every loop gives the same bits with
 * and without vectors, on x86 and arm64 (isa.h). */
#ifndef DC__CODEC_H
#define DC__CODEC_H

#include "dynacomm.h"

/* In a frame: never renumbered. */
typedef enum dc__codec_id {
    DC__CODEC_F32 = 0,
    DC__CODEC_BF16 = 1,
    DC__CODEC_INT8 = 2,
    DC__CODEC_TOPK = 3,
    DC__CODEC_INT4 = 4,
    DC__CODEC_INT3 = 5,
    DC__CODEC_TOPK5 = 6,
    DC__CODEC_END
} dc__codec_id;

typedef struct dc__codec {
    dc__codec_id id;
    const char *name; /* as users write it */
    bool exact;       /* decoded values are the encoded ones, bit for bit; nothing is kept */
    bool in_place;    /* payload and values may be the same memory: encode and decode then only check it, or
                         turn its bytes */
    bool picks;       /* sends a share of the floats; the others encode all */
    size_t run_most;  /* floats of a run */

    /* encoded_most - the most bytes that a run of n floats takes, share (0..1] of them picked. */
    size_t (*encoded_most)(size_t n, double share);

    /* encode - values[n] into payload (room for encoded_most, all of which may be written); returns the payload's bytes. kept[n] is read and
     * what is kept now is written to keep[n], which may be the same; kept may be NULL, for zeros. An exact codec
     * uses neither. */
    size_t (*encode)(const float *values, size_t n, double share, const float *kept, float *keep,
                     void *payload);

    /* check - the bytes that the encoding of a run of n floats takes at payload, of which there are at most
     * `bytes`; 0 if nothing that encode makes begins there. *finite: whether what it decodes to is; finite may be NULL. */
    size_t (*check)(const void *payload, size_t bytes, size_t n, bool *finite);

    /* decode - the run at payload, which check has passed, into values[n]. add - onto them. */
    void (*decode)(const void *payload, float *values, size_t n);
    void (*add)(const void *payload, float *values, size_t n);

    /* mask - sets values[i] to zero for each i that the payload, which check has passed, has sent; NULL unless it picks. */
    void (*mask)(const void *payload, float *values, size_t n);
} dc__codec;

#define DC__CODEC_FLOATS_MOST ((size_t)1 << 28)
#define DC__TOPK_FLOATS_MOST ((size_t)1 << 15) /* of a run: an index has 2 bytes */

extern const dc__codec dc__codec_f32;  /* f32.c: as they are, little-endian */
extern const dc__codec dc__codec_bf16; /* bf16.c: the upper halves, rounded to nearest even */
extern const dc__codec dc__codec_int8; /* int8.c: groups of 256, a scale each */
extern const dc__codec dc__codec_int4; /* few_bits.c: likewise, of 4 and 3 bits */
extern const dc__codec dc__codec_int3;
extern const dc__codec dc__codec_topk;  /* topk.c: the largest ones' places and values as bf16 */
extern const dc__codec dc__codec_topk5; /* topk5.c: in fewer bits, values of 4 */

/* dc__codec_of - the codec of an id that a peer sent; NULL if there is none. */
const dc__codec *dc__codec_of(unsigned id);

/* dc__codec_decode - a payload that is one run of n floats and nothing else; DC_EPROTO with a line, and no
 * float written, if it is not. */
dc_error dc__codec_decode(const dc__codec *codec, const void *payload, size_t bytes, float *values, size_t n);

#endif
