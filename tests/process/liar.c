/* liar.c - the program darknet, but as a worker it pushes something else than what it computed, or says what no worker may.
 * Linked with --wrap around the library's calls (Makefile), it is the rest of the program unchanged.
 *
 *   LIE="scale FACTOR"        every gradient times FACTOR: -10 sends it the wrong way, ten times as strong
 *   LIE="nan ROUND [N]"       the first float of every layer's gradient is nan, in N rounds (default 1) from ROUND on,
 *                             counted from 1
 *   LIE="slow SECONDS"        no lie: each round's computation takes so much longer
 *   LIE="drag SECONDS"        no lie: each subdivision takes so much longer
 *   LIE="frame WHAT"          from its 20th gradient frame on: WHAT is round (the next one), twice (a block comes again), beyond (the
 *                             end of the model), between (two blocks' middle), many (2^31 floats)
 *   LIE="join WHAT"           its JOIN: WHAT is model (every count is another), cut (half of it), long (a byte too many)
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "model/model.h"
#include "net/link.h"

dc_error __real_dc_worker_join(dc_worker **worker, dc_model *model, const dc_worker_options *options);
dc_error __real_dc_worker_subdivision(dc_worker *worker, bool last);
dc_error __real_dc_worker_backward_end(dc_worker *worker, int layer);
dc_error __wrap_dc_worker_join(dc_worker **worker, dc_model *model, const dc_worker_options *options);
dc_error __wrap_dc_worker_subdivision(dc_worker *worker, bool last);
dc_error __wrap_dc_worker_backward_end(dc_worker *worker, int layer);

static dc_model *trained;
static bool whole; /* the gradient, with this subdivision */

dc_error __wrap_dc_worker_join(dc_worker **worker, dc_model *model, const dc_worker_options *options)
{
    trained = model;
    return __real_dc_worker_join(worker, model, options);
}

dc_error __wrap_dc_worker_subdivision(dc_worker *worker, bool last)
{
    whole = last;
    return __real_dc_worker_subdivision(worker, last);
}

static void change(dc_tensor *t, uint64_t round)
{
    const char *lie = getenv("LIE");
    float factor;
    unsigned long long from;
    int rounds = 1;
    if (!lie || !t->gradient) return;
    if (sscanf(lie, "scale %f", &factor) == 1)
        for (uint64_t i = 0; i < t->count; i++)
            t->gradient[i] *= factor;
    else if (sscanf(lie, "nan %llu %d", &from, &rounds) >= 1 && round + 1 >= from &&
             round + 1 < from + (unsigned)rounds)
        t->gradient[0] = NAN;
}

static void be_slow(void)
{
    const char *lie = getenv("LIE");
    double seconds;
    if (!lie ||
        ((!whole || sscanf(lie, "slow %lf", &seconds) != 1) && sscanf(lie, "drag %lf", &seconds) != 1))
        return;
    const struct timespec pause = {.tv_sec = (time_t)seconds,
                                   .tv_nsec = (long)((seconds - floor(seconds)) * 1e9)};
    (void)nanosleep(&pause, NULL);
}

dc_error __wrap_dc_worker_backward_end(dc_worker *worker, int layer)
{
    if (layer == trained->n_layers - 1) be_slow();
    for (int i = 0; whole && i < trained->n_tensors; i++)
        if (trained->tensors[i].layer == layer && trained->tensors[i].t.role == DC_TRAINED)
            change(&trained->tensors[i].t, dc_worker_info_get(worker).round);
    return __real_dc_worker_backward_end(worker, layer);
}

/* ---- frames ---- */

dc_error __real_dc__link_send(dc__link *link, dc__header *header, void *message);
dc_error __wrap_dc__link_send(dc__link *link, dc__header *header, void *message);

static void lie_in_join(const char *lie, dc__header *header, uint8_t *payload)
{
    if (strcmp(lie, "cut") == 0)
        header->payload_bytes /= 2;
    else if (strcmp(lie, "long") == 0)
        header->payload_bytes++; /* there is room: a description's is estimated generously */
    else if (strcmp(lie, "model") == 0)
        payload[header->payload_bytes - 16] ^= 1; /* the last tensor's count */
}

static void lie_in_frame(const char *lie, dc__header *header)
{
    if (strcmp(lie, "round") == 0)
        header->round++;
    else if (strcmp(lie, "beyond") == 0)
        header->offset = UINT64_MAX / 2;
    else if (strcmp(lie, "between") == 0)
        header->offset++;
    else if (strcmp(lie, "many") == 0)
        header->count = 1u << 31;
}

/* Before the next one: the same gradients again. */
static dc_error send_again(dc__link *link, const dc__header *header, const void *message)
{
    void *payload, *copy = dc__link_alloc(header->payload_bytes, &payload);
    dc__header again = *header;
    if (!copy) return DC_ENOMEM;
    memcpy(payload, (const uint8_t *)message + DC__HEADER_BYTES, header->payload_bytes);
    return __real_dc__link_send(link, &again, copy);
}

dc_error __wrap_dc__link_send(dc__link *link, dc__header *header, void *message)
{
    static int gradients;
    const char *lie = getenv("LIE");
    if (lie && message && header->type == DC__JOIN && strncmp(lie, "join ", 5) == 0)
        lie_in_join(lie + 5, header, (uint8_t *)message + DC__HEADER_BYTES);
    if (lie && message && header->type == DC__GRAD && strncmp(lie, "frame ", 6) == 0 && ++gradients >= 20) {
        lie_in_frame(lie + 6, header);
        if (strcmp(lie + 6, "twice") == 0 && send_again(link, header, message)) return DC_ENOMEM;
    }
    return __real_dc__link_send(link, header, message);
}
