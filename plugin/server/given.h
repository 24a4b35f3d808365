/* given.h - what one worker has pushed: a round at a time, each block once, over however many sessions.
 *
 * DESIGN
 *   It belongs to the worker's receiver, and to the run loop while there is none. A worker that comes back into the round
 * that it was lost in pushes all of it once more; what had come before (`had`) is passed over then: the gradients are
 * the same to the last bit, and blocks may be summed already. Only the single worker of a run, which carries the momentum, gives all
 * of it anew (dc__training_redo). */
#ifndef DC__GIVEN_H
#define DC__GIVEN_H

#include "model/model.h"

typedef struct dc__given {
    uint32_t n_blocks; /* of the model, 0 = not allocated */
    uint64_t *blocks;  /* bitmap [n_blocks] of round: those that count */
    uint32_t n;        /* blocks in it, 0 = nothing was ever pushed */
    uint64_t round;
    uint64_t *had;   /* bitmap [n_blocks]: of blocks, what is not from this session and comes once more */
    uint32_t n_had;  /* blocks in it */
    uint64_t began;  /* the round that this session began with */
    uint64_t forgot; /* 1 + the last round that was begun with nothing kept, 0 = none */
} dc__given;

/* dc__given_words - of a bitmap of so many blocks; one more than is needed where they are full. */
static inline size_t dc__given_words(uint32_t n_blocks)
{
    return (size_t)n_blocks / 64 + 1;
}

dc_error dc__given_allocate(dc__given *given, uint32_t n_blocks); /* DC_ENOMEM; nothing if it is allocated */
void dc__given_free(dc__given *given);

/* dc__given_reset - nothing was ever pushed. dc__given_has - block b of its round. dc__given_was_had - it is from an
 * earlier session, and has not come once more. */
void dc__given_reset(dc__given *given);
bool dc__given_has(const dc__given *given, uint32_t b);
bool dc__given_was_had(const dc__given *given, uint32_t b);

/* dc__given_note - blocks [first, end) of this round come; *wanted: how many of them are new, *lead: the first of
 * those. False if one comes twice in a session. dc__given_again - a block that was had has come. */
bool dc__given_note(dc__given *given, uint64_t round, uint32_t first, uint32_t end, uint32_t *wanted,
                    uint32_t *lead);
void dc__given_again(dc__given *given, uint32_t b);

/* dc__given_begin - a new round, nothing of it yet. dc__given_add, dc__given_remove - a block counts, or does not, as if
 * it had, or had not, come. */
void dc__given_begin(dc__given *given, uint64_t round);
void dc__given_add(dc__given *given, uint32_t b);
void dc__given_remove(dc__given *given, uint32_t b);

/* dc__given_enter - a session that begins with this round. dc__given_resume - the same for a round that is on, and may be
 * the one that was begun before: false if all of that was given. */
void dc__given_enter(dc__given *given, uint64_t round);
bool dc__given_resume(dc__given *given, uint64_t round);

/* dc__given_repeat - likewise, over shards: also a round of which all was given comes once more. */
void dc__given_repeat(dc__given *given, uint64_t round);

/* dc__given_forgets - the worker has nothing kept in this round: whether that is news. *blocks: a bitmap of those that had come while it
 * had, NULL = none. */
bool dc__given_forgets(dc__given *given, uint64_t round, const uint64_t **blocks);

/* dc__given_is_whole - all was pushed of this round. dc__given_is_even - all was pushed of every round before this one, and nothing after. */
bool dc__given_is_whole(const dc__given *given, uint64_t round);
bool dc__given_is_even(const dc__given *given, uint64_t round);

#endif
