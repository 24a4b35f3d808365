/* dynacomm_bounds.h - what a server does about gradients that are wrong, by accident or on purpose. For dynacomm.h. */
#ifndef DYNACOMM_BOUNDS_H
#define DYNACOMM_BOUNDS_H

/* A gradient, or rolling statistics, that are not finite (infinite or not a number) are never summed. Besides,
 *   drop   the worker's gradients of that round count nowhere from there on; blocks that were applied before it came
 *          stay, as they do for a worker that is lost. The third such round in a row expels the worker
 *   expel  the worker is out at once, as if it had been lost
 *   stop   the run ends; the last whole round is in the backup */
#define DC_BAD_VALUES "drop|expel|stop"
typedef enum dc_bad_value { DC_BAD_DROP, DC_BAD_EXPEL, DC_BAD_STOP } dc_bad_value;

#define DC_TRIM_MEDIAN (-1)

/* Against workers whose gradients are numbers, but lies. All zero: none of it, and nothing costs anything. */
typedef struct dc_bounds {
    dc_bad_value on_bad_value;
    /* 0: the mean over workers. K: coordinate by coordinate the mean without the K smallest and the K largest (Yin et al.,
     * Byzantine-Robust Distributed Learning, ICML 2018). DC_TRIM_MEDIAN: the coordinate-wise median. For 3 workers or
     * more; where fewer than 2 K + 1 gradients count, the median of them. */
    int trim;
    /* 0: none. Else a worker's gradient of a layer is scaled down to at most so many times the median of all workers'
     * norms of that layer in the 16 rounds before. */
    double clip_norm;
} dc_bounds;

#endif
