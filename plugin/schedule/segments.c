/* segments.c - items, the greedy rule, and segments of layers from cuts of items. */
#include "schedule/segments.h"

#include <stdlib.h>

#include "base/error.h"
#include "schedule/rates.h"
#include "schedule/units.h"

dc_error dc__items_make(dc__items *items, const dc_profile *profile, bool push)
{
    int n_layers = profile->n_layers;
    size_t room = (size_t)n_layers + 1;
    double *sums = malloc(2 * room * sizeof *sums);
    int *layer = malloc(room * sizeof *layer);
    if (!sums || !layer) {
        free(sums);
        free(layer);
        return dc__fail(DC_ENOMEM, "out of memory for a plan of %d layers", n_layers);
    }
    double rate_Bps = push ? dc__up_Bps(profile) : dc__down_Bps(profile);
    double sent_s = 0.0, computed_s = 0.0;
    const uint32_t frame_bytes = dc__frame_bytes(profile->layers, n_layers);
    int n = 0;
    double *sent = sums, *computed = sums + room;
    for (int i = 0; i < n_layers; i++) {
        const dc_layer_cost *cost = &profile->layers[i];
        const uint64_t bytes = dc__layer_bytes(cost, push);
        if (bytes > 0) {
            sent[n] = sent_s;
            computed[n] = computed_s;
            layer[n++] = i;
            /* A layer larger than a frame pays for its further frames in every cut. */
            uint64_t further = (bytes - 1) / frame_bytes;
            sent_s += (double)bytes / rate_Bps + (double)further * profile->overhead_s;
        }
        computed_s += push ? cost->bc_s : cost->fc_s;
    }
    sent[n] = sent_s;
    computed[n] = computed_s;
    *items = (dc__items){n, layer, sent, computed, profile->overhead_s};
    return DC_OK;
}

void dc__items_free(dc__items *items)
{
    free(items->sent_s);
    free(items->layer);
    *items = (dc__items){0};
}

/* Wang et al. (AAAI 2019) take batches greedily: as much communication as the computation at hand hides. In
 * our terms, and precisely: a segment takes one item, and further items as long as its whole transmission
 * (overhead included) takes no longer than the computation of the segment before it. Before the first segment
 * stands the computation of the leading layers without bytes, usually none, so the first is one item. The
 * rule compares durations only; it does not look at waiting that has built up. */
int dc__cut_greedy(const dc__items *items, int *cut)
{
    int segments = 0;
    double hides_s = items->computed_s[0];
    for (int done = 0; done < items->n; segments++) {
        int end = done + 1;
        while (end < items->n && items->overhead_s + items->sent_s[end + 1] - items->sent_s[done] <= hides_s)
            end++;
        hides_s = items->computed_s[end] - items->computed_s[done];
        cut[segments] = done = end;
    }
    return segments;
}

/* Cut of items to last layers of segments, in layer order. last has room for every layer. */
static int last_layers(const dc__items *items, const int *cut, int segments, int n_layers, int *last)
{
    int n = 0;
    if (items->n == 0 || items->layer[0] > 0) last[n++] = items->n ? items->layer[0] - 1 : n_layers - 1;
    for (int k = 0; k < segments; k++)
        last[n++] = cut[k] < items->n ? items->layer[cut[k]] - 1 : n_layers - 1;
    return n;
}

static int cut_groups(const dc_profile *profile, int groups, int *last)
{
    int items = 0, n = 0;
    for (int i = 0; i < profile->n_layers; i++)
        items += dc__layer_extent(&profile->layers[i]) > 0;
    for (int i = 0, item = 0, group = 0; i < profile->n_layers; i++) {
        if (dc__layer_extent(&profile->layers[i]) == 0) continue;
        const int to = (int)((int64_t)item++ * groups / items);
        if (to > group && i > 0) last[n++] = i - 1;
        group = to;
    }
    last[n++] = profile->n_layers - 1;
    return n;
}

static dc_error cut_half(const dc_profile *profile, dc_strategy strategy, bool push, int groups, int *last,
                         int *n)
{
    if (strategy == DC_LAYERWISE || (strategy == DC_DUPLEX && push && groups == 0)) {
        for (int i = 0; i < profile->n_layers; i++)
            last[i] = i;
        *n = profile->n_layers;
        return DC_OK;
    }
    if (strategy == DC_DUPLEX && push) {
        *n = cut_groups(profile, groups, last);
        return DC_OK;
    }
    if (strategy == DC_SEQUENTIAL || strategy == DC_DUPLEX) {
        last[0] = profile->n_layers - 1;
        *n = 1;
        return DC_OK;
    }
    dc__items items;
    dc_error err = dc__items_make(&items, profile, push);
    if (err) return err;
    size_t room = (size_t)items.n + 1;
    int *cut = malloc(room * sizeof *cut);
    double *row = malloc(2 * room * sizeof *row);
    if (cut && row) {
        int segments =
            strategy == DC_IBATCH ? dc__cut_greedy(&items, cut) : dc__cut_optimal(&items, cut, row, NULL);
        *n = last_layers(&items, cut, segments, profile->n_layers, last);
    } else {
        err = dc__fail(DC_ENOMEM, "out of memory for a plan of %d layers", profile->n_layers);
    }
    free(row);
    free(cut);
    dc__items_free(&items);
    return err;
}

dc_error dc__plan_cut(dc_plan *plan, const dc_profile *profile, dc_strategy strategy, int groups)
{
    dc_error err = cut_half(profile, strategy, false, groups, plan->pull_end, &plan->n_pull);
    if (err) return err;
    err = cut_half(profile, strategy, true, groups, plan->push_end, &plan->n_push);
    if (err) return err;
    /* In layer order the push segments are known by their last layers; in push order by their first ones. */
    int *end = plan->push_end, m = plan->n_push;
    for (int k = m - 1; k > 0; k--)
        end[k] = end[k - 1] + 1;
    end[0] = 0;
    for (int a = 0, b = m - 1; a < b; a++, b--) {
        int swap = end[a];
        end[a] = end[b];
        end[b] = swap;
    }
    plan->strategy = strategy;
    return DC_OK;
}
