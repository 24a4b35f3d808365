#include "net/meter.h"

#include <math.h>

#include "base/clock.h"

static void add(dc__sums *sums, double bytes, double seconds, double memory_bytes)
{
    const double keep = exp(-bytes / memory_bytes);
    sums->bytes = keep * sums->bytes + bytes;
    sums->seconds = keep * sums->seconds + seconds;
}

/* A receiver that had to wait for a processor sees one frame late, or the next ones all at once. Where those
 * that make up for it are not busy themselves, one such moment must not outweigh all the others. */
static double credible(const dc__sums *known, double bytes, double seconds)
{
    if (known->bytes < DC__METER_ENOUGH_BYTES || known->seconds <= 0) return seconds;
    const double expected = bytes * known->seconds / known->bytes;
    return fmax(expected / DC__METER_CREDIBLE, fmin(expected * DC__METER_CREDIBLE, seconds));
}

void dc__meter_frame(dc__meter *meter, int64_t now_ns, uint64_t n, bool busy)
{
    if (busy && meter->last_ns) {
        const double memory = meter->memory_bytes > 0 ? meter->memory_bytes : DC__METER_MEMORY_BYTES;
        const double lately = fmax(DC__METER_LATELY * memory, DC__METER_LATELY_BYTES);
        const double seconds = credible(&meter->known, (double)n, dc__seconds(now_ns - meter->last_ns));
        add(&meter->known, (double)n, seconds, memory);
        add(&meter->lately, (double)n, seconds, lately);
        const dc__sums *a = &meter->known, *b = &meter->lately;
        /* Rates a and b as products: no division by a time that may be 0. */
        const double ab = a->bytes * b->seconds, ba = b->bytes * a->seconds;
        const bool changed = ab > DC__METER_CHANGED * ba || ba > DC__METER_CHANGED * ab;
        if (changed && b->bytes > 0.6 * lately) {
            meter->known = meter->lately;
            meter->lately = (dc__sums){0}; /* it may hold some of the old link: the next look is free of it */
        }
    }
    meter->last_ns = now_ns;
}

double dc__meter_Bps(const dc__meter *meter)
{
    if (meter->known.bytes < DC__METER_ENOUGH_BYTES || meter->known.seconds <= 0) return 0;
    return meter->known.bytes / meter->known.seconds;
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
