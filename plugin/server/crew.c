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

int dc__roster_staying(dc__roster *r, const dc__crew *crew, int but)
{
    int staying = 0;
    pthread_mutex_lock(&r->lock);
    for (int k = 0; k < crew->n; k++) {
        const dc__member *m = &r->member[crew->member[k].slot];
        staying += crew->member[k].slot != but && m->state != DC__MEMBER_LEFT && !m->closed && !m->leaves;
    }
    pthread_mutex_unlock(&r->lock);
    return staying;
}

/* ---- over shards ---- */

/* With the lock held. */
static dc__member *numbered(dc__roster *r, int number)
{
    for (int i = 0; i < r->n; i++)
        if (r->member[i].state != DC__MEMBER_FREE && r->member[i].number == number) return &r->member[i];
    return NULL;
}

bool dc__roster_let(dc__roster *r, int number, uint64_t from, uint64_t now)
{
    pthread_mutex_lock(&r->lock);
    dc__member *m = numbered(r, number);
    const bool begun = m && now == from && dc__crew_has(dc__roster_crew(r, from), (int)(m - r->member));
    const bool comes = m && now < from;
    if (comes) {
        m->due = m->known = true;
        m->enters = from;
        if (number >= r->next_number) r->next_number = number + 1;
    }
    pthread_mutex_unlock(&r->lock);
    return begun || comes;
}

bool dc__roster_pass(dc__roster *r, int number, uint64_t until, uint64_t now)
{
    pthread_mutex_lock(&r->lock);
    dc__member *m = numbered(r, number);
    const bool ok = m && now <= until + 1;
    if (ok) {
        m->leaves = true;
        m->until = until;
    }
    pthread_mutex_unlock(&r->lock);
    return ok;
}

bool dc__roster_all_finished(dc__roster *r, uint64_t round)
{
    int finished = 0, left = 0;
    pthread_mutex_lock(&r->lock);
    const dc__crew *crew = dc__roster_crew(r, round);
    for (int k = 0; k < crew->n; k++) {
        const dc__member *m = &r->member[crew->member[k].slot];
        finished += m->state == DC__MEMBER_FINISHED;
        left += m->state == DC__MEMBER_LEFT || m->leaves ||
                m->closed; /* who came back meanwhile waits for a round that nobody begins */
    }
    const bool all = r->training && finished > 0 && finished + left == crew->n;
    pthread_mutex_unlock(&r->lock);
    return all;
}
