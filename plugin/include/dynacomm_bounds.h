/* dynacomm_bounds.h - what a server does about gradients that are wrong. Included by dynacomm.h. */
#ifndef DYNACOMM_BOUNDS_H
#define DYNACOMM_BOUNDS_H

/* A gradient, or rolling statistics, that are not finite (infinite or not a number) are never summed. Besides,
 *   drop   the worker's gradients of that round count nowhere from there on; blocks that were applied before it came
 *          stay, as they do for a worker that is lost. The third such round in a row expels the worker
 *   expel  the worker is out at once, as if it had been lost
 *   stop   the run ends; the last whole round is in the backup */
#define DC_BAD_VALUES "drop|expel|stop"
typedef enum dc_bad_value { DC_BAD_DROP, DC_BAD_EXPEL, DC_BAD_STOP } dc_bad_value;

#endif
