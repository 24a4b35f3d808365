/* robust.c - see robust.h. Tiles of all gradients are sorted as far as needed by exchanging neighbours: those kept in the
 * middle are the same whatever the order at the beginning. An exchange is a minimum and a maximum of
 * whole vectors. */
#include "server/robust.h"

#include <stdio.h>
#include <string.h>

#define TILE 64

int dc__robust_kept(int n, int trim)
{
    const int middle = (n - 1) / 2;
    return n - 2 * (trim < 0 || trim > middle ? middle : trim);
}

static void exchange(size_t n, float *restrict low, float *restrict high)
{
    for (size_t i = 0; i < n; i++) {
        const float a = low[i], b = high[i];
        low[i] = a < b ? a : b;
        high[i] = a < b ? b : a;
    }
}

/* Ascending in every coordinate. */
static void sort(float lane[][TILE], int members, size_t n)
{
    for (int end = members - 1; end > 0; end--)
        for (int k = 0; k < end; k++)
            exchange(n, lane[k], lane[k + 1]);
}

void dc__robust_sum(const dc__addends *a, int trim, size_t n, const float *start, float *sum)
{
    float lane[DC__CREW_MOST][TILE];
    const int kept = dc__robust_kept(a->n, trim), first = (a->n - kept) / 2;
    for (size_t at = 0; at < n; at += TILE) {
        const size_t m = n - at < TILE ? n - at : TILE;
        for (int k = 0; k < a->n; k++)
            memcpy(lane[k], (const float *)a->data[k] + at, m * sizeof(float));
        sort(lane, a->n, m);
        if (start)
            dc__add_to(m, sum + at, start + at, lane[first]);
        else
            memcpy(sum + at, lane[first], m * sizeof(float));
        for (int k = first + 1; k < first + kept; k++)
            dc__add(m, sum + at, lane[k]);
    }
}

void dc__bounds_text(const dc_bounds *b, char *text, size_t size)
{
    char how[48] = "", clip[40] = "";
    if (b->trim < 0) (void)snprintf(how, sizeof how, "aggregate=median");
    if (b->trim > 0) (void)snprintf(how, sizeof how, "aggregate=trimmed-mean:%d", b->trim);
    if (b->clip_norm > 0)
        (void)snprintf(clip, sizeof clip, "%sclip-norm=%.9g", how[0] ? ", " : "", b->clip_norm);
    (void)snprintf(text, size, "%s%s", how, clip);
}
