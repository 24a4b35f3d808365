/* codec.h - a run of floats as the payload of a frame, and back.
 *
 * DESIGN
 *   A codec is a constant table of functions; both ends of a link name it by its id. It knows nothing of
 * frames, models or links, has no state of its own, and may be called from any thread.
 *   A codec that loses something keeps what it has not sent yet for the next time (error feedback). That state
 * belongs to who encodes: `residues` arrays of floats, as long as everything that is encoded, zero in the
 * beginning, checkpointed with the run. For a run of n floats, encode gets where each array's part for that
 * run begins; what is encoded plus what is left there equals what was given plus what was there. Decoding has
 * no state: every receiver gets the same values, bit for bit.
 *   The payload is a peer's when it is decoded: decode checks all of it before it writes a float. */
#ifndef DC__CODEC_H
#define DC__CODEC_H

#include "dynacomm.h"

/* In a frame: never renumbered. */
typedef enum dc__codec_id { DC__CODEC_F32 = 0, DC__CODEC_END } dc__codec_id;

typedef struct dc__codec {
    dc__codec_id id;
    const char *name; /* as users write it */
    bool exact;       /* decoded values are the encoded ones, bit for bit */
    bool in_place; /* payload and values may be the same memory: encode and decode then only check it, or turn
                         its bytes */
    int residues;  /* arrays of state that who encodes keeps; 0 = none */

    /* encoded_most - the most bytes that n floats can take; n <= DC__CODEC_FLOATS_MOST. */
    size_t (*encoded_most)(size_t n);

    /* encode - values[n] into payload (room for encoded_most(n)); returns the payload's bytes. residue[k]
     * (k < residues) is changed; NULL for a codec without. */
    size_t (*encode)(const float *values, size_t n, float *const *residue, void *payload);

    /* decode - payload into values[n]; DC_EPROTO with a line if it is not what encode makes of n floats. */
    dc_error (*decode)(const void *payload, size_t payload_bytes, float *values, size_t n);
} dc__codec;

#define DC__CODEC_FLOATS_MOST ((size_t)1 << 28)

extern const dc__codec dc__codec_f32; /* f32.c: as they are, little-endian */

/* dc__codec_of - the codec of an id that a peer sent; NULL if there is none. */
const dc__codec *dc__codec_of(unsigned id);

/* dc__codec_named - the codec of a name, or DC_EINVAL with a line that lists them. */
dc_error dc__codec_named(const char *name, const dc__codec **codec);

#endif
