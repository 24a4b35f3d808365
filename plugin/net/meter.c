#include "net/meter.h"

#include "core/clock.h"

#define KEEP 0.98 /* weight of the past per frame: about the last 50 count */
#define ENOUGH_FRAMES 2.0
#define ENOUGH_BYTES 32768.0

void dc__meter_frame(dc__meter *meter, int64_t now_ns, uint64_t n, bool busy)
{
    if (busy && meter->last_ns) {
        const double b = (double)n, t = dc__seconds(now_ns - meter->last_ns);
        meter->n = KEEP * meter->n + 1;
        meter->bytes = KEEP * meter->bytes + b;
        meter->seconds = KEEP * meter->seconds + t;
        meter->bytes2 = KEEP * meter->bytes2 + b * b;
        meter->bytes_seconds = KEEP * meter->bytes_seconds + b * t;
    }
    meter->last_ns = now_ns;
}

bool dc__meter_read(const dc__meter *meter, double *goodput_Bps, double *overhead_s)
{
    if (meter->n < ENOUGH_FRAMES || meter->bytes < ENOUGH_BYTES || meter->seconds <= 0) return false;
    const double mean_b = meter->bytes / meter->n, mean_t = meter->seconds / meter->n;
    const double spread = meter->bytes2 / meter->n - mean_b * mean_b;
    *overhead_s = 0;
    /* Without frames of different sizes there is one unknown too many: all of the time counts as goodput. */
    if (spread > 0.01 * mean_b * mean_b) {
        double slope = (meter->bytes_seconds / meter->n - mean_b * mean_t) / spread;
        double overhead = mean_t - slope * mean_b;
        if (slope > 0 && overhead > 0) *overhead_s = overhead < 0.5 * mean_t ? overhead : 0.5 * mean_t;
    }
    *goodput_Bps = mean_b / (mean_t - *overhead_s);
    return true;
}
