/* tree.h - the shape in which a sum was made that came over relays, for who makes it again on one machine.
 *
 * DESIGN
 *   Each relay sums what stands directly behind it, workers and sums of other relays, in the order of the lowest number
 * in each; what comes of it stands in the place of its lowest number. The server sums what is left.
 *   Two orders of adding n floats g differ by at most 2 k / (1 - k) * (|g1| + ... + |gn|), k = (n - 1) * 2^-24 (Higham,
 * Accuracy and Stability of Numerical Algorithms, 2002, section 4.2): such is the difference between a sum over relays
 * and one without. */
#ifndef DC__TREE_H
#define DC__TREE_H

#include "server/reduce.h"

typedef struct dc__tree {
    float *sums; /* [DC__CREW_MOST][DC__BLOCK_FLOATS_MOST], NULL before the first relay */
} dc__tree;

void dc__tree_free(dc__tree *t);

/* dc__tree_sum - makes of a's exact gradients, of n floats each, in the order of numbers, those that the server got: paths[a->n]
 * are the relays of each. Sums are the tree's until the next call. DC_ENOMEM. */
dc_error dc__tree_sum(dc__tree *t, const dc__path *const *paths, size_t n, dc__addends *a);

#endif
