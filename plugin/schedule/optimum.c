/* optimum.c - the least time for one half of a round (Cai et al., arXiv 2101.07968), in O(n^2).
 *
 * DESIGN
 *   Items 1..n; P[i], C[i] = transmission and computation time of the first i. Segment l of a cut ends at
 * item e_l and has arrived at l*D + P[e_l]; its computation, C[e_l] - C[e_(l-1)], starts then, or when the
 * previous segment's is done. The paper minimises F, the end of the last one: F[k][i] = min over j<i of
 * max(F[k-1][j], k*D + P[i]) + C[i] - C[j]. Computation is the same for all cuts, so look at the idle time in
 * front of it instead, G = F - C: G[k][i] = min over j<i of max(G[k-1][j], k*D + P[i] - C[j]),       G[0][0]
 * = 0, a path whose largest edge is to be least. Let H[k][i] be the least idle time of the first i items with
 * at most k segments. Then H[k][i] = min(H[k-1][i], min over j<i of max(H[k-1][j], k*D + P[i] - C[j])), for
 * an edge that is charged k*D where fewer segments came before it only overstates a cut that has its true
 * value elsewhere in the minimum.
 *   H does not fall with i: take a best cut of the first i items and drop item i. Its segment arrives no
 * later without it, or disappears, which moves no other. And k*D + P[i] - C[j] does not rise with j. So the
 * inner maximum falls, then rises, with j; the least of it is at p, the first j with H[k-1][j] >= k*D + P[i]
 * - C[j], or right before p. When i grows, the edge grows, so p only moves on: a pointer, O(n) per row. A row
 * equal to the one before it is a fixed point, since later rows only charge more: the search ends. It also
 * ends when one more segment's last edge alone could not beat the best. The cut needs no table of choices.
 * Given the least idle time T, take each segment as far as l*D + P[e] - C[e_(l-1)] <= T allows: by the same
 * monotony, no cut with idle time <= T is further after l segments, so this one ends with the fewest.
 * Rounding cannot spoil it: both passes evaluate the same expression, and rounded addition is monotone too.
 * Memory: two rows. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "schedule/segments.h"

/* What segment number l may arrive at, for items up to i, less the computation before item j. */
static double edge(const dc__items *s, int l, int i, int j)
{
    return (double)l * s->overhead_s + s->sent_s[i] - s->computed_s[j];
}

static double least_idle(const dc__items *s, double *row, uint64_t *steps)
{
    int n = s->n;
    double *before = row, *now = row + n + 1;
    before[0] = 0.0;
    for (int i = 1; i <= n; i++)
        before[i] = INFINITY;
    for (int k = 1; k <= n; k++) {
        if (edge(s, k, n, n - 1) >= before[n]) break;
        /* Fewer than k items have no k segments, and the last of k starts after k-1 items or more. */
        memcpy(now, before, (size_t)k * sizeof *now);
        int p = k - 1;
        for (int i = k; i <= n; i++) {
            while (p < i && before[p] < edge(s, k, i, p)) {
                p++;
                ++*steps;
            }
            double best = before[i];
            if (p < i && before[p] < best) best = before[p];
            if (p >= k && edge(s, k, i, p - 1) < best) best = edge(s, k, i, p - 1);
            now[i] = best;
            ++*steps;
        }
        if (memcmp(now, before, ((size_t)n + 1) * sizeof *now) == 0) break;
        double *swap = before;
        before = now;
        now = swap;
    }
    return before[n];
}

int dc__cut_optimal(const dc__items *items, int *cut, double *row, uint64_t *steps)
{
    uint64_t ignored = 0;
    if (!steps) steps = &ignored;
    *steps = 0;
    if (items->n == 0) return 0;
    double idle = least_idle(items, row, steps);
    int segments = 0;
    for (int done = 0; done < items->n; segments++) {
        int end = done;
        while (end < items->n && edge(items, segments + 1, end + 1, done) <= idle) {
            end++;
            ++*steps;
        }
        dc__assert(end > done);
        cut[segments] = done = end;
    }
    return segments;
}
