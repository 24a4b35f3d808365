/* lookup.h - the addresses of a server's name, found on a thread of its own: that may take long. */
#ifndef DC__LOOKUP_H
#define DC__LOOKUP_H

#include "net/tcp.h"

typedef struct dc__lookup dc__lookup;

/* dc__lookup_start - NULL if it cannot. dc__lookup_fd - readable once it is over. dc__lookup_take - then: the
 * addresses, how many; -1 while it is not over. dc__lookup_drop - its thread is left alone; NULL is allowed. */
dc__lookup *dc__lookup_start(const dc__address *address);
int dc__lookup_fd(const dc__lookup *lookup);
int dc__lookup_take(dc__lookup *lookup, dc__sockaddr out[DC__SOCKADDRS]);
void dc__lookup_drop(dc__lookup *lookup);

#endif
