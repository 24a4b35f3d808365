#include "server/curve.h"

#include <math.h>
#include <string.h>

static void merge(dc_curve_point *a, double *weight, const dc_curve_point *b, double b_weight)
{
    *weight += b_weight;
    a->mean += (b->mean - a->mean) * (b_weight / *weight);
    a->least = fmin(a->least, b->least);
    a->most = fmax(a->most, b->most);
    a->elapsed_s = fmax(a->elapsed_s, b->elapsed_s);
}

static void widen(dc__curve *c)
{
    int n = 0;
    c->width *= 2;
    for (int k = 0; k < c->n; k++) {
        c->points[k].round -= c->points[k].round % c->width;
        if (n > 0 && c->points[n - 1].round == c->points[k].round) {
            merge(&c->points[n - 1], &c->weight[n - 1], &c->points[k], c->weight[k]);
        } else {
            c->points[n] = c->points[k];
            c->weight[n++] = c->weight[k];
        }
    }
    c->n = n;
}

void dc__curve_add(dc__curve *c, const dc_curve_point *point)
{
    if (c->width == 0) c->width = 1;
    const uint64_t round = point->round - point->round % c->width;
    int at = c->n; /* where it belongs: nearly always near the end */
    while (at > 0 && c->points[at - 1].round > round)
        at--;
    const bool known = at > 0 && c->points[at - 1].round == round;
    if (!known && c->n == DC_CURVE_POINTS) {
        widen(c);
        dc__curve_add(c, point); /* there is room now, unless nothing merged: then once more */
        return;
    }
    if (known && c->width == 1) {
        c->points[at - 1] = *point;
        return;
    }
    const size_t after = (size_t)(c->n - at);
    if (!known) {
        memmove(c->points + at + 1, c->points + at, after * sizeof *c->points);
        memmove(c->weight + at + 1, c->weight + at, after * sizeof *c->weight);
        c->points[at] = *point;
        c->points[at].round = round;
        c->weight[at] = 1;
        c->n++;
        return;
    }
    merge(&c->points[at - 1], &c->weight[at - 1], point, 1);
}
