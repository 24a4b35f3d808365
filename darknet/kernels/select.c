/* select.c - the choice of kernels and threads for this process. */
#include "kernels/kernels.h"

#include <omp.h>
#include <string.h>

static bool stock;

int dk_kernels_select(const char *name)
{
    if (strcmp(name, "fast") != 0 && strcmp(name, "stock") != 0) return -1;
    stock = strcmp(name, "stock") == 0;
    return 0;
}

bool dk_kernels_fast(void)
{
    return !stock;
}

void dk_threads_set(int threads)
{
    if (threads > 0) omp_set_num_threads(threads);
}

int dk_threads(void)
{
    return omp_get_max_threads();
}
