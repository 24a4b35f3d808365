/* clock.h - the one clock that durations are measured with. */
#ifndef DC__CLOCK_H
#define DC__CLOCK_H

#include <pthread.h>
#include <stdint.h>

/* dc__now_ns - nanoseconds of the monotonic clock; only differences mean anything. Any thread. */
int64_t dc__now_ns(void);

/* dc__condition_init - a condition variable for dc__wait_until; it keeps to this clock, so that setting the
 * machine's time (which small machines do after boot) holds nothing up. dc__wait_until - waits on it, with
 * lock held, until it is signalled or dc__now_ns reaches until_ns. */
void dc__condition_init(pthread_cond_t *condition);
void dc__wait_until(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t until_ns);

/* dc__seconds - a difference of two dc__now_ns as seconds. */
static inline double dc__seconds(int64_t ns)
{
    return (double)ns * 1e-9;
}

#endif
