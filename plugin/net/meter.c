#include "net/meter.h"

#include <math.h>

#include "core/clock.h"

void dc__meter_frame(dc__meter *meter, int64_t now_ns, uint64_t n, bool busy)
{
    if (busy && meter->last_ns) {
        const double memory = meter->memory_bytes > 0 ? meter->memory_bytes : DC__METER_MEMORY_BYTES;
        const double keep = exp(-(double)n / memory);
        meter->bytes = keep * meter->bytes + (double)n;
        meter->seconds = keep * meter->seconds + dc__seconds(now_ns - meter->last_ns);
    }
    meter->last_ns = now_ns;
}

double dc__meter_Bps(const dc__meter *meter)
{
    if (meter->bytes < DC__METER_ENOUGH_BYTES || meter->seconds <= 0) return 0;
    return meter->bytes / meter->seconds;
}

void dc__least_add(dc__least *least, double sample)
{
    if (least->n_now == DC__LEAST_OF) {
        least->before = least->now;
        least->n_before = least->n_now;
        least->n_now = 0;
    }
    least->now = least->n_now == 0 ? sample : fmin(least->now, sample);
    least->n_now++;
}

double dc__least_get(const dc__least *least)
{
    if (least->n_now == 0) return 0; /* every full window is followed by a sample */
    return least->n_before ? fmin(least->before, least->now) : least->now;
}
