/* mesh.c - a worker of a mesh: its process also holds a shard of the model, with a server of its own.
 *
 * DESIGN
 *   dc_worker_join with mesh://HOST:PORT opens a listener, says SHARD to the meeting server there (server/host.h), makes the
 * server of the shard that it is given, runs it on a thread, and joins the meeting server as a worker, which sends it to all
 * shards. Its own is reached through a pair of sockets inside the process. The shard ends after the worker: with it if that
 * fails, else when all workers are done, for the others need it until then.
 *   The server's lines are nobody's: what ends it, ends the worker with a line. */
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/error.h"
#include "net/channel.h"
#include "server/host.h"
#include "worker/worker.h"

#define SCHEME "mesh://"

typedef struct mesh {
    dc__worker_host host;
    char inner[64];
    dc_server *server;
    pthread_t thread;
    dc__account account; /* of this machine's link, which the worker and the shard share */
    _Atomic bool over;   /* the server has ended, as err and line say */
    dc_error err;
    char line[DC__LINE_BYTES];
    bool joining, ended; /* the worker's thread: dc_worker_join is under way; the thread has been joined */
} mesh;

static mesh *make(void)
{
    mesh *m = calloc(1, sizeof *m);
    if (m) dc__account_init(&m->account);
    return m;
}

static void discard(mesh *m)
{
    if (m) dc__account_destroy(&m->account);
    free(m);
}

/* ---- the shard ---- */

static void *run(void *context)
{
    mesh *m = context;
    m->err = dc_server_run(m->server);
    if (m->err) (void)snprintf(m->line, sizeof m->line, "%s", dc_last_error());
    m->over = true;
    return NULL;
}

static dc_error check(void *context)
{
    const mesh *m = context;
    if (!m->over || !m->err) return DC_OK;
    return dc__fail(m->err, "this worker's shard has ended: %.400s", m->line);
}

static dc_error end(void *context, bool ok, const char *reason)
{
    mesh *m = context;
    char line[DC__LINE_BYTES];
    (void)snprintf(line, sizeof line, "another worker of the mesh ended: %.400s", reason);
    if (!ok) dc__server_end(m->server, line);
    pthread_join(m->thread, NULL);
    m->ended = true;
    const dc_error err = ok ? check(m) : DC_OK;
    dc_server_free(m->server);
    if (!m->joining) discard(m);
    return err;
}

/* ---- joining ---- */

/* tcp://HOST:PORT of mesh://HOST:PORT, ipc:///PATH of mesh:///PATH. */
static dc_error meeting_url(const char *url, char meeting[DC__URL_BYTES])
{
    const char *rest = url + strlen(SCHEME);
    if (strlen(rest) >= DC__URL_BYTES - 16) return dc__fail(DC_EURL, "the address %.40s... is too long", url);
    (void)snprintf(meeting, DC__URL_BYTES, "%s%s", rest[0] == '/' ? "ipc://" : "tcp://", rest);
    if (!rest[0] || strchr(rest, ',') || dc__address_parse(meeting, NULL))
        return dc__fail(
            DC_EURL,
            "'%s' is not where a mesh meets: an address looks like mesh://HOST:PORT, or mesh:///PATH", url);
    return DC_OK;
}

static dc_error listen_where(const dc_worker_options *o, const char *meeting, dc__listener **listener,
                             char url[DC__URL_BYTES])
{
    const size_t first_bytes = DC__HEADER_BYTES + DC__MAX_JOIN_BYTES;
    if (!o->listen_url) return dc__listener_open_near(listener, meeting, first_bytes, url, DC__URL_BYTES);
    const dc_error err = dc__address_parse(o->listen_url, NULL);
    if (!err) (void)snprintf(url, DC__URL_BYTES, "%s", o->listen_url);
    return err ? err : dc__listener_open(listener, o->listen_url, first_bytes);
}

static dc_error meet(const dc_worker_options *o, const char *meeting, const char *listens, dc__met *met)
{
    const double default_s = o->timeout_s > 0 ? o->timeout_s : 0;
    if (o->announce_url && dc__address_parse(o->announce_url, NULL)) return DC_EURL;
    return dc__meet(&(dc__meet_options){.url = meeting,
                                        .own = o->announce_url ? o->announce_url : listens,
                                        .rank = o->rank,
                                        .Bps = o->link_Bps,
                                        .id = o->id,
                                        .connect_s = default_s > 0 ? default_s : DC_DEFAULT_JOIN_S,
                                        .silence_s = default_s > 0 ? default_s : DC_DEFAULT_PATIENCE_S,
                                        .stop = o->stop},
                    met);
}

