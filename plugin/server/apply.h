/* apply.h - the optimizer's step: from version v and the sum of gradients to version v + 1. */
#ifndef DC__APPLY_H
#define DC__APPLY_H

#include "server/reduce.h"
#include "server/versions.h"

/* dc__apply_block - block b of version + 1, from its gradients (at least one). images: fed in the round by the members
 * whose gradients these are. carried: a single worker pushes SGD's velocity with its gradient. trim: of
 * dc_bounds. The calling thread owns the block. */
void dc__apply_block(dc__versions *v, const dc__addends *a, uint32_t b, uint64_t version, uint64_t images,
                     bool carried, int trim);

/* With local steps (versions.outer) what is summed are the workers' changes, times their images. Their mean is the
 * gradient of an outer step with Nesterov's momentum (Wang et al., SlowMo, ICLR 2020; Douillard et al., DiLoCo, 2023):
 *     u = DC__OUTER_MOMENTUM * u + mean;  value = value + DC__OUTER_MOMENTUM * u + mean
 * Each worker has its own momentum in its steps already, so that the outer one is small. */
#define DC__OUTER_MOMENTUM 0.3f

/* dc__apply_frozen - frozen tensors get no gradient, but decay and momentum act on them; workers do the same
 * on their side. Once per version, after its last block. */
void dc__apply_frozen(dc__versions *v, uint64_t version, uint64_t images);

#endif
