/* path.h - the relays between a worker and the server, as each relay adds itself to a JOIN that it passes on. */
#ifndef DC__PATH_H
#define DC__PATH_H

#include <stdbool.h>

#include "base/bytes.h"

enum { DC__RELAYS_MOST = 8 }; /* behind one another */

typedef struct dc__behind {
    uint64_t id; /* of a relay, random; not 0 */
    int workers; /* that it was started for, whoever of them is here */
} dc__behind;

typedef struct dc__path {
    int n;
    dc__behind at[DC__RELAYS_MOST]; /* [n] from the worker to the server */
} dc__path;

void dc__path_put(dc__bytes *out, const dc__path *path);
bool dc__path_get(dc__bytes *in, dc__path *path); /* false if it makes no sense */

/* dc__path_has - the relay is in it. dc__path_add - a relay nearer to the server; false if there are too many. */
bool dc__path_has(const dc__path *path, uint64_t id);
bool dc__path_add(dc__path *path, uint64_t id, int workers);

/* dc__path_same - both have `levels` relays or more, and those nearest to the server are the same ones. */
bool dc__path_same(const dc__path *a, const dc__path *b, int levels);

/* dc__path_promised - workers that n of them stand for, seen from the end where the paths end: one that has no relay
 * for itself, the others for all of the relay that is nearest to that end. */
int dc__path_promised(const dc__path *const *paths, int n);

#endif
