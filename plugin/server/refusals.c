#include "server/refusals.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

dc_error dc__refusals_init(dc__refusals *r, int n)
{
    pthread_mutex_init(&r->lock, NULL);
    r->n = n;
    r->member = calloc((size_t)n, sizeof *r->member);
    return r->member ? DC_OK : dc__fail(DC_ENOMEM, "out of memory for %d workers", n);
}

void dc__refusals_destroy(dc__refusals *r)
{
    free(r->member);
    pthread_mutex_destroy(&r->lock);
}

void dc__refusals_reset(dc__refusals *r, int slot)
{
    pthread_mutex_lock(&r->lock);
    memset(&r->member[slot], 0, sizeof r->member[slot]);
    pthread_mutex_unlock(&r->lock);
}

bool dc__refusals_add(dc__refusals *r, int slot, uint64_t round, int row, bool expels, dc__refusal *now)
{
    dc__refusal *m = &r->member[slot];
    pthread_mutex_lock(&r->lock);
    const bool news = m->round != round + 1;
    if (news) {
        m->in_a_row = m->round == round ? m->in_a_row + 1 : 1;
        m->round = round + 1;
        m->times++;
        m->expelled = expels || m->in_a_row == row;
        now->round = m->round;
        now->in_a_row = m->in_a_row;
        now->times = m->times;
        now->expelled = m->expelled;
    }
    pthread_mutex_unlock(&r->lock);
    return news;
}

void dc__refusals_tell(dc__refusals *r, int slot, const char *line)
{
    dc__refusal *m = &r->member[slot];
    pthread_mutex_lock(&r->lock);
    (void)snprintf(m->line, sizeof m->line, "%s", line);
    m->due = true;
    pthread_mutex_unlock(&r->lock);
}

dc_error dc__refusals_due(dc__refusals *r, int slot)
{
    dc__refusal *m = &r->member[slot];
    if (!m->due) return DC_OK; /* each frame asks */
    pthread_mutex_lock(&r->lock);
    m->due = false;
    const dc_error err = dc__fail(DC_EVALUE, "%s", m->line);
    pthread_mutex_unlock(&r->lock);
    return err;
}

bool dc__refusals_expelled(dc__refusals *r, int slot)
{
    pthread_mutex_lock(&r->lock);
    const bool expelled = r->member[slot].expelled;
    pthread_mutex_unlock(&r->lock);
    return expelled;
}
