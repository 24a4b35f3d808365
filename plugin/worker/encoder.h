/* encoder.h - gradients as they leave a worker, where the run's coding loses something; and what it has not sent yet.
 *
 * DESIGN
 *   Blocks are encoded one by one, each from its own part of what is kept: so a block's bytes are the same whatever
 * segment or slice it leaves in, and whichever strategy cut it. Top-k picks within a block for the same reason; a
 * whole layer's choice would have to wait for, and be sent with, all of the layer.
 *   With top-k and SGD, momentum and decay are the worker's (Lin et al., Deep Gradient Compression, ICLR 2018): what is
 * picked from is the sum of velocities, and the velocity of what was sent begins anew. A server that had the momentum
 * would see a gradient seldom, all of it at once, and go on in its direction for as long again. With bf16 and whole numbers
 * every float is sent each time, so momentum stays where it is, at the server; with Adam too.
 *   With local steps, what is sent for a gradient is how a worker's own parameters changed since the version that it began
 * with, times its images (the server divides by all images), after its last step, which is made here, block by block. Its
 * momentum stays in the gradient buffers as with one machine, and goes on from round to round.
 *   State is kept twice, by version & 1: encoding the gradients of round r reads what was kept at version r and writes
 * what is kept at r + 1. The server is at one of these two whenever a run ends, so both are in the files that a
 * resumed worker reads (residues.h). Sender's thread, but what says otherwise. */
#ifndef DC__ENCODER_H
#define DC__ENCODER_H

#include "codec/coding.h"

typedef struct dc__encoder {
    dc__coding coding;
    dc_model *model;
    bool plain;     /* momentum and decay are ours: dc__coding_plain */
    bool active;    /* gradients do not go as they are */
    float *base;    /* [trained] with local steps: the version's values, from which they began; else NULL */
    float *kept[2]; /* by version & 1, [trained]; NULL for an exact codec */
    float *velocity[2]; /* likewise; NULL unless plain */
} dc__encoder;

/* dc__encoder_init - with nothing kept. DC_ENOMEM. dc__encoder_free - also after a failed init. */
dc_error dc__encoder_init(dc__encoder *e, const dc__coding *coding, dc_model *model);
void dc__encoder_free(dc__encoder *e);

/* dc__encoder_exact - gradients go as they are: nothing here is called. */
static inline bool dc__encoder_exact(const dc__encoder *e)
{
    return !e->active;
}

/* dc__encoder_bytes - the most that the blocks [first, end) take in this round. */
size_t dc__encoder_bytes(const dc__encoder *e, uint64_t round, uint32_t first, uint32_t end);

/* dc__encoder_encode - takes the gradients of the blocks, which are zero afterwards (with local steps: the velocity), into payload; returns its bytes. */
size_t dc__encoder_encode(dc__encoder *e, uint64_t round, float rate, uint32_t first, uint32_t end,
                          void *payload);

/* dc__encoder_step_alone - with local steps: a batch's step on the worker's own parameters, which is not the round's last.
 * Momentum stays in the gradient buffers. Compute thread. */
void dc__encoder_step_alone(dc__encoder *e, float rate);

/* dc__encoder_forget - nothing is kept at this version: its state was lost. */
void dc__encoder_forget(dc__encoder *e, uint64_t version);

/* dc__encoder_begin - what was kept is read: with local steps the gradient buffers go on with their velocity. */
void dc__encoder_begin(dc__encoder *e, uint64_t version);

#endif
