/* apply.h - the optimizer's step: from version v and the sum of gradients to version v + 1. */
#ifndef DC__APPLY_H
#define DC__APPLY_H

#include "server/reduce.h"
#include "server/versions.h"

/* dc__apply_block - block b of version + 1, from its gradients (at least one). images: fed in the round by the members
 * whose gradients these are. carried: a single worker pushes SGD's velocity with its gradient. trim: of
 * dc_bounds, 0 = none. The calling thread owns the block.
 *   With local steps (versions.changes) what is summed are the workers' changes, times their images, and their mean is added. An
 * outer step with momentum of its own (SlowMo, ICLR 2020) costs accuracy, since each change has the workers' momentum in it.
 *   False if what came of it is not finite: then a gradient is not, or the sum or the step overflowed. Nothing is read that is
 * written, so that it can be done once more with other gradients. With trim a gradient that is not finite may not show. */
bool dc__apply_block(dc__versions *v, const dc__addends *a, uint32_t b, uint64_t version, uint64_t images,
                     bool carried, int trim);

/* dc__apply_frozen - frozen tensors get no gradient, but decay and momentum act on them; workers do the same
 * on their side. Once per version, after its last block. */
void dc__apply_frozen(dc__versions *v, uint64_t version, uint64_t images);

#endif
