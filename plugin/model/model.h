/* model.h - the model as every part of the library sees it: one flat arena of floats and an offset table.
 *
 * DESIGN
 *   Arena order: all trained tensors in layer order, then the frozen, the fixed, the statistics. An offset
 * counts floats from the start of the arena. The arena's addresses are what travels; where a value lives is
 * up to each end: in the network's own tensors at a worker (dc__model_gather / _scatter), in one array at the
 * server. The trained part is cut into blocks, the finest grain that is sent, summed and versioned: at most
 * dc__block_floats of the trained part, never across layers. A slice (one frame) is a run of blocks.
 *   A description is the model without its values, in bytes: what a worker sends when it joins. */
#ifndef DC__MODEL_H
#define DC__MODEL_H

#include "base/bytes.h"
#include "model/optimizer.h"
#include "dynacomm.h"

#define DC__BLOCK_FLOATS_LEAST 1024u /* 4 KiB */
#define DC__BLOCK_FLOATS_MOST 16384u /* 64 KiB */
#define DC__BLOCKS_ENOUGH 128u       /* finer than that only where DC__BLOCK_FLOATS_MOST makes it so */
#define DC__MAX_LAYERS 65536
#define DC__MAX_TENSORS 1048576
#define DC__MAX_MODEL_FLOATS ((uint64_t)1 << 33) /* 32 GiB of parameters */
#define DC__NAME_BYTES 64
#define DC__LABEL_BYTES 32

typedef struct dc__arena_tensor {
    dc_tensor t;
    char name[DC__LABEL_BYTES];
    int layer;
    uint64_t offset; /* in the arena */
} dc__arena_tensor;

typedef struct dc__layer {
    char type[DC__LABEL_BYTES];
    uint64_t offset, count;         /* its trained range in the arena */
    uint32_t first_block, n_blocks; /* the same in blocks */
} dc__layer;

struct dc_model {
    char name[DC__NAME_BYTES];
    dc_optimizer optimizer;
    uint32_t images_per_round; /* of one worker */
    bool sealed;               /* offsets are valid, nothing may be added */

    int n_layers, cap_layers;
    dc__layer *layers;
    int n_tensors, cap_tensors;
    dc__arena_tensor *tensors; /* in the order added = .weights order */
    int *by_offset;            /* [n_tensors] indices of tensors in arena order */
    uint32_t block_floats;     /* most in one block */
    uint64_t *block_offset;    /* [n_blocks + 1] */
    int *block_layer;          /* [n_blocks] */
    uint32_t n_blocks;

    uint64_t start[DC_ROLE_COUNT + 1]; /* role r occupies [start[r], start[r+1]) of the arena */
    float *adam_m, *adam_v;            /* dc_model_update's own, over trained and frozen; NULL until used */
    float *average;                    /* dc_model_average_*'s own, over trained; NULL until used */
    uint64_t average_first, average_made; /* versions: average.h's first; the last one averaged */
};

/* dc__block_floats - the most floats of a block in a model with this many trained ones: a power of two, so
 * that a small model too is cut finely enough to be scheduled and measured. Every end derives the same. */
static inline uint32_t dc__block_floats(uint64_t trained_floats)
{
    uint32_t floats = DC__BLOCK_FLOATS_LEAST;
    while (floats < DC__BLOCK_FLOATS_MOST && (uint64_t)floats * DC__BLOCKS_ENOUGH < trained_floats)
        floats *= 2;
    return floats;
}

/* dc__model_seal - computes offsets and blocks. DC_EINVAL for a model without layers. Idempotent. */
dc_error dc__model_seal(dc_model *model);

static inline uint64_t dc__model_floats(const dc_model *model)
{
    return model->start[DC_ROLE_COUNT];
}

/* Floats that have optimizer state: the trained and the frozen, which lie first in the arena. */
static inline uint64_t dc__model_state_floats(const dc_model *model)
{
    return model->start[DC_FIXED];
}

