/* limits.h - sizes that both the planner and the wire go by. */
#ifndef DC__LIMITS_H
#define DC__LIMITS_H

#define DC__MAX_SLICE_BYTES (1u << 20) /* largest payload of encoded floats in one frame */

#endif
