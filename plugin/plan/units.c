/* units.c - segments and frames as stretches of the round's bytes. */
#include "plan/units.h"

#include "core/error.h"

static int put(dc__unit *units, int n, dc__unit unit)
{
    if (units) units[n] = unit;
    return n + 1;
}

static int put_slices(dc__unit *units, int n, int layer, uint64_t bytes, uint32_t slice_bytes)
{
    uint64_t pieces = (bytes + slice_bytes - 1) / slice_bytes;
    uint64_t piece = (bytes + pieces - 1) / pieces;
    piece = (piece + DC__SLICE_GRAIN - 1) / DC__SLICE_GRAIN * DC__SLICE_GRAIN;
    for (uint64_t at = 0; at < bytes; at += piece) {
        uint64_t end = bytes - at < piece ? bytes : at + piece;
        n = put(units, n, (dc__unit){layer, layer, at, end, end - at});
    }
    return n;
}

int dc__units_frames(const dc_layer_cost *layers, int n_layers, uint32_t slice_bytes, dc__unit *units)
{
    dc__assert(slice_bytes > 0 && slice_bytes % DC__SLICE_GRAIN == 0);
    int n = 0;
    dc__unit merged = {0};
    for (int i = 0; i < n_layers; i++) {
        uint64_t bytes = layers[i].bytes;
        if (bytes == 0) continue;
        if (merged.bytes > 0 && merged.bytes + bytes > slice_bytes) {
            n = put(units, n, merged);
            merged.bytes = 0;
        }
        if (bytes > slice_bytes) {
            n = put_slices(units, n, i, bytes, slice_bytes);
        } else if (merged.bytes == 0) {
            merged = (dc__unit){i, i, 0, bytes, bytes};
        } else {
            merged.last = i;
            merged.end = bytes;
            merged.bytes += bytes;
        }
    }
    return merged.bytes > 0 ? put(units, n, merged) : n;
}

static int put_segment(dc__unit *units, int n, const dc_layer_cost *layers, int first, int last)
{
    uint64_t bytes = 0;
    for (int i = first; i <= last; i++)
        bytes += layers[i].bytes;
    return bytes ? put(units, n, (dc__unit){first, last, 0, layers[last].bytes, bytes}) : n;
}

int dc__units_segments(const dc_layer_cost *layers, const dc_plan *plan, bool push, dc__unit *units)
{
    int n = 0;
    if (push) {
        int last = plan->n_layers - 1;
        for (int k = 0; k < plan->n_push; k++) {
            n = put_segment(units, n, layers, plan->push_end[k], last);
            last = plan->push_end[k] - 1;
        }
    } else {
        int first = 0;
        for (int k = 0; k < plan->n_pull; k++) {
            n = put_segment(units, n, layers, first, plan->pull_end[k]);
            first = plan->pull_end[k] + 1;
        }
    }
    return n;
}

int dc_plan_transmissions(const dc_plan *plan, const dc_profile *profile, bool push)
{
    if (plan->strategy == DC_DUPLEX)
        return dc__units_frames(profile->layers, profile->n_layers, plan->slice_bytes, NULL);
    return dc__units_segments(profile->layers, plan, push, NULL);
}
