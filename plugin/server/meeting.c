/* meeting.c - the server at which the workers of a mesh meet: who comes is given a shard. See shards.h. */
#include <string.h>

#include "base/error.h"
#include "server/server.h"

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

dc_error dc__meeting_place(const dc__shards *sh, const dc__shard_hello *hello, int *number)
{
    const dc__training *t = &sh->server->training;
    const int workers = sh->n - 1;
    if (!sh->mesh) return no_mesh(sh);
    if (!hello->mesh)
        return dc__fail(
            DC_EINVAL,
            "shard %d of %d came where a mesh meets, whose workers hold its shards: leave it out, or start "
            "that server with --shard 1/%d in place of --mesh",
            hello->shard, hello->shards, hello->shards);
    if (sh->index > 0)
        return dc__fail(DC_EINVAL, "a worker holds this shard: name where the mesh meets, %s", sh->first);
    if (t->roster.training)
        return dc__fail(DC_EFULL, "the mesh trains already, and takes nobody in before the run has ended");
    if (dc__meeting_here(sh) == workers)
        return dc__fail(DC_EFULL,
                        "the mesh has its %d worker%s already: start its server for %d to take one more",
                        workers, workers > 1 ? "s" : "", workers + 1);
    if (t->model)
        return dc__fail(DC_EPEER, "a worker has left the mesh, and the others have not all heard of it yet");
    const dc_error err = check_rank(sh, hello);
    if (err) return err;
    *number = hello->rank >= 0 ? hello->rank + 1 : 1;
    for (int k = 1; sh->peers[*number].present && k < sh->n; k++)
        if (!sh->peers[k].present) *number = k;
    return DC_OK;
}

/* All are here: who has the better link holds more. */
static void spread(dc__shards *sh)
{
    double Bps[DC__PARTS_MOST] = {0};
    for (int k = 1; k < sh->n; k++)
        Bps[k] = sh->peers[k].Bps;
    dc__shares_of_links(&sh->server->training.shares, Bps);
}

void dc__meeting_came(dc__shards *sh, int number, const dc__shard_hello *hello)
{
    char text[DC__SHARD_TEXT_BYTES];
    dc__training *t = &sh->server->training;
    const int missing = sh->n - 1 - dc__meeting_here(sh);
    sh->peers[number].rank = hello->rank;
    sh->peers[number].Bps = hello->Bps;
    dc__shards_text(sh, number, text);
    if (missing == 0) spread(sh);
    if (missing > 0)
        dc__log_line(&t->log, "a worker is here, with %s, at %s; waiting for %d more", text, hello->url,
                     missing);
    else
        dc__log_line(&t->log, "a worker is here, with %s, at %s; all %d are here", text, hello->url,
                     sh->n - 1);
}
