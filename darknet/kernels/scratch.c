/* scratch.c - growing per-thread buffers. Each is mapped directly: a larger one replaces it without a copy,
 * and what a network never touches costs no memory. */
#include "kernels/scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

static _Thread_local struct {
    void *at;
    size_t bytes;
} slots[DK_SCRATCH_SLOTS];

void *dk_scratch(dk_scratch_slot slot, size_t bytes)
{
    if (slots[slot].at != NULL && slots[slot].bytes >= bytes) return slots[slot].at;
    if (slots[slot].at != NULL) munmap(slots[slot].at, slots[slot].bytes);
    slots[slot].bytes = (bytes + 4096) & ~(size_t)4095;
    slots[slot].at =
        mmap(NULL, slots[slot].bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (slots[slot].at == MAP_FAILED) {
        fprintf(
            stderr,
            "darknet: out of memory for %zu MiB of work space; use a smaller batch= or more subdivisions=\n",
            bytes >> 20);
        exit(1);
    }
    return slots[slot].at;
}

void dk_scratch_trim(void)
{
    for (int i = 0; i < DK_SCRATCH_SLOTS; i++) {
        if (slots[i].at != NULL) munmap(slots[i].at, slots[i].bytes);
        slots[i].at = NULL;
        slots[i].bytes = 0;
    }
}

size_t dk_scratch_bytes(void)
{
    size_t sum = 0;
    for (int i = 0; i < DK_SCRATCH_SLOTS; i++)
        sum += slots[i].bytes;
    return sum;
}
