#include "server/tree.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

void dc__tree_free(dc__tree *t)
{
    free(t->sums);
    t->sums = NULL;
}

/* Onto the sum in place j, which is a member's own gradient at first. */
static void add_onto(const dc__tree *t, dc__addends *a, int j, int k, size_t n)
{
    float *sum = t->sums + (size_t)j * DC__BLOCK_FLOATS_MOST;
    if (a->data[j] != sum) memcpy(sum, a->data[j], n * sizeof *sum);
    dc__add(n, sum, a->data[k]);
    a->data[j] = sum;
    a->data[k] = NULL;
}

dc_error dc__tree_sum(dc__tree *t, const dc__path *const *paths, size_t n, dc__addends *a)
{
    int levels = 0, left = 0;
    for (int k = 0; k < a->n; k++)
        levels = paths[k]->n > levels ? paths[k]->n : levels;
    if (levels == 0) return DC_OK;
    if (!t->sums) t->sums = malloc((size_t)DC__CREW_MOST * DC__BLOCK_FLOATS_MOST * sizeof *t->sums);
    if (!t->sums) return dc__fail(DC_ENOMEM, "out of memory for the sums of relays");
    for (int level = levels; level > 0; level--) /* from the relays that are furthest from the server */
        for (int k = 0; k < a->n; k++)
            for (int j = 0; a->data[k] && paths[k]->n >= level && j < k; j++)
                if (a->data[j] && dc__path_same(paths[j], paths[k], level)) add_onto(t, a, j, k, n);
    for (int k = 0; k < a->n; k++)
        if (a->data[k]) {
            a->member[left] = a->member[k];
            a->data[left++] = a->data[k];
        }
    a->n = left;
    return DC_OK;
}
