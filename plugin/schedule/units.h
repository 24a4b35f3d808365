/* units.h - what is scheduled: segments of layers, or the blocks that duplex's frames are runs of.
 *
 * DESIGN
 *   The byte stream of a round is the layers' trained bytes in layer order. A unit is a stretch of it: from
 * byte `begin` of layer `first` to before byte `end` of layer `last`. Both directions have the same units, so
 * that what comes back can be what went up; where they move other bytes (codecs), each moves its share.
 * Two-phase plans schedule segments. Duplex schedules blocks (model/model.h: at most dc__block_bytes, never
 * across layers), and what goes out next is a run of ready ones of at most slice_bytes, but a block at least
 * (schedule/queue.h): so a large layer is cut into slices, and small neighbouring layers are merged when they
 * are ready together. A segment goes out as several frames when it is larger than slice_bytes: such runs too,
 * back to back. */
#ifndef DC__UNITS_H
#define DC__UNITS_H

#include "base/limits.h"
#include "dynacomm_plan.h"
#include "model/model.h"

#define DC__SLICE_MOST DC__MAX_SLICE_BYTES
#define DC__SLICE_RUNGS 9 /* sizes from the smallest block's to the most, doubling */

/* dc__layer_bytes - what travels of a layer in one direction. dc__layer_extent
 * - the length along which its blocks are cut: the bytes of the direction that
 * moves more (of the floats themselves, where neither is compressed). */
static inline uint64_t dc__layer_bytes(const dc_layer_cost *cost, bool push)
{
    return push ? cost->up_bytes : cost->down_bytes;
}

static inline uint64_t dc__layer_extent(const dc_layer_cost *cost)
{
    return cost->up_bytes > cost->down_bytes ? cost->up_bytes : cost->down_bytes;
}

/* dc__block_bytes - the most bytes of a block in a model with these layers (dc__block_floats). */
uint32_t dc__block_bytes(const dc_layer_cost *layers, int n_layers);

/* dc__frame_bytes - the frames of a two-phase plan's segments, and the largest slices of duplex: no queue
 * needs them shorter, but the link is measured by what arrives behind one another, so a direction takes about
 * 16 frames or more, as far as blocks allow. */
uint32_t dc__frame_bytes(const dc_layer_cost *layers, int n_layers);

typedef struct dc__unit {
    int first, last;
    uint64_t begin, end; /* of the layers' extents */
    uint64_t bytes;      /* that travel */
    int frames;          /* that it goes out as when it goes alone */
} dc__unit;

/* dc__units_blocks - the model's blocks, in layer order, with what travels of each in one direction; units
 * may be NULL to count them. */
int dc__units_blocks(const dc_layer_cost *layers, int n_layers, bool push, dc__unit *units);

/* dc__units_segments - the segments of a two-phase plan that carry bytes, in the order they are sent; units
 * may be NULL to count them. */
int dc__units_segments(const dc_layer_cost *layers, const dc_plan *plan, bool push, dc__unit *units);

/* dc__plan_copy - both with the same layers. dc__plan_predict
 * - what the plan as it is makes of these costs. */
void dc__plan_copy(dc_plan *to, const dc_plan *from);
dc_error dc__plan_predict(dc_plan *plan, const dc_profile *profile);

/* dc__units_frames - how many frames layers [first, last] take in one direction when all their blocks, of
 * block_bytes, are ready. */
int dc__units_frames(const dc_layer_cost *layers, int first, int last, bool push, uint32_t block_bytes,
                     uint32_t slice_bytes);

#endif
