/* staleness.h - a run whose workers may be rounds ahead of the slowest (dc_server_options.staleness).
 *
 * DESIGN
 *   Version r + 1 is made as ever, of the gradients that all have of round r, in the crew's order. What is looser is what a
 * gradient was computed on: the newest whole version that its worker had, which may be up to S older than r (Ho et al., More
 * effective distributed ML via a stale synchronous parallel parameter server, NIPS 2013). So a worker need not wait for a round of others that take
 * longer once, nor for its own parameters to come back.
 *   Up to S + 1 rounds are on at once: the server keeps so many rounds of gradients, and a ring of S + 2 versions. A block of
 * round r + 1 is complete only when every receiver has been through all of round r, so versions are made one after the
 * other, and all else is as without.
 *   The crew is the same from the start to the end: the run ends when a worker is lost. */
#ifndef DC__STALENESS_H
#define DC__STALENESS_H

#include "codec/coding.h"
#include "dynacomm_server.h"

/* dc__staleness_check - what it does not go together with: DC_EINVAL with a line that names both. dc__staleness_options - what
 * follows for the others. Both do nothing without staleness. */
dc_error dc__staleness_check(const dc_server_options *o);
void dc__staleness_options(dc_server_options *o);

/* dc__staleness_check_run - likewise of what the run's first worker brings: its codec, and whether its layers remember. */
dc_error dc__staleness_check_run(uint32_t staleness, const dc__coding *coding, bool remembers);

/* dc__staleness_limit - the largest learning rate with which SGD with this momentum (from 0, below 1) stays stable if gradients are so many
 * rounds old, where the loss has a curvature of 1; for another curvature, divided by it. */
double dc__staleness_limit(double momentum, uint32_t staleness);

#endif
