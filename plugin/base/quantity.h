/* quantity.h - numbers, with units and without, as command lines take them. Each: DC_EINVAL with a line that
 * names option (as messages call it), the text, and what is allowed. */
#ifndef DC__QUANTITY_H
#define DC__QUANTITY_H

#include "dynacomm.h"

/* dc__parse_rate - bytes per second from "100mbit", "1.5gbit", "20kbit", "800bit" (powers of 1000, bits per
 * second; "/s" may follow) or "12.5mb/s", "1gb/s", "100kb/s" (bytes). Case does not matter. option names the
 * option in the line of a DC_EINVAL. */
dc_error dc__parse_rate(const char *option, const char *text, double *Bps);

/* dc__parse_time - seconds from "10ms", "250us", "1.5s", "0"; a unit is needed unless the number is 0. */
dc_error dc__parse_time(const char *option, const char *text, double *seconds);

/* dc__parse_whole - a whole number from least to most, of decimal digits only: no sign, blank, point or
 * exponent. dc__parse_integer - the same as an int; 0 <= least. */
dc_error dc__parse_whole(const char *option, const char *text, uint64_t least, uint64_t most,
                         uint64_t *value);
dc_error dc__parse_integer(const char *option, const char *text, int least, int most, int *value);

/* dc__parse_number - a decimal number from low to high; above_low: low itself is out. */
dc_error dc__parse_number(const char *option, const char *text, double low, double high, bool above_low,
                          double *value);

/* dc__parse_every - rounds ("100"), a time ("30s", "500ms") or both ("100,30s"); "0": never, if that may be. */
dc_error dc__parse_every(const char *option, const char *text, bool never, dc_every *every);

#endif
