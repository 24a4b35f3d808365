/* anchors.c - see anchors.h. The first centres are drawn
 * as k-means++ does (Arthur and Vassilvitskii, 2007). */
#include "detect/anchors.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { RUNS = 10, MOST_ITERATIONS = 1000 };

static float overlap(dk_size a, dk_size b)
{
    const float w = a.w < b.w ? a.w : b.w, h = a.h < b.h ? a.h : b.h, both = w * h;
    return both / (a.w * a.h + b.w * b.h - both);
}

static int nearest(dk_size size, const dk_size *anchor, int k, float *iou)
{
    int best = 0;
    *iou = -1;
    for (int j = 0; j < k; j++) {
        const float here = overlap(size, anchor[j]);
        if (here > *iou) {
            *iou = here;
            best = j;
        }
    }
    return best;
}

double dk_anchors_fit(const dk_size *size, int n, const dk_size *anchor, int k)
{
    double sum = 0;
    for (int i = 0; i < n; i++) {
        float iou;
        (void)nearest(size[i], anchor, k, &iou);
        sum += (double)iou;
    }
    return n > 0 ? sum / n : 0;
}

/* A number from 0 to 1, 1 excluded (splitmix64). */
static double draw(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

/* k different sizes, far from each other; false if there are none. far: room for n. */
static bool begin(const dk_size *size, int n, dk_size *anchor, int k, double *far, uint64_t *state)
{
    anchor[0] = size[(int)(draw(state) * n)];
    for (int j = 1; j < k; j++) {
        double sum = 0;
        for (int i = 0; i < n; i++) {
            float iou;
            (void)nearest(size[i], anchor, j, &iou);
            const double d = iou < 1 ? 1 - (double)iou : 0;
            sum += far[i] = d * d;
        }
        if (sum <= 0) return false;
        double at = draw(state) * sum;
        int i = 0, last = -1; /* last: a size that may be taken, if rounding carries past the end */
        for (; i < n; i++) {
            if (far[i] <= 0) continue;
            last = i;
            at -= far[i];
            if (at < 0) break;
        }
        anchor[j] = size[i < n ? i : last];
    }
    return true;
}

/* Lloyd's iterations; returns how many. of: room for n. A centre without sizes stays where it is. */
static int settle(const dk_size *size, int n, dk_size *anchor, int k, int *of, double (*sum)[3])
{
    for (int i = 0; i < n; i++)
        of[i] = -1;
    for (int iteration = 0; iteration < MOST_ITERATIONS; iteration++) {
        bool moved = false;
        memset(sum, 0, (size_t)k * sizeof *sum);
        for (int i = 0; i < n; i++) {
            float iou;
            const int j = nearest(size[i], anchor, k, &iou);
            moved |= j != of[i];
            of[i] = j;
            sum[j][0] += (double)size[i].w;
            sum[j][1] += (double)size[i].h;
            sum[j][2]++;
        }
        if (!moved) return iteration;
        for (int j = 0; j < k; j++)
            if (sum[j][2] > 0)
                anchor[j] = (dk_size){(float)(sum[j][0] / sum[j][2]), (float)(sum[j][1] / sum[j][2])};
    }
    return MOST_ITERATIONS;
}

static int by_area(const void *a, const void *b)
{
    const dk_size *x = a, *y = b;
    const float s = x->w * x->h, t = y->w * y->h;
    return (s > t) - (s < t);
}

int dk_anchors_find(const dk_size *size, int n, dk_size *anchor, int k, uint64_t seed)
{
    double *far = malloc((size_t)n * sizeof *far), best = -1;
    int *of = malloc((size_t)n * sizeof *of), iterations = -1;
    double(*sum)[3] = malloc((size_t)k * sizeof *sum);
    dk_size *trial = malloc((size_t)k * sizeof *trial);
    for (int run = 0; run < RUNS && far && of && sum && trial; run++) {
        if (!begin(size, n, trial, k, far, &seed)) break;
        const int took = settle(size, n, trial, k, of, sum);
        const double fit = dk_anchors_fit(size, n, trial, k);
        if (fit <= best) continue;
        best = fit;
        iterations = took;
        memcpy(anchor, trial, (size_t)k * sizeof *anchor);
    }
    if (iterations >= 0) qsort(anchor, (size_t)k, sizeof *anchor, by_area);
    free(far);
    free(of);
    free(sum);
    free(trial);
    return iterations;
}