/* dc__model_part - images that a worker computes at once, as it says: a whole number of them makes a round, or it is the round. */
uint32_t dc__model_part(const dc_model *model, uint32_t part);

/* dc__model_find - index into by_offset of the tensor that holds an arena offset. */
int dc__model_find(const dc_model *model, uint64_t offset);

/* dc__model_blocks - the blocks [*first, *end) that make up exactly [offset, offset + count), both from a
 * peer that is not trusted; false if there are none such. */
bool dc__model_blocks(const dc_model *model, uint64_t offset, uint64_t count, uint32_t *first, uint32_t *end);

/* dc__model_gather / dc__model_scatter - copy the range [offset, offset + count) of the arena from the
 * tensors' values (or gradients) to a buffer, and from a buffer into the values. */
void dc__model_gather(const dc_model *model, bool gradients, uint64_t offset, uint64_t count, float *to);
void dc__model_scatter(dc_model *model, uint64_t offset, uint64_t count, const float *from);

/* dc__model_set_moment - takes over optimizer state (which: 1 or 2) for a range of the trained and frozen:
 * SGD's velocity into the gradients, Adam's moments into the model's own arrays, if dc__model_adam_allocate
 * was called. */
void dc__model_set_moment(dc_model *model, int which, uint64_t offset, uint64_t count, const float *from);
dc_error dc__model_adam_allocate(dc_model *model);

/* dc__model_velocity - SGD's velocity of a worker that keeps it: momentum times velocity, plus the gradient, plus the
 * decay of the model's own values for the worker's own images; of [offset, offset + count), all [count]. */
void dc__model_velocity(const dc_model *model, uint64_t offset, uint64_t count, const float *gradient,
                        const float *velocity, float *next);

/* dc__model_zero_gradients - sets the range's gradients to zero. */
void dc__model_zero_gradients(dc_model *model, uint64_t offset, uint64_t count);

/* dc__model_step - the update's constants for one tensor:
 * rate is the schedule's, images the whole round's. */
dc__step dc__model_step(const dc_model *model, const dc__arena_tensor *tensor, float rate, uint64_t images,
                        uint64_t step_number);

/* dc__model_update_range - dc_model_update over [offset, offset + count), with images for a whole round. */
void dc__model_update_range(dc_model *model, uint64_t offset, uint64_t count, float rate, uint64_t images,
                            uint64_t step_number);

/* dc__model_carry - before new values overwrite [offset, offset + count): turns the gradients (velocity
 * included) into the velocity that the server's step left (dc__sgd_carry). */
void dc__model_carry(dc_model *model, uint64_t offset, uint64_t count, float rate, uint64_t images);

/* dc__model_describe - writes the description; model must
 * be sealed. dc__model_describe_bytes - an upper bound. */
size_t dc__model_describe_bytes(const dc_model *model);
void dc__model_describe(const dc_model *model, dc__bytes *out);

/* dc__model_parse - a sealed model without arrays (value and gradient NULL) from a description that may be
 * hostile: every count is bounded before anything is allocated. DC_EFORMAT otherwise. */
dc_error dc__model_parse(dc_model **model, dc__bytes *in);

/* dc__model_same - DC_OK if both describe the same training, else DC_EMODEL with a line naming the first
 * difference; ours and theirs are words for the two in that line. */
dc_error dc__model_same(const dc_model *a, const dc_model *b, const char *ours, const char *theirs);

/* dc__model_save_arena - dc_model_save with the values taken from an arena array. */
dc_error dc__model_save_arena(const dc_model *model, const float *arena, const char *path, uint64_t seen);

/* dc__model_write - a .weights file's content into a file that is to be committed (base/file.h): values of an arena
 * array, and of an average, [dc__average_floats] or NULL, where a tensor has one. Failures show at the commit. */
struct dc__file;
void dc__model_write(const dc_model *model, const float *arena, const float *average, uint64_t seen,
                     struct dc__file *file);

#endif
