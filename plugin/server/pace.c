#include "server/pace.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"

dc_error dc__pace_init(dc__pace *p, int slots)
{
    pthread_mutex_init(&p->lock, NULL);
    p->slots = slots;
    p->shown.slot = p->seen = -1;
    p->done_ns = calloc((size_t)slots, sizeof *p->done_ns);
    return p->done_ns ? DC_OK : dc__fail(DC_ENOMEM, "out of memory for a server of %d workers", slots);
}

void dc__pace_destroy(dc__pace *p)
{
    if (p->slots == 0) return;
    free(p->done_ns);
    pthread_mutex_destroy(&p->lock);
}

void dc__pace_done(dc__pace *p, int slot)
{
    p->done_ns[slot] = dc__now_ns();
}

void dc__pace_round(dc__pace *p, const dc__crew *crew, int64_t began_ns, bool ahead)
{
    int64_t last = 0, before = 0;
    dc__paced round = {.slot = -1};
    for (int k = 0; k < crew->n; k++) {
        int64_t done = p->done_ns[crew->member[k].slot];
        if (done < began_ns && !ahead) return;
        if (done < began_ns) done = began_ns;
        if (done > last) {
            before = last;
            last = done;
            round.slot = crew->member[k].slot;
        } else if (done > before) {
            before = done;
        }
    }
    if (crew->n < 2) return;
    round.held_s = dc__seconds(last - before);
    round.round_s = dc__seconds(last - began_ns);
    pthread_mutex_lock(&p->lock);
    p->rounds[p->n++ % DC__PACE_ROUNDS] = round;
    pthread_mutex_unlock(&p->lock);
}

/* ---- pure ---- */

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of two in the middle the smaller one. Sorts. */
static double median(double *values, int n)
{
    if (n == 0) return 0;
    qsort(values, (size_t)n, sizeof *values, by_size);
    return values[(n - 1) / 2];
}

static int most_often_last(const dc__paced *rounds, int n)
{
    int who = -1, most = 0;
    for (int k = 0; k < n; k++) {
        int times = 0;
        for (int i = 0; i < n; i++)
            times += rounds[i].slot == rounds[k].slot;
        if (times > most) {
            most = times;
            who = rounds[k].slot;
        }
    }
    return who;
}

int dc__pace_who(const dc__paced *rounds, int n, double share, double *held_s, double *round_s)
{
    double held[DC__PACE_ROUNDS], took[DC__PACE_ROUNDS];
    const int who = most_often_last(rounds, n);
    for (int k = 0; k < n; k++) {
        held[k] = rounds[k].slot == who ? rounds[k].held_s : 0;
        took[k] = rounds[k].round_s;
    }
    *held_s = median(held, n);
    *round_s = median(took, n);
    return *held_s > 0 && *held_s >= share * *round_s ? who : -1;
}

dc_cause dc__pace_why(const dc__pace_costs *costs, int n, int who, double *own_s, double *others_s)
{
    dc_cause cause = DC_CAUSE_UNKNOWN;
    *own_s = *others_s = 0;
    for (int c = DC_CAUSE_UNKNOWN + 1; c < DC_CAUSES; c++) {
        double others[DC__CREW_MOST] = {0};
        int m = 0;
        for (int k = 0; k < n && m < DC__CREW_MOST; k++)
            if (k != who && costs[k].of[c] > 0) others[m++] = costs[k].of[c];
        const double own = costs[who].of[c], usual = median(others, m);
        if (own <= 0 || m == 0 || own - usual <= *own_s - *others_s) continue;
        cause = (dc_cause)c;
        *own_s = own;
        *others_s = usual;
    }
    return cause;
}

/* ---- the run loop's ---- */

static int place_of(const dc__pace_costs *costs, int n, int slot)
{
    for (int k = 0; k < n; k++)
        if (costs[k].slot == slot) return k;
    return -1;
}

/* Who it is by now. Whoever is shown stays until it holds up little. With the lock held. */
static dc__straggler judge(const dc__pace *p, const dc__pace_costs *costs, int n)
{
    dc__straggler s = {.slot = -1};
    if (p->n < DC__PACE_ROUNDS) return s;
    const int who = dc__pace_who(p->rounds, DC__PACE_ROUNDS, DC__PACE_LITTLE, &s.held_s, &s.round_s);
    const int at = place_of(costs, n, who);
    if (at < 0 || (who != p->shown.slot && s.held_s < DC__PACE_MUCH * s.round_s)) return s;
    s.slot = who;
    s.cause = dc__pace_why(costs, n, at, &s.own_s, &s.others_s);
    return s;
}

bool dc__pace_look(dc__pace *p, const dc__pace_costs *costs, int n, int64_t now_ns, dc__straggler *before)
{
    pthread_mutex_lock(&p->lock);
    const dc__straggler now = judge(p, costs, n);
    if (now.slot != p->seen) {
        p->seen = now.slot;
        p->since_ns = now_ns;
    }
    *before = p->shown;
    const bool lasts = dc__seconds(now_ns - p->since_ns) >= DC__PACE_SAY_S;
    const bool changed = now.slot != p->shown.slot && lasts;
    if (changed || (now.slot >= 0 && now.slot == p->shown.slot)) p->shown = now;
    pthread_mutex_unlock(&p->lock);
    return changed;
}

dc__straggler dc__pace_shown(dc__pace *p)
{
    pthread_mutex_lock(&p->lock);
    const dc__straggler shown = p->shown;
    pthread_mutex_unlock(&p->lock);
    return shown;
}
