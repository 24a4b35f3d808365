/* parallel.c - the kernels' threads for work that is not a kernel. */
#include "kernels/kernels.h"
#include "kernels/ranges.h"
#include "kernels/isa.h"

void dk_parallel(size_t n, void (*work)(void *context, size_t lo, size_t hi), void *context)
{
    DK_RANGES(n, lo, hi, work(context, lo, hi));
}
