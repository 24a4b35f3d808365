/* players.c - those who take part in a replayed run, and what each of them has. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "replay/replay.h"

dc__player *dc__replay_find(dc_replay *r, int number)
{
    for (int k = 0; k < r->info.members; k++)
        if (r->players[k].who.number == number) return &r->players[k];
    return NULL;
}

void dc__player_describe(dc__player *p, const dc__log_member *m)
{
    p->who = (dc_replay_member){.number = m->number, .id = m->id, .images = m->images};
    memcpy(p->who.note, m->note, sizeof m->note);
}

dc_error dc__replay_add(dc_replay *r, const dc__log_member *m)
{
    if (dc__replay_find(r, m->number)) return DC_OK;
    dc__player *more = realloc(r->players, (size_t)(r->info.members + 1) * sizeof *more);
    if (!more) return dc__fail(DC_ENOMEM, "out of memory for the workers of %s", r->path);
    r->players = more;
    more[r->info.members] = (dc__player){0};
    dc__player_describe(&more[r->info.members++], m);
    return DC_OK;
}

static void free_sent(dc__sent *s)
{
    free(s->payload);
    free(s->at);
}

void dc__replay_free_players(dc_replay *r)
{
    for (int k = 0; k < r->info.members; k++) {
        dc__player *p = &r->players[k];
        free(p->statistics);
        free(p->reported);
        free(p->counts);
        free(p->old);
        free_sent(&p->sent);
        free_sent(&p->before);
        if (p->encodes) dc__encoder_free(&p->encoder);
    }
    free(r->players);
    free(r->crew);
    free(r->passes);
}

dc_error dc__replay_allocate(dc_replay *r)
{
    const size_t map = (r->model->n_blocks + 7) / 8;
    bool ok = (r->crew = calloc((size_t)r->info.members, sizeof *r->crew)) != NULL;
    ok &= (r->passes = calloc(2 * (size_t)r->info.members, sizeof *r->passes)) != NULL;
    for (int k = 0; ok && k < r->info.members; k++) {
        dc__player *p = &r->players[k];
        ok &= (p->statistics = calloc(r->stat_floats + 1, sizeof *p->statistics)) != NULL;
        ok &= (p->reported = calloc(r->stat_floats + 1, sizeof *p->reported)) != NULL;
        ok &= (p->counts = calloc(map, 1)) != NULL && (p->old = calloc(map, 1)) != NULL;
    }
    return ok ? DC_OK : dc__fail(DC_ENOMEM, "out of memory for the workers of %s", r->path);
}
