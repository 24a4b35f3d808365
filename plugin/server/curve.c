#include "server/curve.h"

#include <math.h>
#include <string.h>

/* Takes point k of the curve into point to. */
static void merge(dc__curve *c, int to, int k)
{
    dc_curve_point *a = &c->points[to];
    const dc_curve_point *b = &c->points[k];
    const double weight = c->weight[to] + c->weight[k];
    a->mean += (b->mean - a->mean) * (c->weight[k] / weight);
    a->least = fmin(a->least, b->least);
    a->most = fmax(a->most, b->most);
    a->elapsed_s = fmax(a->elapsed_s, b->elapsed_s);
    c->weight[to] = weight;
}

static void widen(dc__curve *c)
{
    int n = 0;
    c->width *= 2;
    for (int k = 0; k < c->n; k++) {
        c->points[k].round -= c->points[k].round % c->width;
        if (n > 0 && c->points[n - 1].round == c->points[k].round) {
            merge(c, n - 1, k);
        } else {
            c->points[n] = c->points[k];
            c->weight[n++] = c->weight[k];
        }
    }
    c->n = n;
}

void dc__curve_add(dc__curve *c, uint64_t round, double elapsed_s, double value, double weight)
{
    if (c->width == 0) c->width = 1;
    while (c->n == DC_CURVE_POINTS)
        widen(c);
    round -= round % c->width;
    int at = c->n; /* nearly always near the end */
    while (at > 0 && c->points[at - 1].round > round)
        at--;
    const bool known = at > 0 && c->points[at - 1].round == round;
    const size_t after = (size_t)(c->n - at);
    memmove(c->points + at + 1, c->points + at, after * sizeof *c->points);
    memmove(c->weight + at + 1, c->weight + at, after * sizeof *c->weight);
    c->points[at] = (dc_curve_point){round, elapsed_s, value, value, value};
    c->weight[at] = weight;
    c->n++;
    if (!known) return;
    merge(c, at - 1, at);
    memmove(c->points + at, c->points + at + 1, after * sizeof *c->points);
    memmove(c->weight + at, c->weight + at + 1, after * sizeof *c->weight);
    c->n--;
}
