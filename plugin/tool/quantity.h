/* quantity.h - numbers with units, as options of the tool take them. */
#ifndef DC__QUANTITY_H
#define DC__QUANTITY_H

#include "dynacomm.h"

/* dc__parse_rate - bytes per second from "100mbit", "1.5gbit", "20kbit", "800bit" (powers of 1000, bits per
 * second; "/s" may follow) or "12.5mb/s", "1gb/s", "100kb/s" (bytes). Case does not matter. option names the
 * option in the line of a DC_EINVAL. */
dc_error dc__parse_rate(const char *option, const char *text, double *Bps);

/* dc__parse_time - seconds from "10ms", "250us", "1.5s", "0"; a unit is needed unless the number is 0. */
dc_error dc__parse_time(const char *option, const char *text, double *seconds);

/* dc__parse_integer - a whole number from least to most. */
dc_error dc__parse_integer(const char *option, const char *text, int least, int most, int *value);

#endif
