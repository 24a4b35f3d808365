/* coding.h - what a run's gradients and changes of parameters travel as: a codec for each direction. All ends of
 * a run agree on it when they join; as users write it, UP[/DOWN]:
 *
 *   exact            floats as they are, both ways
 *   bf16, int8, int4, int3   both ways
 *   topk:SHARE       up, that share of each block's gradients, the largest; down, as many changes as the workers
 *                    together may have sent, or int8 where that is less. topk:SHARE:ROUNDS begins with a quarter and
 *                    comes down to SHARE within so many rounds, by a quarter at a time
 *   topk5:SHARE      likewise in a third of the bytes, with coarser values (codec/topk5.c); int4 where all together are more than half
 *   UP/DOWN          one for each direction: topk:0.01/int8, bf16/exact
 *   UP[/DOWN]+local:N   a worker steps alone N times on its own images and sends how its parameters changed
 *   UP[/DOWN]+local:N:BATCHES   likewise; once at first, and twice as often after each of equal parts of so many batches, until it is N
 *   UP[/DOWN]+local:auto   likewise; the server finds N while the run goes on (server/local_steps.c)
 *
 * Pure: any thread. */
#ifndef DC__CODING_H
#define DC__CODING_H

#include "codec/batches.h"
#include "codec/codec.h"
#include "dynacomm_plan.h"
#include "model/model.h"

#define DC__CODING_BYTES 64              /* of its text, with a closing 0 */
#define DC__FRAME_FLOATS_MOST (1u << 19) /* in one frame, however few bytes they take */

/* One direction in one round. */
typedef struct dc__way {
    const dc__codec *codec;
    double share;
} dc__way;

typedef struct dc__coding {
    dc__way up, down;
    uint32_t warm_rounds; /* of up's share; 0 = none */
    uint32_t
        local_steps; /* batches of a round: 1, or as many as a worker steps alone; of auto, those that a run begins with: 1 */
    uint32_t warm_batches; /* in which they grow to local_steps; 0 = none */
    bool local_auto;
    bool follows; /* down is made of up: what the workers together may have sent */
} dc__coding;

/* dc__coding_parse - "" is exact. DC_EINVAL with a line that says what there is. dc__coding_text - as users write it,
 * the same text for the same coding; all zero is exact. */
dc_error dc__coding_parse(const char *text, dc__coding *coding);
void dc__coding_text(const dc__coding *coding, char text[DC__CODING_BYTES]);

/* dc__coding_steps - what stands behind "+local:" is right; *n, or 0 for auto, and *warm batches. */
bool dc__coding_steps(const char *text, uint32_t *n, uint32_t *warm);

/* dc__coding_batches - of the rounds of a run, as it begins. */
dc__batches dc__coding_batches(const dc__coding *coding);

/* dc__coding_up, dc__coding_down - of the gradients of round `round`, and of the change that they make. */
dc__way dc__coding_up(const dc__coding *coding, uint64_t round);
dc__way dc__coding_down(const dc__coding *coding, uint64_t round, int workers);

/* dc__coding_local - what workers send is how their own steps changed their parameters: also of one step, where the number is found. */
static inline bool dc__coding_local(const dc__coding *coding)
{
    return coding->local_steps > 1 || coding->local_auto;
}

/* dc__coding_plain - momentum and decay are the workers' (worker/encoder.h): the server only adds. */
bool dc__coding_plain(const dc__coding *coding, const dc_model *model);

/* dc__coding_keeps - workers keep something from round to round that a run that goes on needs (worker/residues.h). */
static inline bool dc__coding_keeps(const dc__coding *coding)
{
    return !coding->up.codec->exact || dc__coding_local(coding);
}

/* dc__way_bytes - what n floats take that travel as blocks of at most block_floats. dc__way_floats - how many floats
 * to put into a frame of so many bytes. */
uint64_t dc__way_bytes(dc__way way, uint64_t n, uint32_t block_floats);
uint64_t dc__way_floats(dc__way way, uint64_t frame_bytes);

/* dc__coding_costs - what layers move that move so many bytes of floats each way (exact[n].down_bytes): times are copied.
 * Warm-up is over. costs may be exact. */
void dc__coding_costs(const dc__coding *coding, const dc_layer_cost *exact, int n, int workers,
                      dc_layer_cost *costs);

/* dc__runs_check - the blocks [first, end) lie behind one another in a peer's payload of so many bytes and fill it.
 * finite: see dc__codec.check. */
bool dc__runs_check(const dc__codec *codec, const dc_model *model, uint32_t first, uint32_t end,
                    const void *payload, size_t bytes, bool *finite);

#endif
