#include "endpoint/path.h"

#include <string.h>

#include "dynacomm.h"

void dc__path_put(dc__bytes *out, const dc__path *path)
{
    dc__put_uint(out, (uint64_t)path->n, 1);
    for (int k = 0; k < path->n; k++) {
        dc__put_uint(out, path->at[k].id, 8);
        dc__put_uint(out, (uint64_t)path->at[k].workers, 4);
    }
}

bool dc__path_get(dc__bytes *in, dc__path *path)
{
    memset(path, 0, sizeof *path);
    const uint64_t n = dc__get_uint(in, 1);
    if (in->failed || n > DC__RELAYS_MOST) return false;
    for (uint64_t k = 0; k < n; k++) {
        const uint64_t id = dc__get_uint(in, 8), workers = dc__get_uint(in, 4);
        if (in->failed || id == 0 || workers < 1 || workers > DC_MAX_WORKERS || dc__path_has(path, id))
            return false;
        (void)dc__path_add(path, id, (int)workers);
    }
    return true;
}

bool dc__path_has(const dc__path *path, uint64_t id)
{
    for (int k = 0; k < path->n; k++)
        if (path->at[k].id == id) return true;
    return false;
}

bool dc__path_add(dc__path *path, uint64_t id, int workers)
{
    if (path->n == DC__RELAYS_MOST) return false;
    path->at[path->n++] = (dc__behind){.id = id, .workers = workers};
    return true;
}

bool dc__path_same(const dc__path *a, const dc__path *b, int levels)
{
    if (a->n < levels || b->n < levels) return false;
    for (int k = 1; k <= levels; k++)
        if (a->at[a->n - k].id != b->at[b->n - k].id) return false;
    return true;
}

int dc__path_promised(const dc__path *const *paths, int n)
{
    int promised = 0;
    for (int k = 0; k < n; k++) {
        bool first = true;
        for (int j = 0; paths[k]->n > 0 && first && j < k; j++)
            first = !dc__path_same(paths[j], paths[k], 1);
        if (first) promised += paths[k]->n > 0 ? paths[k]->at[paths[k]->n - 1].workers : 1;
    }
    return promised;
}
