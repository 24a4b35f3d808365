/* crew.c - the members of a round, in the order of summation. See roster.h. */
#include "server/roster.h"

bool dc__crew_has(const dc__crew *crew, int slot)
{
    for (int k = 0; k < crew->n; k++)
        if (crew->member[k].slot == slot) return true;
    return false;
}

void dc__crew_add(dc__crew *crew, const dc__member *m, int slot, bool fresh)
{
    int at = crew->n++;
    for (; at > 0 && crew->member[at - 1].number > m->number; at--)
        crew->member[at] = crew->member[at - 1];
    crew->member[at] = (dc__crew_member){
        .id = m->id, .number = m->number, .images = m->images, .slot = slot, .fresh = fresh};
    crew->images += m->images;
}

void dc__crew_group(dc__roster *r, dc__crew *crew)
{
    crew->followers = 0;
    for (int k = 0; k < crew->n; k++) {
        dc__crew_member *m = &crew->member[k];
        const dc__path *path = &r->member[m->slot].path;
        int lead = k;
        for (int j = 0; path->n > 0 && j < k && lead == k; j++)
            if (dc__path_same(path, &r->member[crew->member[j].slot].path, 1)) lead = j;
        r->member[m->slot].lead = crew->member[lead].slot;
        m->follows = lead != k;
        m->behind = 0;
        if (m->follows) crew->member[lead].behind += m->images;
        crew->followers += m->follows;
    }
}
