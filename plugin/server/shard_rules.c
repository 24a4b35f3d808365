/* shard_rules.c - what the first of several shards and the others have in common. See shards.h. */
#include "server/shards.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/error.h"
#include "server/server.h"

static dc_error not_with(const dc_server_options *o, const char *what)
{
    return dc__fail(DC_EINVAL, "%s not go together with %s yet: leave it out, or use one server",
                    o->mesh ? "a mesh does" : "shards do", what);
}

dc_error dc__shards_check(const dc_server_options *o)
{
    dc__coding coding;
    if (o->shards <= 1) return DC_OK;
    if (o->mesh && o->workers > DC__MESH_MOST)
        return dc__fail(DC_EINVAL, "%d workers: a mesh has at most %d", o->workers, DC__MESH_MOST);
    if ((o->shards > DC__SHARDS_MOST && !o->mesh) || o->shard < 1 || o->shard > o->shards)
        return dc__fail(DC_EINVAL, "shard %d of %d: there are 2 to %d, counted from 1", o->shard, o->shards,
                        DC__SHARDS_MOST);
    if (o->shard > 1 && !o->first_url)
        return dc__fail(DC_EINVAL, "shard %d of %d needs the address of the first one", o->shard, o->shards);
    if (o->shard == 1 && o->first_url)
        return dc__fail(DC_EINVAL,
                        "this is the first shard, to which the others come: it needs no other's address");
    dc_error err = o->first_url ? dc__address_parse(o->first_url, NULL) : DC_OK;
    if (!err && o->announce_url) err = dc__address_parse(o->announce_url, NULL);
    if (!err && o->codec) err = dc__coding_parse(o->codec, &coding);
    if (err) return err;
    if (o->key_path && o->mesh) return not_with(o, "keys");
    if (o->members_path && o->shard > 1)
        return dc__fail(DC_EINVAL, "the first shard alone has a list of members, and says who may take part");
    if (o->balance) return not_with(o, "balanced images");
    if (o->bounds.clip_norm > 0) return not_with(o, "a bound on norms");
    if (o->mesh && o->min_workers && o->min_workers != o->workers)
        return dc__fail(DC_EINVAL,
                        "each worker of a mesh holds a part of the model, so that it cannot go on with fewer "
                        "workers than it is for");
    if (o->mesh && o->on_loss == DC_ON_LOSS_DROP)
        return dc__fail(
            DC_EINVAL,
            "each worker of a mesh holds a part of the model, so that it cannot go on without lost "
            "workers: wait for them, or end the run");
    return DC_OK;
}

dc_error dc__shards_init(dc__shards *sh, dc_server *s, dc_server_options *o)
{
    sh->server = s;
    sh->n = o->shards > 1 ? o->shards : 1;
    sh->index = sh->n > 1 ? o->shard - 1 : 0;
    sh->mesh = sh->n > 1 && o->mesh;
    sh->gathering = DC__NO_ROUND;
    if (sh->n > 1 && sh->index == 0 && getrandom(&sh->run, sizeof sh->run, 0) != (ssize_t)sizeof sh->run)
        return dc__fail(DC_ENET, "no random numbers from the kernel");
    sh->run = sh->index == 0 ? sh->run >> 1 : 0; /* another process of the first shard has other runs */
    pthread_mutex_init(&sh->lock, NULL);
    dc__condition_init(&sh->news);
    if (sh->n == 1) return DC_OK;
    if (sh->index > 0) o->on_loss = DC_ON_LOSS_END; /* another one hears it from the first */
    o->bounds.on_bad_value = DC_BAD_STOP;
    if (sh->index > 0) {
        o->backup_dir = NULL; /* the first one has all of a checkpoint */
        (void)snprintf(sh->first, sizeof sh->first, "%s", o->first_url);
        (void)snprintf(sh->own, sizeof sh->own, "%s", o->announce_url ? o->announce_url : o->url);
    }
    sh->peers = calloc((size_t)sh->n, sizeof *sh->peers);
    sh->admitted = calloc(DC__CREW_MOST, sizeof *sh->admitted);
    sh->listing = calloc(DC__CREW_MOST, sizeof *sh->listing);
    if (!sh->peers || !sh->admitted || !sh->listing)
        return dc__fail(DC_ENOMEM, "out of memory for %d shards", sh->n);
    for (int k = 0; k < sh->n; k++) {
        dc__peer *p = &sh->peers[k];
        p->server = s;
        p->number = sh->index == 0 ? k : 0;
        p->now_due = p->got = p->send = DC__NO_ROUND;
        dc__endpoint_init(&p->endpoint, sh->index == 0 ? &dc__first_role : &dc__other_role, p, &sh->lock);
    }
    return DC_OK;
}

void dc__shards_destroy(dc__shards *sh)
{
    if (!sh->server) return;
    for (int k = 0; sh->peers && k < sh->n; k++) {
        dc__endpoint_stop(&sh->peers[k].endpoint);
        dc__endpoint_destroy(&sh->peers[k].endpoint);
        dc__other_omitted_free(&sh->peers[k]);
        dc__shard_free(&sh->peers[k].shard);
    }
    dc_model_free(sh->coming);
    free(sh->peers);
    free(sh->admitted);
    free(sh->listing);
    pthread_mutex_destroy(&sh->lock);
    pthread_cond_destroy(&sh->news);
}

