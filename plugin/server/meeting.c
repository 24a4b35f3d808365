/* meeting.c - the server at which the workers of a mesh meet: who comes is given a shard. See shards.h. */
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "server/server.h"

#define RETURN_S 10.0      /* who lives is back in a run that went back well within that */
#define DEAD_NS 3000000000 /* of a link that broke: its process is dead, if another one comes in its place */

/* A worker that means a mesh, at a server that is none. */
static dc_error no_mesh(const dc__shards *sh)
{
    char text[DC__SHARD_TEXT_BYTES];
    dc__shards_text(sh, sh->index, text);
    if (sh->n == 1)
        return dc__fail(DC_EINVAL,
                        "this server has all of the model, and no mesh meets here: write tcp:// where the "
                        "worker's address has mesh://");
    if (sh->index == 0)
        return dc__fail(
            DC_EINVAL,
            "this server is the first of %d shards, and no mesh meets here: write tcp:// where the "
            "worker's address has mesh://",
            sh->n);
    return dc__fail(DC_EINVAL, "this is %s, and no mesh meets here: name %s", text, sh->first);
}

/* Each worker its own number, if it asks for one. */
static dc_error check_rank(const dc__shards *sh, const dc__shard_hello *hello)
{
    const int workers = sh->n - 1;
    if (hello->rank >= workers)
        return dc__fail(DC_EINVAL, "rank %d does not exist: the server has ranks 0 to %d", hello->rank,
                        workers - 1);
    for (int k = 1; hello->rank >= 0 && k < sh->n; k++)
        if (sh->peers[k].present && sh->peers[k].rank == hello->rank)
            return dc__fail(
                DC_EINVAL,
                "rank %d is taken by another worker, whose shard is at %s: give each worker its own, "
                "or none",
                hello->rank, sh->peers[k].url);
    return DC_OK;
}

/* ---- who comes again ---- */

/* It was in a run, and is to be the shard that it was. */
static bool claims(const dc__shard_hello *hello)
{
    return hello->shares.n > 1;
}

static bool is_up(const dc__peer *p)
{
    return !p->over && dc__channel_state_of(p->endpoint.link.channel) == DC__CHANNEL_UP;
}

/* The shard that this worker's process has, or had before it was started again; 0 = none that is known. */
static int own_of(const dc__shards *sh, const dc__shard_hello *hello)
{
    if (claims(hello)) return hello->shards == sh->n && hello->shard <= sh->n ? hello->shard - 1 : 0;
    for (int k = 1; hello->id && k < sh->n; k++)
        if (sh->peers[k].id == hello->id) return k;
    for (int k = 1; hello->rank >= 0 && k < sh->n; k++)
        if (sh->peers[k].rank == hello->rank) return k;
    return 0;
}

/* A number that nobody has, and that nobody who was in the run is about to come for. */
static bool is_free(const dc__shards *sh, int k)
{
    const dc__peer *p = &sh->peers[k];
    return !p->present && !(p->awaited && dc__seconds(dc__now_ns() - sh->lost_ns) < RETURN_S);
}

static int first_free(const dc__shards *sh)
{
    for (int k = 1; k < sh->n; k++)
        if (is_free(sh, k)) return k;
    return 0;
}

int dc__meeting_lost(const dc__shards *sh, const dc__shard_hello *hello)
{
    const dc__training *t = &sh->server->training;
    if (!hello->mesh || sh->index > 0 || !dc__shards_are_elastic(sh) || t->ended) return 0;
    const int own = own_of(sh, hello);
    if (own) {
        const dc__peer *p = &sh->peers[own];
        if (!p->present) return 0;
        /* Who has come anew before the run is known gives way. */
        const bool gives_way = claims(hello) && !p->has_part && !t->roster.training;
        return !is_up(p) || gives_way || (claims(hello) && strcmp(p->url, hello->url) == 0) ? own : 0;
    }
    for (int k = 1; !first_free(sh) && k < sh->n; k++) {
        const dc__peer *p = &sh->peers[k];
        if (p->present && !is_up(p) && dc__now_ns() - dc__link_sign_ns(&p->endpoint.link) > DEAD_NS) return k;
    }
    return 0;
}

/* ---- a number ---- */

static dc_error place_again(const dc__shards *sh, const dc__shard_hello *hello, int *number)
{
    const dc__shares *shares = &hello->shares;
    *number = own_of(sh, hello);
    if (*number == 0 || shares->n != sh->n)
        return dc__fail(DC_EINVAL,
                        "this worker was in a mesh of %d, and the meeting server is for %d: start it again",
                        shares->n - 1, sh->n - 1);
    if (sh->peers[*number].present)
        return dc__fail(DC_EFULL, "another worker has taken this one's place in the mesh: start it again");
    for (int k = 1; k < sh->n; k++)
        if (sh->peers[k].present && sh->peers[k].has_part &&
            memcmp(shares, &sh->server->training.shares, sizeof *shares) != 0)
            return dc__fail(DC_EINVAL, "this worker holds another part of the model than the mesh has for "
                                       "it: start it again");
    return DC_OK;
}