/* Messages are allocated and freed at the rate of the links, by a server as by a worker (tool/server.c says what that costs). */
static void keep_memory(void)
{
#ifdef M_TRIM_THRESHOLD
    (void)mallopt(M_TRIM_THRESHOLD, 256 << 20);
    (void)mallopt(M_MMAP_THRESHOLD, 8 << 20);
#endif
}

static dc_error open_inner(mesh *m, dc__listener **inner)
{
    static _Atomic unsigned made;
    (void)snprintf(m->inner, sizeof m->inner, "inproc://dynacomm-mesh-%u", made++);
    return dc__listener_open(inner, m->inner, DC__HEADER_BYTES + DC__MAX_JOIN_BYTES);
}

static void say(const dc_worker_options *o, const dc__met *met)
{
    char line[DC__LINE_BYTES], waits[64] = "";
    const dc__shard_place *p = &met->place;
    if (!o->log) return;
    if (p->here < p->workers)
        (void)snprintf(waits, sizeof waits, "; waiting for %d more worker%s", p->workers - p->here,
                       p->workers - p->here > 1 ? "s" : "");
    (void)snprintf(line, sizeof line,
                   "holds shard %d of %d of the mesh, at %s, where whoever reaches it can take part%s",
                   p->shard - 1, p->shards - 1, met->own, waits);
    o->log(o->log_context, line);
}

/* The shard's server, from the listener to its thread. */
static dc_error start(mesh *m, const dc_worker_options *o, const char *meeting)
{
    char listens[DC__URL_BYTES];
    dc__listener *listener = NULL, *inner = NULL;
    dc__met met;
    dc_error err = listen_where(o, meeting, &listener, listens);
    if (!err) err = open_inner(m, &inner);
    if (!err) err = meet(o, meeting, listens, &met);
    if (err) {
        dc__listener_close(listener);
        dc__listener_close(inner);
        return err;
    }
    m->host = (dc__worker_host){.context = m,
                                .shard = met.place.shard,
                                .url = m->inner,
                                .account = &m->account,
                                .check = check,
                                .end = end};
    err = dc__server_host(&m->server, &met, listener, inner, &m->account);
    if (err) return err;
    say(o, &met);
    if (pthread_create(&m->thread, NULL, run, m) == 0) return DC_OK;
    dc_server_free(m->server);
    return dc__fail(DC_ENOMEM, "cannot start a thread for this worker's shard");
}

static dc_error check_options(const dc_worker_options *o)
{
    if (!(o->link_Bps >= 0 && o->link_Bps < 1e15))
        return dc__fail(DC_EINVAL, "a link of %g bytes/s is none", o->link_Bps);
    if (o->key_path)
        return dc__fail(DC_EINVAL,
                        "a mesh does not go together with keys yet: leave it out, or use one server");
    return DC_OK;
}

static dc_error choose_id(dc_worker_options *o)
{
    while (o->id == 0)
        if (getrandom(&o->id, sizeof o->id, 0) != (ssize_t)sizeof o->id)
            return dc__fail(DC_ENET, "no random numbers from the kernel");
    return DC_OK;
}

static dc_error join_mesh(dc_worker **out, dc_model *model, const dc_worker_options *options)
{
    char meeting[DC__URL_BYTES];
    dc_worker_options own = *options;
    dc_error err = meeting_url(options->url, meeting);
    if (!err) err = check_options(options);
    if (!err) err = choose_id(&own); /* the meeting server knows by it whose shard that is */
    mesh *m = err ? NULL : make();
    if (!err && !m) err = dc__fail(DC_ENOMEM, "out of memory for a worker");
    if (!err) err = start(m, &own, meeting);
    if (err) {
        discard(m);
        return err;
    }
    keep_memory();
    own.url = meeting;
    m->joining = true;
    err = dc__worker_open(out, model, &own, &m->host);
    m->joining = false;
    if (!err) return DC_OK;
    char line[DC__LINE_BYTES];
    (void)snprintf(line, sizeof line, "%s", dc_last_error());
    if (m->ended)
        discard(m);
    else
        (void)end(m, false, line);
    return dc__fail(err, "%s", line);
}

dc_error dc_worker_join(dc_worker **out, dc_model *model, const dc_worker_options *options)
{
    *out = NULL;
    if (strncmp(options->url, SCHEME, strlen(SCHEME)) == 0) return join_mesh(out, model, options);
    if (options->listen_url || options->announce_url)
        return dc__fail(DC_EINVAL,
                        "only a worker of a mesh listens: write mesh:// in %.60s, or leave that out",
                        options->url);
    if (options->link_Bps > 0)
        return dc__fail(
            DC_EINVAL, "only a mesh is spread by its links' rates: write mesh:// in %.60s, or leave that out",
            options->url);
    return dc__worker_open(out, model, options, NULL);
}