static void say_mesh(dc__shards *sh)
{
    dc__training *t = &sh->server->training;
    if (t->on_loss == DC_ON_LOSS_WAIT && t->checkpoint.dir[0])
        dc__log_line(
            &t->log,
            "a mesh meets here: its workers hold the model; when one is lost, the run goes back to a checkpoint "
            "and waits for it, %.0f s, and it ends when a value is not finite",
            t->loss_wait_s);
    else
        dc__log_line(
            &t->log,
            "a mesh meets here: its workers hold the model, and the run ends when one is lost%s, or a value is not "
            "finite",
            t->on_loss == DC_ON_LOSS_WAIT ? " (there is no --backup to go back to)" : "");
}

void dc__shards_say(dc__shards *sh)
{
    const dc__training *t = &sh->server->training;
    char lost[96];
    if (sh->mesh && sh->index == 0) {
        say_mesh(sh);
        return;
    }
    if (t->on_loss == DC_ON_LOSS_END)
        (void)snprintf(lost, sizeof lost, "the run ends when a worker or a shard is lost");
    else
        (void)snprintf(lost, sizeof lost,
                       "a worker that is lost is %swaited for, a shard %.0f s; the run ends",
                       t->on_loss == DC_ON_LOSS_DROP ? "not " : "", t->loss_wait_s);
    if (sh->n > 1 && sh->index == 0)
        dc__log_line(&sh->server->training.log, "shard 1 of %d: %s%s a value is not finite", sh->n, lost,
                     t->on_loss == DC_ON_LOSS_END ? ", or" : " when");
    else if (sh->n > 1)
        dc__log_line(
            &sh->server->training.log,
            "shard %d of %d: the first shard keeps log and checkpoints, and says what becomes of a run "
            "when somebody is lost",
            sh->index + 1, sh->n);
}

/* The shards that are not here, as words: "shard 2 of 3"; how many. */
static int find_missing(const dc__shards *sh, char text[DC__SHARD_TEXT_BYTES])
{
    int n = 0;
    for (int k = sh->n - 1; sh->index == 0 && k > 0; k--)
        if (!sh->peers[k].present) {
            dc__shards_text(sh, k, text);
            n++;
        }
    return n;
}

bool dc__shards_ready(dc__shards *sh, uint32_t run)
{
    char text[DC__SHARD_TEXT_BYTES] = "";
    if (sh->n == 1) return true;
    const int missing = find_missing(sh, text);
    if (missing > 0 && sh->mesh)
        (void)dc__fail(DC_EPEER, "%d of the mesh's %d workers are not here", missing, sh->n - 1);
    else if (missing > 0)
        (void)dc__fail(DC_EPEER, "%s is not here%s: start it with the address of this one", text,
                       missing > 1 ? ", nor are others" : "");
    if (missing > 0) {
        if (!sh->said && !sh->mesh)
            dc__log_line(&sh->server->training.log, "a worker waits: %s", dc_last_error());
        sh->said = true;
        return false;
    }
    sh->said = false;
    if (sh->index == 0) return true;
    pthread_mutex_lock(&sh->lock);
    const bool here = sh->run == run && run > 0 && !sh->coming && sh->state_here;
    pthread_mutex_unlock(&sh->lock);
    if (!here) (void)dc__fail(DC_EPEER, "%s has not announced this worker's run here", dc__shards_first(sh));
    return here;
}

int dc__meeting_here(const dc__shards *sh)
{
    int here = 0;
    for (int k = 1; k < sh->n; k++)
        here += sh->peers[k].present;
    return here;
}

bool dc__shards_waits(const dc__shards *sh)
{
    return sh->mesh && sh->index == 0 && dc__meeting_here(sh) < sh->n - 1;
}

void dc__shards_coding(const dc__shards *sh, char text[DC__CODING_BYTES])
{
    const dc__codes *c = &sh->server->training.codes;
    text[0] = 0;
    if (c->said) dc__coding_text(&c->coding, text);
}

bool dc__shards_begun(dc__shards *sh)
{
    pthread_mutex_lock(&sh->lock);
    const bool begun = sh->begin;
    pthread_mutex_unlock(&sh->lock);
    return begun;
}

dc_error dc__shards_join(const dc__shards *sh, const dc__join *join)
{
    char text[DC__SHARD_TEXT_BYTES];
    dc__shards_text(sh, sh->index, text);
    if (sh->mesh && !join->mesh && sh->index == 0)
        return dc__fail(
            DC_EINVAL,
            "a mesh meets here: write mesh:// where the worker's address has tcp:// (or mesh:/// for "
            "ipc:///)");
    if (join->shard == 0 && sh->index == 0) return DC_OK;
    if (join->shard == 0 && sh->mesh)
        return dc__fail(DC_EINVAL, "a worker holds %s here: name where the mesh meets", text);
    if (join->shard == 0)
        return dc__fail(DC_EINVAL, "this is %s: name the first one, %s, first", text, sh->first);
    if (sh->n == 1)
        return dc__fail(DC_EINVAL, "shard %d of %d was due here, and this server has all of a model",
                        join->shard, join->shards);
    if (join->shard != sh->index + 1 || join->shards != sh->n)
        return dc__fail(DC_EINVAL,
                        "this is %s, where shard %d of %d was due: name the shards' addresses in their order",
                        text, join->shard, join->shards);
    return DC_OK;
}

void dc__shards_welcome(const dc__shards *sh, dc__welcome *welcome)
{
    size_t used = 0;
    welcome->shares = sh->server->training.shares;
    welcome->run = sh->run;
    welcome->entry = sh->entries;
    welcome->urls[0] = 0;
    for (int k = 1; sh->index == 0 && k < sh->n; k++)
        used += (size_t)snprintf(welcome->urls + used, sizeof welcome->urls - used, "%s%s", k > 1 ? "," : "",
                                 sh->peers[k].url);
}
