/* units.c - segments and blocks as stretches of the round's bytes. */
#include "schedule/units.h"

static int put(dc__unit *units, int n, dc__unit unit)
{
    if (units) units[n] = unit;
    return n + 1;
}

static uint64_t total_extent(const dc_layer_cost *layers, int n_layers)
{
    uint64_t sum = 0;
    for (int i = 0; i < n_layers; i++)
        sum += dc__layer_extent(&layers[i]);
    return sum;
}

/* What travels for the first `at` bytes of a layer's extent: in proportion, and in whole bytes. */
static uint64_t travels(const dc_layer_cost *cost, bool push, uint64_t at)
{
    const uint64_t bytes = dc__layer_bytes(cost, push), extent = dc__layer_extent(cost);
    if (bytes == extent || at == 0) return at;
    if (at == extent) return bytes;
    const uint64_t share = (uint64_t)((double)at * ((double)bytes / (double)extent));
    return share < bytes ? share : bytes;
}

uint32_t dc__block_bytes(const dc_layer_cost *layers, int n_layers)
{
    return dc__block_floats(total_extent(layers, n_layers) / sizeof(float)) * (uint32_t)sizeof(float);
}

#define FRAMES_WANTED 16

uint32_t dc__frame_bytes(const dc_layer_cost *layers, int n_layers)
{
    uint64_t wanted = total_extent(layers, n_layers) / FRAMES_WANTED;
    uint32_t bytes = dc__block_bytes(layers, n_layers);
    while (bytes < DC__SLICE_MOST && bytes < wanted)
        bytes *= 2;
    return bytes;
}

/* The end of the block of a layer that begins at byte `at` of its extent. */
static uint64_t block_end(uint64_t extent, uint64_t at, uint32_t block_bytes)
{
    return extent - at < block_bytes ? extent : at + block_bytes;
}

int dc__units_blocks(const dc_layer_cost *layers, int n_layers, bool push, dc__unit *units)
{
    const uint32_t block = dc__block_bytes(layers, n_layers);
    int n = 0;
    for (int i = 0; i < n_layers; i++) {
        const uint64_t extent = dc__layer_extent(&layers[i]);
        uint64_t sent = 0;
        for (uint64_t at = 0, end; at < extent; at = end) {
            end = block_end(extent, at, block);
            const uint64_t to = travels(&layers[i], push, end);
            n = put(units, n, (dc__unit){i, i, at, end, to - sent, 1});
            sent = to;
        }
    }
    return n;
}

int dc__units_frames(const dc_layer_cost *layers, int first, int last, bool push, uint32_t block_bytes,
                     uint32_t slice_bytes)
{
    int frames = 0;
    uint64_t filled = 0;
    for (int i = first; i <= last; i++) {
        const uint64_t extent = dc__layer_extent(&layers[i]);
        uint64_t sent = 0;
        for (uint64_t at = 0; at < extent;) {
            at = block_end(extent, at, block_bytes);
            const uint64_t to = travels(&layers[i], push, at), bytes = to - sent;
            if (frames == 0 || filled + bytes > slice_bytes) {
                frames++;
                filled = 0;
            }
            filled += bytes;
            sent = to;
        }
    }
    return frames;
}

/* Layers of one segment, and what cuts it into frames. */
typedef struct cut {
    const dc_layer_cost *layers;
    bool push;
    uint32_t block_bytes, slice_bytes;
} cut;

static int put_segment(dc__unit *units, int n, const cut *c, int first, int last)
{
    uint64_t bytes = 0;
    for (int i = first; i <= last; i++)
        bytes += dc__layer_bytes(&c->layers[i], c->push);
    if (bytes == 0) return n;
    dc__unit unit = {first, last, 0, dc__layer_extent(&c->layers[last]), bytes, 0};
    if (units)
        unit.frames = dc__units_frames(c->layers, first, last, c->push, c->block_bytes, c->slice_bytes);
    return put(units, n, unit);
}

int dc__units_segments(const dc_layer_cost *layers, const dc_plan *plan, bool push, dc__unit *units)
{
    const cut c = {layers, push, dc__block_bytes(layers, plan->n_layers), plan->slice_bytes};
    int n = 0;
    if (push) {
        int last = plan->n_layers - 1;
        for (int k = 0; k < plan->n_push; k++) {
            n = put_segment(units, n, &c, plan->push_end[k], last);
            last = plan->push_end[k] - 1;
        }
    } else {
        int first = 0;
        for (int k = 0; k < plan->n_pull; k++) {
            n = put_segment(units, n, &c, first, plan->pull_end[k]);
            first = plan->pull_end[k] + 1;
        }
    }
    return n;
}

int dc_plan_transmissions(const dc_plan *plan, const dc_profile *profile, bool push)
{
    if (plan->strategy == DC_DUPLEX)
        return dc__units_frames(profile->layers, 0, profile->n_layers - 1, push,
                                dc__block_bytes(profile->layers, profile->n_layers), plan->slice_bytes);
    return dc__units_segments(profile->layers, plan, push, NULL);
}
