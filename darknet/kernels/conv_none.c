/* conv_none.c - stands in for conv_plan.c where oneDNN is not built in: no shape has a plan, so im2col and
 * gemm (conv_plain.c) compute every convolution and nothing below dk_conv_plan_for is ever called. */
#include "kernels/conv_plan.h"

#ifdef DK_NO_DNNL
#include <stdlib.h>

const dk_conv_plan *dk_conv_plan_for(const layer *l)
{
    (void)l;
    return NULL;
}

void dk_conv_memory_low(bool low)
{
    (void)low; /* im2col's matrix is all there is, and it cannot be smaller */
}

/* There is no plan to call these with. */
#define DK_NEVER(declaration) \
    declaration               \
    {                         \
        (void)p;              \
        abort();              \
    }
#pragma GCC diagnostic ignored "-Wunused-parameter"
DK_NEVER(int dk_conv_plan_src_block(const dk_conv_plan *p))
DK_NEVER(int dk_conv_plan_dst_block(const dk_conv_plan *p))
DK_NEVER(const char *dk_conv_plan_text(const dk_conv_plan *p))
DK_NEVER(void dk_conv_plan_forward(const dk_conv_plan *p, const float *src, const float *weights, float *dst))
DK_NEVER(void dk_conv_plan_backward_weights(const dk_conv_plan *p, const float *src, const float *ddst,
                                            float *updates))
DK_NEVER(void dk_conv_plan_backward_data(const dk_conv_plan *p, const float *ddst, const float *weights,
                                         float *dsrc))
#endif
