/* wait.c - starts the program anew with brief OpenMP waits. */
#include "kernels/wait.h"

#include <stdlib.h>
#include <unistd.h>

void dk_wait_briefly(char **argv)
{
    if (getenv("OMP_WAIT_POLICY") != NULL || getenv("GOMP_SPINCOUNT") != NULL) return;
    if (setenv("GOMP_SPINCOUNT", "1000", 1) == 0)
        execv("/proc/self/exe", argv); /* on failure: slower, but right */
}
