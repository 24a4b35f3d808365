/* meter.h - what a link delivers and what it costs, from frames that travel anyway.
 *
 * DESIGN
 *   Goodput is measured where frames arrive. A frame that was ready when the one before it left (DC__BUSY)
 * came as fast as the link allowed: the time between the two is its transmission. The meter is the bytes of
 * such frames over their time, old ones weighted down by the bytes that came since, so that one round's worth
 * of bytes replaces most of what was known. Sums, not a mean of quotients: a late wake-up of the receiver is
 * made good by the frames that waited behind it, a shaper's burst or TCP's slow start count for the bytes
 * they carry.
 * A second, shorter pair of sums stands guard: when it is far from the long one the link has changed, and
 * what was known is dropped at once.
 *
 *   The fixed cost of a frame is the least that the sender's thread spent on a small one lately, and the
 * round trip the least of some recent answers that met an idle link: whatever is added to either is waiting,
 * which the simulator accounts for itself. */
#ifndef DC__METER_H
#define DC__METER_H

#include <stdbool.h>
#include <stdint.h>

typedef struct dc__sums {
    double bytes, seconds; /* over busy frames, decayed */
} dc__sums;

typedef struct dc__meter {
    int64_t last_ns;
    dc__sums known, lately;
    double memory_bytes; /* how many bytes it takes to forget; 0 = DC__METER_MEMORY_BYTES */
} dc__meter;

#define DC__METER_MEMORY_BYTES 1e6
#define DC__METER_LATELY 0.125          /* of the memory, */
#define DC__METER_LATELY_BYTES 262144.0 /* but more than any shaper lets through at once */
#define DC__METER_CREDIBLE 8.0          /* one frame counts as so much faster or slower at most */
#define DC__METER_CHANGED 1.5           /* so many times faster or slower is another link */
#define DC__METER_ENOUGH_BYTES 32768.0

/* dc__meter_frame - a frame of n bytes has arrived at now_ns. */
void dc__meter_frame(dc__meter *meter, int64_t now_ns, uint64_t n, bool busy);

/* dc__meter_Bps - goodput in bytes per second; 0 before there is enough. */
double dc__meter_Bps(const dc__meter *meter);

/* The least of the last DC__LEAST_OF to 2 DC__LEAST_OF samples. Zeroed = none yet. */
#define DC__LEAST_OF 16
typedef struct dc__least {
    double before, now;
    int n_before, n_now;
} dc__least;

void dc__least_add(dc__least *least, double sample);
double dc__least_get(const dc__least *least); /* 0 = no sample yet */

#endif
