/* units.c - segments and blocks as stretches of the round's bytes. */
#include "schedule/units.h"

static int put(dc__unit *units, int n, dc__unit unit)
{
    if (units) units[n] = unit;
    return n + 1;
}

static uint64_t total_bytes(const dc_layer_cost *layers, int n_layers)
{
    uint64_t sum = 0;
    for (int i = 0; i < n_layers; i++)
        sum += layers[i].bytes;
    return sum;
}

uint32_t dc__block_bytes(const dc_layer_cost *layers, int n_layers)
{
    return dc__block_floats(total_bytes(layers, n_layers) / sizeof(float)) * (uint32_t)sizeof(float);
}

#define FRAMES_WANTED 16

uint32_t dc__frame_bytes(const dc_layer_cost *layers, int n_layers)
{
    uint64_t wanted = total_bytes(layers, n_layers) / FRAMES_WANTED;
    uint32_t bytes = dc__block_bytes(layers, n_layers);
    while (bytes < DC__SLICE_MOST && bytes < wanted)
        bytes *= 2;
    return bytes;
}

/* The length of the block of a layer that begins at byte `at`. */
static uint64_t length(uint64_t layer_bytes, uint64_t at, uint32_t block_bytes)
{
    return layer_bytes - at < block_bytes ? layer_bytes - at : block_bytes;
}

int dc__units_blocks(const dc_layer_cost *layers, int n_layers, dc__unit *units)
{
    const uint32_t block = dc__block_bytes(layers, n_layers);
    int n = 0;
    for (int i = 0; i < n_layers; i++) {
        for (uint64_t at = 0; at < layers[i].bytes; at += block) {
            uint64_t bytes = length(layers[i].bytes, at, block);
            n = put(units, n, (dc__unit){i, i, at, at + bytes, bytes, 1});
        }
    }
    return n;
}

int dc__units_frames(const dc_layer_cost *layers, int first, int last, uint32_t block_bytes,
                     uint32_t slice_bytes)
{
    int frames = 0;
    uint64_t filled = 0;
    for (int i = first; i <= last; i++) {
        for (uint64_t at = 0; at < layers[i].bytes; at += block_bytes) {
            uint64_t bytes = length(layers[i].bytes, at, block_bytes);
            if (frames == 0 || filled + bytes > slice_bytes) {
                frames++;
                filled = 0;
            }
            filled += bytes;
        }
    }
    return frames;
}

static int put_segment(dc__unit *units, int n, const dc_layer_cost *layers, int first, int last,
                       uint32_t block_bytes, uint32_t slice_bytes)
{
    uint64_t bytes = 0;
    for (int i = first; i <= last; i++)
        bytes += layers[i].bytes;
    if (bytes == 0) return n;
    dc__unit unit = {first, last, 0, layers[last].bytes, bytes, 0};
    if (units) unit.frames = dc__units_frames(layers, first, last, block_bytes, slice_bytes);
    return put(units, n, unit);
}

int dc__units_segments(const dc_layer_cost *layers, const dc_plan *plan, bool push, dc__unit *units)
{
    const uint32_t block = dc__block_bytes(layers, plan->n_layers);
    int n = 0;
    if (push) {
        int last = plan->n_layers - 1;
        for (int k = 0; k < plan->n_push; k++) {
            n = put_segment(units, n, layers, plan->push_end[k], last, block, plan->slice_bytes);
            last = plan->push_end[k] - 1;
        }
    } else {
        int first = 0;
        for (int k = 0; k < plan->n_pull; k++) {
            n = put_segment(units, n, layers, first, plan->pull_end[k], block, plan->slice_bytes);
            first = plan->pull_end[k] + 1;
        }
    }
    return n;
}

int dc_plan_transmissions(const dc_plan *plan, const dc_profile *profile, bool push)
{
    if (plan->strategy == DC_DUPLEX)
        return dc__units_frames(profile->layers, 0, profile->n_layers - 1,
                                dc__block_bytes(profile->layers, profile->n_layers), plan->slice_bytes);
    return dc__units_segments(profile->layers, plan, push, NULL);
}
