/* segments.h - how the two-phase strategies cut one half of a round into segments.
 *
 * DESIGN
 *   The two halves are one problem. Pull: transmissions run in layer order, a layer's forward waits for its
 * segment. Push, seen with time running backwards from the end of its last transmission, is the same: the
 * transmissions run in layer order (layer 0's gradient leaves last, so comes first), and a layer's backward
 * lies after its segment's transmission. So every cut is computed in layer order, from (compute[i], send[i]),
 * and the push plan reads it from the end.
 *
 *   Duplex pulls whatever is ready, lowest layer first, so its pull half is one segment. Pushing, the same
 * rule would have a layer overtake the moment its backward is done; and where several workers compute layers
 * faster than the link carries them, which layer happens to be the lowest when a frame may go is chance: each
 * worker sends other slices, none of which can come back until all have sent it, and the downlink idles. So
 * the push segments of duplex are groups of layers (schedule/queue.h): what overtakes is a group, and in it
 * layers keep the order in which their backward ends. Workers then disagree about a slice at most where a
 * group begins to overtake. Groups follow from the layers alone: workers whose measured costs differ must
 * have the same, or they part where one overtakes and another does not. A worker alone has nobody to disagree
 * with: each layer is a group.
 *
 *   Layers without bytes. A run of them is never sent and costs no overhead; its computation
 * counts. Those that follow a layer with bytes stand in that layer's segment: they cannot
 * start before it anyway, and their own arrival is free. Those before the first layer with
 * bytes are a segment of their own that is never sent. What is left is a list of items: item
 * k = the k-th layer with bytes together with the empty layers behind it. Every cut falls
 * between items (layerwise alone cuts everywhere; its empty segments are not sent either). */
#ifndef DC__SEGMENTS_H
#define DC__SEGMENTS_H

#include "dynacomm_plan.h"

/* The items of one half, as prefix sums. */
typedef struct dc__items {
    int n;              /* items; 0 when no layer has bytes */
    int *layer;         /* [n] the item's layer with bytes */
    double *sent_s;     /* [n+1] transmission time of items 0..k-1, without the overhead of their segments */
    double *computed_s; /* [n+1] computation up to item k; computed_s[0] = the leading layers without bytes */
    double overhead_s;
} dc__items;

/* dc__items_make - the items of a profile's pull or push half. The server's link counts with this worker's
 * share. Frees nothing on success; the caller ends with dc__items_free. */
dc_error dc__items_make(dc__items *items, const dc_profile *profile, bool push);
void dc__items_free(dc__items *items);

/* dc__cut_greedy - iBatch's rule on items: cut[0..m) = how many items lie before the end of segment 0, 1,
 * ...; returns m. cut has room for items->n. */
int dc__cut_greedy(const dc__items *items, int *cut);

/* dc__cut_optimal - the fewest segments among the cuts of least total time; as dc__cut_greedy. row: scratch,
 * [2 * (items->n + 1)]. *steps (may be NULL) counts the candidates looked at: at most n^2 + 2 n. */
int dc__cut_optimal(const dc__items *items, int *cut, double *row, uint64_t *steps);

/* dc__plan_cut - fills plan's segments for a strategy. groups: of duplex's pushes, by numbers of layers with
 * bytes; 0 = each layer is one. */
dc_error dc__plan_cut(dc_plan *plan, const dc_profile *profile, dc_strategy strategy, int groups);

#endif
