#include "server/balance.h"

#include <math.h>

static double time_of(const dc__load *load, uint32_t parts)
{
    return load->fixed_s + load->part_s * parts;
}

/* One part after another to whoever is done with it first: no other way ends earlier, as a part more never makes anybody
 * faster. */
void dc__balance(const dc__load *loads, int n, uint64_t all, uint32_t *parts)
{
    for (int i = 0; i < n; i++)
        parts[i] = 1;
    for (uint64_t given = (uint64_t)n; given < all; given++) {
        int best = 0;
        for (int i = 1; i < n; i++)
            if (time_of(&loads[i], parts[i] + 1) < time_of(&loads[best], parts[best] + 1)) best = i;
        parts[best]++;
    }
}

double dc__balance_s(const dc__load *loads, int n, const uint32_t *parts)
{
    double slowest = 0;
    for (int i = 0; i < n; i++)
        slowest = fmax(slowest, time_of(&loads[i], parts ? parts[i] : loads[i].parts));
    return slowest;
}
