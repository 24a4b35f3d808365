/* clock.h - the one clock that durations are measured with. */
#ifndef DC__CLOCK_H
#define DC__CLOCK_H

#include <stdint.h>

/* dc__now_ns - nanoseconds of the monotonic clock; only differences mean anything. Any thread. */
int64_t dc__now_ns(void);

/* dc__seconds - a difference of two dc__now_ns as seconds. */
static inline double dc__seconds(int64_t ns)
{
    return (double)ns * 1e-9;
}

#endif