/* All places are taken. */
static dc_error full(const dc__shards *sh, const dc__shard_hello *hello)
{
    const dc__training *t = &sh->server->training;
    const int own = own_of(sh, hello), workers = sh->n - 1;
    if (dc__shards_are_elastic(sh) && !t->ended && own && sh->peers[own].id == hello->id)
        return dc__fail(DC_EPEER, "the mesh has this worker already, in another process, as it seems");
    if (t->ended) return dc__fail(DC_EFULL, "the mesh's run has ended, and nobody has to take part any more");
    if (t->roster.training)
        return dc__fail(DC_EFULL, "the mesh trains already, and takes nobody in before the run has ended");
    return dc__fail(DC_EFULL,
                    "the mesh has its %d worker%s already: start its server for %d to take one more", workers,
                    workers > 1 ? "s" : "", workers + 1);
}

static dc_error place_anew(const dc__shards *sh, const dc__shard_hello *hello, int *number)
{
    const dc_error err = check_rank(sh, hello);
    if (err) return err;
    *number = own_of(sh, hello); /* also one that is awaited: it was killed before it came again */
    if (*number == 0 || sh->peers[*number].present) *number = hello->rank >= 0 ? hello->rank + 1 : 1;
    if (sh->peers[*number].present || (own_of(sh, hello) != *number && !is_free(sh, *number)))
        *number = first_free(sh);
    if (*number) return DC_OK;
    return dc__fail(DC_EPEER, "workers who were in the mesh's run are awaited first");
}

dc_error dc__meeting_place(const dc__shards *sh, const dc__shard_hello *hello, int *number)
{
    const dc__training *t = &sh->server->training;
    if (!sh->mesh) return no_mesh(sh);
    if (!hello->mesh)
        return dc__fail(
            DC_EINVAL,
            "shard %d of %d came where a mesh meets, whose workers hold its shards: leave it out, or start "
            "that server with --shard 1/%d in place of --mesh",
            hello->shard, hello->shards, hello->shards);
    if (sh->index > 0)
        return dc__fail(DC_EINVAL, "a worker holds this shard: name where the mesh meets, %s", sh->first);
    if (claims(hello)) return place_again(sh, hello, number);
    if (t->roster.training || dc__meeting_here(sh) == sh->n - 1) return full(sh, hello);
    if (t->model)
        return dc__fail(DC_EPEER, "a worker has left the mesh, and the others have not all heard of it yet");
    return place_anew(sh, hello, number);
}

int dc__meeting_vacant(const dc__shards *sh)
{
    const dc__roster *r = &sh->server->training.roster;
    if (!sh->mesh || sh->index > 0 || !dc__shards_are_elastic(sh) || r->training) return -1;
    for (int i = 0; i < r->saved.n; i++) {
        const dc__crew_member *saved = &r->saved.member[i];
        const dc__member *m = &r->member[saved->slot];
        bool comes = m->state != DC__MEMBER_LOST || m->id != saved->id;
        for (int k = 1; k < sh->n; k++)
            comes |= sh->peers[k].id == saved->id;
        if (!comes) return saved->slot;
    }
    return -1;
}

/* All are here: who has the better link holds more, unless some have their parts. */
static void spread(dc__shards *sh)
{
    double Bps[DC__PARTS_MOST] = {0};
    for (int k = 1; k < sh->n; k++) {
        if (sh->peers[k].has_part) return;
        Bps[k] = sh->peers[k].Bps;
    }
    dc__shares_of_links(&sh->server->training.shares, Bps);
}

void dc__meeting_came(dc__shards *sh, int number, const dc__shard_hello *hello)
{
    char text[DC__SHARD_TEXT_BYTES];
    dc__training *t = &sh->server->training;
    dc__peer *p = &sh->peers[number];
    const int missing = sh->n - 1 - dc__meeting_here(sh);
    const char *again = claims(hello) ? " again" : "";
    p->rank = hello->rank;
    p->Bps = hello->Bps;
    p->id = hello->id;
    p->has_part = claims(hello);
    p->awaited = false;
    if (p->has_part) t->shares = hello->shares;
    dc__shards_text(sh, number, text);
    if (missing == 0) spread(sh);
    if (missing > 0)
        dc__log_line(&t->log, "a worker is here%s, with %s, at %s; waiting for %d more", again, text,
                     hello->url, missing);
    else
        dc__log_line(&t->log, "a worker is here%s, with %s, at %s; all %d are here", again, text, hello->url,
                     sh->n - 1);
}
