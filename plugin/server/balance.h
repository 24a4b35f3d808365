/* balance.h - images of a round for each worker, in proportion to what it can compute and send. Pure.
 *
 * A round takes a worker what it takes whatever it feeds (its link, as far as computation does not hide it), and so much for
 * each part: a part is what it computes at once (Darknet's batch; a round has as many parts as subdivisions). */
#ifndef DC__BALANCE_H
#define DC__BALANCE_H

#include "dynacomm.h"

#define DC__BALANCE_PAYS .05 /* of a round, or nothing is changed */

typedef struct dc__load {
    double part_s;  /* > 0 */
    double fixed_s; /* >= 0 */
    uint32_t parts; /* that it has now */
} dc__load;

/* dc__balance - how many of so many parts (at least n) each of n workers is to have, at least 1, so that the slowest is
 * done as early as can be. dc__balance_s - when the slowest is done with these parts; NULL: with those that they have. */
void dc__balance(const dc__load *loads, int n, uint64_t all, uint32_t *parts);
double dc__balance_s(const dc__load *loads, int n, const uint32_t *parts);

#endif
