/* queue.h - what one direction of one link sends next: the only place that knows this order. The engine's
 * endpoints take their frames from it, and so do the simulator's links.
 *
 * DESIGN
 *   What travels is cut into pieces, in layer order: the model's blocks; in the simulator of a two-phase
 * plan, whole segments. A queue covers every piece once per version. Pieces become ready in any order. In
 * segments, a segment goes out when all its pieces are ready, the segments strictly in the order given (the
 * paper's transmissions, in frames of at most frame_most). In slices, whatever is ready goes out, lowest
 * piece first, so that a later but lower piece overtakes at the next frame. In groups, the segments are what
 * overtakes: the lowest one with ready pieces goes first, and in it the highest layer, which was ready first;
 * so workers whose layers are ready at slightly different times still send the same (schedule/segments.h).
 * Once all is ready, groups are slices. No clock, no lock, no input or output: the owner has those. */
#ifndef DC__QUEUE_H
#define DC__QUEUE_H

#include "dynacomm_plan.h"
#include "model/model.h"

/* Piece k is [offset[k], offset[k + 1]), in a unit that the owner chooses: floats in the engine, bytes in the
 * simulator. The arrays are the owner's. */
typedef struct dc__pieces {
    uint32_t n;
    const uint64_t *offset; /* [n + 1] */
    const int *layer;       /* [n] the first it belongs to */
} dc__pieces;

/* dc__pieces_of_model - a sealed model's blocks, in floats. */
static inline dc__pieces dc__pieces_of_model(const dc_model *model)
{
    return (dc__pieces){model->n_blocks, model->block_offset, model->block_layer};
}

typedef struct dc__segment {
    uint32_t first, n; /* pieces; n > 0 */
} dc__segment;

typedef enum dc__order { DC__IN_SEGMENTS, DC__IN_SLICES, DC__IN_GROUPS } dc__order;

typedef struct dc__queue {
    dc__pieces pieces;
    uint64_t *ready;       /* bitmap [pieces.n]: ready and not sent */
    uint32_t low_word;     /* of it: all before are 0 */
    dc__segment *segments; /* [pieces.n] allocated */
    uint32_t n_segments;
    dc__order order;
    uint64_t frame_most;
    uint32_t left, unready; /* pieces not sent yet; not ready yet */
    uint32_t segment;       /* current one, of DC__IN_SEGMENTS */
    uint32_t cursor, probe; /* in it: next piece to send, next piece not known to be ready */
} dc__queue;

/* dc__queue_init - an empty queue (nothing left to send). DC_ENOMEM. dc__queue_free - frees what it holds. */
dc_error dc__queue_init(dc__queue *queue, dc__pieces pieces);
void dc__queue_free(dc__queue *queue);

/* dc__queue_cut - fills queue->segments with a plan's push or pull segments, those without pieces left out,
 * in the order they go; returns how many. dc__queue_order - how such a plan works them off. */
uint32_t dc__queue_cut(dc__queue *queue, const dc_plan *plan, bool push);
dc__order dc__queue_order(const dc_plan *plan, bool push);

/* dc__queue_start - begins a version: the first n entries of queue->segments, which must cover every piece
 * once, are to be sent in frames of at most frame_most (the pieces' unit; one piece at least); as groups,
 * they must run from the highest piece down. No piece is ready. */
void dc__queue_start(dc__queue *queue, uint32_t n, dc__order order, uint64_t frame_most);

/* dc__queue_clear - gives up what is left of a version. */
void dc__queue_clear(dc__queue *queue);

/* dc__queue_ready - piece b may be sent; once per version. */
void dc__queue_ready(dc__queue *queue, uint32_t b);

/* dc__queue_waits - whether dc__queue_next would give a frame. */
bool dc__queue_waits(dc__queue *queue);

/* dc__queue_lowest - the lowest piece of the frames that may go before all of a version is ready (slices, groups), or
 * false: nothing can be sent, or segments go in an order of their own. */
bool dc__queue_lowest(dc__queue *queue, uint32_t *piece);

/* dc__queue_next - takes the next frame's pieces [*first, *first + *n); *last if they end a segment (in
 * slices and groups: the version). False if nothing can be sent now. */
bool dc__queue_next(dc__queue *queue, uint32_t *first, uint32_t *n, bool *last);

#endif
