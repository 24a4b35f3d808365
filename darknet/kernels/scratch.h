/* scratch.h - buffers that a layer needs only while it runs, shared by all layers. */
#ifndef DK_SCRATCH_H
#define DK_SCRATCH_H

#include <stddef.h>

typedef enum dk_scratch_slot {
    DK_SCRATCH_DATA,     /* a layer's input, output or input gradient in another layout; im2col's matrix */
    DK_SCRATCH_DELTA,    /* a layer's output gradient in another layout */
    DK_SCRATCH_WEIGHTS,  /* weights or their gradient in another layout */
    DK_SCRATCH_INNER,    /* what a primitive works in */
    DK_SCRATCH_SUMS,     /* partial sums */
    DK_SCRATCH_CHANNELS, /* a few floats per channel */
    DK_SCRATCH_SLOTS
} dk_scratch_slot;

/* dk_scratch - at least bytes bytes, 64-byte aligned, contents undefined; never NULL (out of memory ends the
 * program with a line). Valid until the next call for the slot by this thread: each thread that runs a
 * network has its own. */
void *dk_scratch(dk_scratch_slot slot, size_t bytes);

/* dk_scratch_trim - gives the calling thread's buffers back to the system. */
void dk_scratch_trim(void);

/* dk_scratch_bytes - bytes the calling thread holds. */
size_t dk_scratch_bytes(void);

#endif
