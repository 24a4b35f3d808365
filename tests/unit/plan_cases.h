/* plan_cases.h - random scheduling problems for the planner's tests; the same ones in every run. */
#ifndef PLAN_CASES_H
#define PLAN_CASES_H

#include <stdint.h>

#include "dynacomm_plan.h"

#define CASE_LAYERS 12

/* splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014) */
static inline uint64_t case_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static inline int case_below(uint64_t *state, int n)
{
    return (int)(case_random(state) % (uint64_t)n);
}

/* All times and bytes are whole numbers and the rates 1 byte/s, so that every sum of them is exact and
 * results can be compared with ==. Shapes: free, equal costs, mostly zero costs, many layers without bytes,
 * one huge layer; overhead 0, small, or larger than everything else. */
static inline dc_profile case_make(uint64_t seed, dc_layer_cost layers[CASE_LAYERS])
{
    uint64_t s = seed * 0x2545f4914f6cdd1du + 1;
    int n = 1 + case_below(&s, CASE_LAYERS), shape = case_below(&s, 6);
    int scale_bytes = 1 + case_below(&s, 40), scale_s = 1 + case_below(&s, 40);
    int equal_bytes = case_below(&s, 20), equal_fc = case_below(&s, 20), equal_bc = case_below(&s, 20);
    for (int i = 0; i < n; i++) {
        int bytes = case_below(&s, scale_bytes + 1), fc = case_below(&s, scale_s + 1),
            bc = case_below(&s, scale_s + 1);
        if (shape == 1) bytes = equal_bytes, fc = equal_fc, bc = equal_bc;
        if (shape == 2 && case_below(&s, 3)) fc = bc = 0;
        if (shape == 3 && case_below(&s, 2)) bytes = 0;
        if (shape == 4 && i == n / 2) bytes += 1000;
        layers[i] = (dc_layer_cost){fc, bc, (uint64_t)bytes, (uint64_t)bytes};
    }
    static const int overheads[] = {0, 0, 1, 2, 5, 20, 100, 100000};
    return (dc_profile){.n_layers = n,
                        .layers = layers,
                        .middle_s = case_below(&s, 3),
                        .down_Bps = 1,
                        .up_Bps = 1,
                        .overhead_s = overheads[case_below(&s, 8)],
                        .rtt_s = 0,
                        .workers = 1};
}

/* The two halves by their definition, for any cut: bit i of cut = a segment ends after layer i (in layer
 * order). Returns the end of the half; *sent counts the segments that carry bytes. */
static inline double case_pull_s(const dc_profile *p, unsigned cut, int *sent)
{
    double link_s = 0, computed_s = 0;
    *sent = 0;
    for (int first = 0; first < p->n_layers;) {
        int last = first;
        while (last < p->n_layers - 1 && !(cut >> last & 1))
            last++;
        double bytes = 0, fc_s = 0;
        for (int i = first; i <= last; i++) {
            bytes += (double)p->layers[i].down_bytes;
            fc_s += p->layers[i].fc_s;
        }
        if (bytes > 0) {
            link_s += p->overhead_s + bytes / p->down_Bps;
            ++*sent;
            if (link_s > computed_s) computed_s = link_s;
        }
        computed_s += fc_s;
        first = last + 1;
    }
    return computed_s;
}

static inline double case_push_s(const dc_profile *p, unsigned cut, int *sent)
{
    double link_s = 0, computed_s = 0;
    *sent = 0;
    for (int last = p->n_layers - 1; last >= 0;) {
        int first = last;
        while (first > 0 && !(cut >> (first - 1) & 1))
            first--;
        double bytes = 0;
        for (int i = first; i <= last; i++) {
            bytes += (double)p->layers[i].up_bytes;
            computed_s += p->layers[i].bc_s;
        }
        if (bytes > 0) {
            link_s = (link_s > computed_s ? link_s : computed_s) + p->overhead_s + bytes / p->up_Bps;
            ++*sent;
        }
        last = first - 1;
    }
    return link_s > computed_s ? link_s : computed_s;
}

/* A plan's segments as such a cut. */
static inline unsigned case_cut_of(const dc_plan *plan, bool push)
{
    unsigned cut = 0;
    if (push) {
        for (int k = 0; k < plan->n_push; k++)
            if (plan->push_end[k] > 0) cut |= 1u << (plan->push_end[k] - 1);
    } else {
        for (int k = 0; k < plan->n_pull; k++)
            if (plan->pull_end[k] < plan->n_layers - 1) cut |= 1u << plan->pull_end[k];
    }
    return cut;
}

#endif
