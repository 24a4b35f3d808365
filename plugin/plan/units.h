/* units.h - what is scheduled as one transmission: a segment of layers, or a frame of duplex.
 *
 * DESIGN
 *   The byte stream of a round is the layers' trained bytes in layer order. A unit is a stretch of it: from
 * byte `begin` of layer `first` to before byte `end` of layer `last`.
 *   Frames: a layer larger than slice_bytes is cut into equal slices (a multiple of DC__SLICE_GRAIN bytes,
 * the last one may be smaller) that do not cross its ends; neighbouring layers are merged into one frame
 * while they fit in slice_bytes together. The engine and the simulator cut with this one function. */
#ifndef DC__UNITS_H
#define DC__UNITS_H

#include "dynacomm.h"

#define DC__SLICE_GRAIN 64u              /* bytes; a slice starts at a multiple of it within its layer */
#define DC__SLICE_DEFAULT (256u * 1024u) /* frames of a segment, where no queue needs them short */
#define DC__SLICE_LEAST (16u * 1024u)
#define DC__SLICE_MOST (4u * 1024u * 1024u)

typedef struct dc__unit {
    int first, last;
    uint64_t begin, end;
    uint64_t bytes;
} dc__unit;

/* dc__units_frames - duplex's frames, in layer order; units may be NULL to count them. slice_bytes is a
 * positive multiple of DC__SLICE_GRAIN. */
int dc__units_frames(const dc_layer_cost *layers, int n_layers, uint32_t slice_bytes, dc__unit *units);

/* dc__units_segments - the segments of a two-phase plan that carry bytes, in the order they are sent; units
 * may be NULL to count them. */
int dc__units_segments(const dc_layer_cost *layers, const dc_plan *plan, bool push, dc__unit *units);

#endif
