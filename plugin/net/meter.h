/* meter.h - what a link delivers, measured where frames arrive.
 *
 * A frame that was already waiting when the one before it left (DC__BUSY) arrives exactly one transmission
 * later: the time between the two is overhead + bytes / goodput. The meter fits that line over recent frames,
 * weighting old ones down. Frames after a pause say nothing about the link and only restart the clock. */
#ifndef DC__METER_H
#define DC__METER_H

#include <stdbool.h>
#include <stdint.h>

typedef struct dc__meter {
    int64_t last_ns;
    double n, bytes, seconds, bytes2, bytes_seconds; /* decayed sums over busy frames */
} dc__meter;

/* dc__meter_frame - a frame of n bytes has arrived at now_ns. */
void dc__meter_frame(dc__meter *meter, int64_t now_ns, uint64_t n, bool busy);

/* dc__meter_read - goodput (bytes per second) and fixed cost of a frame (seconds); false before there is
 * enough. */
bool dc__meter_read(const dc__meter *meter, double *goodput_Bps, double *overhead_s);

#endif
