/* queue.h - which slice of the model one direction of one link sends next.
 *
 * DESIGN
 *   A queue covers every block of the model once per version. Blocks become ready in any order. In segments,
 * a segment goes out when all its blocks are ready, the segments strictly in the order given (the paper's
 * transmissions, in frames of at most slice_bytes). In slices, whatever is ready goes out, lowest block
 * first, so that a later but lower block overtakes at the next frame. In groups, the segments are what
 * overtakes: the lowest one with ready blocks goes first, and in it the highest layer, which was ready first;
 * so workers whose layers are ready at slightly different times still send the same (schedule/segments.h).
 * Once all is ready, groups are slices. No clock, no lock, no input or output: the owner has those. */
#ifndef DC__QUEUE_H
#define DC__QUEUE_H

#include "model/model.h"

typedef struct dc__segment {
    uint32_t first, n; /* blocks; n > 0 */
} dc__segment;

typedef enum dc__order { DC__IN_SEGMENTS, DC__IN_SLICES, DC__IN_GROUPS } dc__order;

typedef struct dc__queue {
    const dc_model *model;
    uint64_t *ready;       /* bitmap [n_blocks]: ready and not sent */
    dc__segment *segments; /* [n_blocks] allocated */
    uint32_t n_segments;
    dc__order order;
    uint64_t slice_floats;
    uint32_t left, unready; /* blocks not sent yet; not ready yet */
    uint32_t segment;       /* current one, of DC__IN_SEGMENTS */
    uint32_t cursor, probe; /* in it: next block to send, next block not known to be ready */
} dc__queue;

/* dc__queue_init - an empty queue (nothing left to send). dc__queue_free - frees what it holds. */
dc_error dc__queue_init(dc__queue *queue, const dc_model *model);
void dc__queue_free(dc__queue *queue);

/* dc__queue_start - begins a version: the first n entries of queue->segments, which the caller has filled so
 * that they cover every block once, are to be sent; as groups, they must run from the highest block down. No
 * block is ready. */
void dc__queue_start(dc__queue *queue, uint32_t n, dc__order order, uint32_t slice_bytes);

/* dc__queue_ready - block b may be sent; once per version. */
void dc__queue_ready(dc__queue *queue, uint32_t b);

/* dc__queue_waits - whether dc__queue_next would give a frame. */
bool dc__queue_waits(dc__queue *queue);

/* dc__queue_next - takes the next frame's blocks [*first, *first + *n); *last if they end a segment (in
 * slices and groups: the version). False if nothing can be sent now. */
bool dc__queue_next(dc__queue *queue, uint32_t *first, uint32_t *n, bool *last);

#endif
